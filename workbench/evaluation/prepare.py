"""Make an evaluation ready: open the data, load the model, choose the prompt, draw the shots.

Guarantee: what is resolved here (template version, shots' UIDs, data revision, the model's
identity) goes into the run's config, so that a resume asks exactly the same. Not for asking: see
`workbench.evaluation.runner`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.runs import Run
from workbench.data.drawn import DrawnSource
from workbench.errors import UnknownName, UsageError
from workbench.evaluation.config import EvalConfig, full_key, run_key
from workbench.evaluation.config_runs import with_named_runs
from workbench.evaluation.control import at_once
from workbench.evaluation.controls import check_control, control_variant
from workbench.evaluation.inference_config import how_to_add
from workbench.evaluation.lines import Prompter
from workbench.evaluation.orders import check_order, order_variant
from workbench.evaluation.recorded import AnswerRecord, record_of
from workbench.evaluation.shards import Shard, parse_shard
from workbench.evaluation.variant import Variant
from workbench.grounding.answered import VERSION as PLACES
from workbench.inference.decoding import Decoding
from workbench.models.default_prompt import template_for_source
from workbench.models.remote_model import is_remote
from workbench.models.standing import other_base
from workbench.progress import OnProgress, Reporter, telling_load
from workbench.prompts.pool import Template, get_template
from workbench.prompts.preview import unseen_of
from workbench.prompts.shots import choose_shots
from workbench.sample import Answer, Conversation, Sample
from workbench.serving.remote.known_servers import check_named, remember

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.evaluation.remote import ServedModel
    from workbench.inference.prefix_cache import PrefixCache
    from workbench.models.base import LoadedModel

AUTO = "auto"
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


def resumed_config(
    run: Run, *, batch_size: int = 0, retry_failed: bool = False, retry: Sequence[str] = ()
) -> EvalConfig:
    """The config of a run, to be given to `evaluate` with `resume`.

    Args:
        run: An evaluation.
        batch_size: Another one than before; 0 keeps it, as it was asked for last.
        retry_failed: Ask the failed samples again.
        retry: Ask these samples again, by UID.

    Raises:
        UsageError: The run is no evaluation, or it names a server that was never named here.
    """
    if run.kind != "eval" or not run.config:
        raise UsageError(
            f"run {run.id} is no evaluation that can be resumed", hint="see: wb runs list"
        )
    if given := run.config.get("imported"):
        raise UsageError(
            f"the answers of run {run.id} were imported from {given.get('file')}: there is no "
            "model to ask",
            hint="compare it with runs of models: wb runs compare",
        )
    check_named(str(run.config.get("model") or ""))
    values = run.config | {"retry_failed": retry_failed, "retry": _asked_before(run, retry)}
    # Which version of the wording it was: a newer one would be another prompt.
    values["template"] = f"{values['template']}@{values['template_version']}"
    values["batch_size"] = batch_size or at_once(run) or values["batch_size"]
    return EvalConfig.from_json(values)


def check_resumed(resume: str) -> None:
    """Refuse, before anything is loaded, a run that cannot be gone on with.

    Args:
        resume: A run; `auto` and empty are no run, and always fit.

    Raises:
        NoSuchRecord: There is none of that name.
        RecordError: Another process is writing it.
    """
    if resume and resume != AUTO:
        Run.open(resume).refuse_written()


def _asked_before(run: Run, uids: Sequence[str]) -> list[str]:
    if missing := sorted(set(uids) - run.done_uids() if uids else ()):
        raise UsageError(
            f"--retry {missing[0]}: run {run.id} has no line of it",
            hint=f"wb runs show {run.id} --errors lists what went wrong",
            kind="not_asked",
        )
    return list(uids)


def prepare(
    config: EvalConfig,
    on_progress: OnProgress | None = None,
    loaded: LoadedModel | None = None,
    *,
    untouched: bool = False,
) -> PreparedEvaluation:
    """Open the data, load the model, draw the shots. Raises as `evaluate` does.

    Args:
        config: What is evaluated.
        on_progress: Told while the model loads.
        loaded: The model of the config, where it is at hand.
        untouched: Its weights are as they were read: answers on record are its own.
    """
    config = with_named_runs(config)
    source, prompter, total = check_samples(config)
    if is_remote(config.spec.model):
        return _prepare_remote(config, source, prompter, total, on_progress)
    from workbench.inference.prefix_cache import PrefixCache

    answers = None
    if loaded is None:
        loaded, untouched = load_model_of(config, on_progress, total), True
    if untouched:
        # What a caller holds may have been trained on since its files were read.
        answers = record_of(loaded, prompter, fresh=config.fresh)
    prefixes = PrefixCache() if config.prefix_cache else None
    return PreparedEvaluation(
        config, source, loaded, prompter, total, prefixes, record_of_answers=answers
    )


def open_asked(config: EvalConfig) -> Source:
    """What is asked about, before any is drawn. Raises as `open_source` and `open_folder` do."""
    from workbench.data.images_alone import Unjudged, open_folder
    from workbench.data.source import open_source

    if config.folder:
        return open_folder(config.folder)
    try:
        source = open_source(config.dataset, config.split or None)
    except UnknownName as error:
        # A recipe of `--config` knows how its data are added.
        hint = how_to_add(config.inference_config, config.dataset)
        raise UnknownName(error.message, hint=hint or error.hint, kind=error.kind) from error
    return Unjudged(source) if config.captions and source.task != "caption" else source


def check_samples(config: EvalConfig) -> tuple[Source, Prompter, int]:
    """The samples, how they are asked and how many: all but the model.

    Raises:
        UsageError: They cannot be asked so.
        DataError: They cannot be read.
    """
    source = open_asked(config)
    total = _total(source, config.limit)
    whole = source
    if config.random:
        source = DrawnSource(source, total, config.seed)
    template = (
        get_template(config.template)
        if config.template
        else template_for_source(config.spec, source)
    )
    _check(config, source, template)
    shots, spare = _shots(config, whole)
    prompter = Prompter(template, source.task, tuple(source.labels), tuple(shots), tuple(spare))
    prompter = replace(prompter, variant=_variant(config, source, prompter, total))
    _try_out(prompter, source, total)
    return source, prompter, total


def load_model_of(
    config: EvalConfig, on_progress: OnProgress | None = None, total: int = 0
) -> LoadedModel:
    """Load what a config names, in this process. Raises `ModelError`."""
    from workbench.models.base import load_model
    from workbench.serving.release_gpu import release_gpu

    if config.threads:
        import torch

        torch.set_num_threads(config.threads)
    tell = Reporter(on_progress)
    tell(0, total, f"loading {config.spec.model}", force=True)
    release_gpu(config.spec)
    return load_model(config.spec, telling_load(tell, 0, total, config.spec.model))


def _prepare_remote(
    config: EvalConfig,
    source: Source,
    prompter: Prompter,
    total: int,
    on_progress: OnProgress | None,
) -> PreparedEvaluation:
    from workbench.evaluation.remote import reach

    Reporter(on_progress)(0, total, f"reaching {config.spec.model}", force=True)
    words = prompter.labels if config.label_scores else ()
    remote = reach(config, words or ("a label",) * config.label_scores)
    remember(remote.spec.model)
    return PreparedEvaluation(replace(config, spec=remote.spec), source, remote, prompter, total)


def _try_out(prompter: Prompter, source: Source, total: int) -> None:
    """Refuse a template that fits none of the first samples, before the model is loaded."""
    errors: list[UsageError] = []
    for ordinal in range(min(3, total)):
        try:
            prompter.render(source.at(ordinal))
        except UsageError as error:
            errors.append(error)
        except WbError:
            continue
    if errors and len(errors) == min(3, total):
        raise errors[0]


def _total(source: Source, limit: int) -> int:
    if source.length is None:
        if not limit:
            raise UsageError(
                f"{source.dataset}/{source.split} is endless", hint="say how many: --limit 1000"
            )
        return limit
    if not source.length:
        raise UsageError(
            f"{source.dataset}/{source.split} has no sample",
            hint=f"see: wb data info {source.dataset}",
            kind="no_samples",
        )
    return min(source.length, limit) if limit else source.length


def _check(config: EvalConfig, source: Source, template: Template) -> None:
    if config.label_scores and not _has_labels(source, template):
        raise UsageError(
            f"--answer {config.answer} wants a closed set of labels, which {source.dataset} has "
            "not",
            hint="leave it out, or choose a template that has label words",
        )
    if config.samples > 1 and source.task in ("caption", "grounding"):
        what = "captions" if source.task == "caption" else "boxes"
        raise UsageError(
            f"--samples: {what} have no label that answers could vote on", hint="leave it out"
        )
    if config.positive and source.labels and config.positive not in source.labels:
        raise UsageError(
            f"--positive {config.positive!r} is none of the labels {', '.join(source.labels)}"
        )


def _variant(config: EvalConfig, source: Source, prompter: Prompter, total: int) -> Variant:
    if config.control:
        check_control(config.control, source, prompter.template, config.spec)
        return control_variant(config.control, source, total, config.seed, prompter.images)
    if config.vary:
        check_order(config.vary, source, prompter.template, prompter.shots)
    return order_variant(config.vary)


def _has_labels(source: Source, template: Template) -> bool:
    """Whether there is something to score: a closed set, or options of the samples' own."""
    if source.task in ("caption", "grounding"):
        return False
    return bool(source.labels or template.labels or _first(source).labels)


def _first(source: Source) -> Sample:
    return next(iter(source.iter()), Sample(f"{source.dataset}/{source.split}/"))


def _shots(config: EvalConfig, source: Source) -> tuple[list[Sample], list[Sample]]:
    """The examples, and one more per label that steps in where an example is the query."""
    from workbench.data.source import get_sample

    chosen = choose_shots(config.shot_wish, source)
    spare = [get_sample(uid) for uid in config.spare_uids] or list(chosen.spare)
    return list(chosen.shots), spare
