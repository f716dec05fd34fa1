"""An evaluation that is ready to run: the model at hand, the data open, the prompt chosen.

Guarantee: what was resolved (template version, shots' UIDs, data revision, the model's identity)
goes into the run's config, so that a resume asks exactly the same. Not for making one: see
`workbench.evaluation.prepare`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from workbench.evaluation.config import EvalConfig, full_key, run_key
from workbench.evaluation.lines import Prompter
from workbench.evaluation.recorded import AnswerRecord
from workbench.evaluation.shards import Shard, parse_shard
from workbench.grounding.answered import VERSION as PLACES
from workbench.inference.decoding import Decoding
from workbench.models.standing import other_base
from workbench.prompts.preview import unseen_of
from workbench.sample import Answer, Conversation, Sample

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.evaluation.remote import ServedModel
    from workbench.inference.prefix_cache import PrefixCache
    from workbench.models.base import LoadedModel

Answerer = Callable[[Sequence[Conversation]], list[Answer] | None]


@dataclass
class PreparedEvaluation:
    """An evaluation that is ready to run: the model at hand, the data open, the prompt chosen.

    Attributes:
        prefixes: What prompts begin with alike and the model has read: the examples, most of all.
            `None` reads each prompt whole, as a model wants whose weights change.
        answerer: Answers a batch in the engine's place, or says `None` where it cannot.
        record_of_answers: Answers that were given before; `None` asks for all and keeps none.
    """

    config: EvalConfig
    source: Source
    loaded: LoadedModel | ServedModel
    prompter: Prompter
    total: int
    prefixes: PrefixCache | None = None
    answerer: Answerer | None = None
    record_of_answers: AnswerRecord | None = None

    @property
    def key(self) -> str:
        """What its predictions depend on, as a hash; see `full_key`."""
        return full_key(self.settings_key, self.images_digest)

    @cached_property
    def images_digest(self) -> str:
        """Hex digest of the pictures of all samples and examples, in their order.

        Empty where there are none to look at: the data's revision says what they are. Reads each
        picture once, and of a known one its size and times alone.
        """
        digest, seen = hashlib.sha256(), False
        for sample in self._looked_at():
            for name in self.prompter.images.of(sample):
                digest.update(f"{sample.uid} {name}\n".encode())
                seen = True
        self.prompter.images.save()
        return digest.hexdigest() if seen else ""

    @property
    def decodings(self) -> list[Decoding]:
        """The knobs of each answer to a sample; where labels are scored alone, of one token."""
        knobs = self.config.decoding
        if self.config.answer == "score":
            return [Decoding(max_new_tokens=1, top_logprobs=0)]
        return [replace(knobs, seed=knobs.seed + i) for i in range(self.config.samples)]

    @property
    def shot_images(self) -> list[list[str]]:
        """The ids of each example's pictures."""
        return [self.prompter.images.of(shot) for shot in self.prompter.shots]

    def _looked_at(self) -> Iterator[Sample]:
        yield from self.prompter.shots
        if not getattr(self.source, "pinned", False):
            yield from islice(self.source.iter(), self.total)

    @property
    def settings_key(self) -> str:
        """The key less the bytes of the pictures: all of it in runs of older versions."""
        return self._settings_key(self.config.control, self.config.vary, self._shard_key)

    @property
    def variant_of(self) -> str:
        """The settings' key of the run that this one is a variant of, empty for a plain run."""
        config = self.config
        if not config.control and not config.vary:
            return ""
        return config.variant_of or self._settings_key("", "", self._shard_key)

    @cached_property
    def shard(self) -> Shard | None:
        """The part that is asked, `None` for all."""
        return parse_shard(self.config.shard) if self.config.shard else None

    @property
    def shard_batch(self) -> int:
        """Samples of the batches that shards are made of."""
        return self.config.shard_batch or self.config.batch_size

    @property
    def own_total(self) -> int:
        """How many samples this run asks: of a shard its part of all."""
        return self.shard.total(self.total, self.shard_batch) if self.shard else self.total

    def samples(self) -> Iterator[Sample]:
        """The samples of a shard, in the batches that they have in the whole evaluation."""
        from workbench.evaluation.remote import ServedModel

        if self.shard is None:
            return islice(self.source.iter(), self.total)
        loaded = self.loaded

        def length(sample: Sample) -> int:
            if isinstance(loaded, ServedModel):  # asked in the data's order
                return 0
            from workbench.inference.capacity import sample_length

            return sample_length(loaded, sample)

        return self.shard.samples(self.source, self.total, self.shard_batch, length)

    @property
    def _shard_key(self) -> tuple[int, int, int] | None:
        return (self.shard.number, self.shard.count, self.shard_batch) if self.shard else None

    def _whole(self) -> dict[str, Any]:
        """Of a shard: what the evaluation is that it is a part of."""
        if self.shard is None:
            return {}
        config = self.config
        key = self._settings_key(config.control, config.vary, None)
        plain = config.variant_of or self._settings_key("", "", None)
        whole = {
            "key": full_key(key, self.images_digest),
            "settings_key": key,
            "variant_of": plain if config.control or config.vary else "",
            "total": self.total,
        }
        return {"shard_batch": self.shard_batch, "whole": whole}

    def _settings_key(self, control: str, vary: str, shard: tuple[int, int, int] | None) -> str:
        return run_key(
            identity=self.loaded.identity,
            template=self.prompter.template.to_json(),
            shots=[shot.uid for shot in self.prompter.shots],
            decoding=self.config.decoding,
            dataset=self.source.dataset,
            split=self.source.split,
            revision=self.source.revision,
            limit=self.config.limit,
            answer=self.config.answer,
            drawn=self.config.seed if self.config.random else None,
            control=control,
            vary=vary,
            seed=self.config.seed,
            samples=self.config.samples,
            places=PLACES if self.source.task == "grounding" else 0,
            shard=shard,
        )

    def record(self) -> dict[str, Any]:
        """What the run's `config.json` holds: the settings and what they were resolved to."""
        template = self.prompter.template
        return (
            self.config.to_json()
            | {
                "dataset": self.source.dataset,
                "split": self.source.split,
                "dataset_revision": self.source.revision,
                "task": self.source.task,
                "labels": list(self.prompter.labels),
                "template": template.name,
                "template_version": template.version,
                "template_digest": template.digest,
                "texts_unseen": unseen_of(template, self.source),
                "adapter_note": other_base(self.config.spec.adapter or "", self.config.spec.model),
                "shot_uids": [shot.uid for shot in self.prompter.shots],
                "spare_uids": [shot.uid for shot in self.prompter.spare],
                # The examples are named above: a resume does not draw again.
                "shots": 0,
                "shots_from": "",
                "shots_tag": "",
                "shots_right_in": "",
                "drawn": self._drawn(),
                "identity": self.loaded.identity,
                "settings_key": self.settings_key,
                "variant_of": self.variant_of,
                "shot_images": self.shot_images,
                "images_digest": self.images_digest,
            }
            | self._whole()
        )

    def _drawn(self) -> dict[str, Any]:
        """How the examples were chosen."""
        wish = self.config.shot_wish
        names = {"from": wish.source, "tag": wish.tag, "right_in": wish.right_in}
        chosen = {name: value for name, value in names.items() if value}
        return {"shots": wish.count, "seed": wish.seed} | chosen
