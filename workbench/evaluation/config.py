"""What an evaluation is of: one frozen config, checked once, in the words of the flags.

Guarantee: imports no torch. The run's key is made of what the answers depend on (weights, adapter,
processor, prompt, shots, decoding, data) and of nothing else: batch size, threads and where the
files lie change no key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench.errors import UsageError
from workbench.evaluation.controls import CONTROLS
from workbench.evaluation.orders import problem_of
from workbench.evaluation.shards import parse_shard
from workbench.inference.decoding import Decoding
from workbench.models.remote_model import is_remote
from workbench.models.spec import ModelSpec, as_recorded
from workbench.prompts.shots import ShotWish

if TYPE_CHECKING:
    from workbench.evaluation.metrics.texts import TextWish

AnswerBy = Literal["generate", "score", "both"]
ANSWERS: tuple[AnswerBy, ...] = get_args(AnswerBy)
MOST_PROCESSES = 64
_UIDS = ("shot_uids", "spare_uids", "retry")


@dataclass(frozen=True)
class EvalConfig:
    """An evaluation of a model on a split.

    Attributes:
        dataset: Its name, or `dataset/split`.
        split: `test`, `dev[:800]`; empty where the dataset names it or has just one.
        spec: What to load.
        decoding: How answers are drawn.
        template: Of the pool; empty for the task's default.
        limit: First so many samples; 0 for all (an endless stream needs a limit).
        random: So many drawn by `seed` from the whole split instead of the first.
        batch_size: Prompts at once; changes no answer and no key.
        shots: Examples per label (in all for open answers), 0 for none.
        shots_from: `dataset/split` to draw them from; empty: the dataset's train split.
        shot_uids: These examples instead of drawn ones.
        shots_tag: Take bookmarks with this tag: all, or `shots` per label drawn from them.
        shots_right_in: Draw from those alone that this run got right.
        spare_uids: Step in where an example is the query; set by a resume, not by a flag.
        seed: Of the draw of the shots and of `random`; the decoding has its own.
        answer: Where answers come from: the text that is generated, the label that is scored best
            (nothing is generated), or both, the text being the answer.
        positive: The label that AUROC counts as positive; empty: it is told from its word.
        retry_failed: On a resume ask the failed samples again.
        retry: On a resume ask these samples again, by UID; changes no key.
        samples: Answers to each sample, each by the next seed; the majority's is its answer.
        control: What is taken from the prompt to see what a score is made of: one of
            `workbench.evaluation.controls.CONTROLS`; empty for nothing.
        vary: What stands in another order or wording (`workbench.evaluation.orders`); empty for
            nothing.
        variant_of: The settings' key of the run that it is a variant of, where it is told; else
            that of the same settings without `control` and `vary`.
        threads: For torch on a CPU; 0 leaves it as it is.
        processes: How many ask at once, each with a model of its own; changes no answer and no key.
        prefix_cache: Read what prompts begin with alike once; changes no answer and no key.
        folder: Ask about the images of this folder, which is no dataset; nothing is judged.
        captions: Have images captioned: of a dataset of another task no label is looked at.
        metrics: Text metrics of captions and explanations, by commas; empty for the usual ones.
            They are worked out of the answers, so they change no key.
        bertscore_model: A folder or a cached hub id for BERTScore.
        inference_config: The name of the file that settings came from; kept in the record, changes
            no key.
        fresh: Ask the model about every sample, whatever is on record; changes no key.
        shard: Ask every nth batch alone: `2/4` (`workbench.evaluation.shards`); empty for all.
        shard_batch: The size of the batches that shards are made of, which a resume keeps; 0 for
            `batch_size`.
    """

    dataset: str
    split: str = ""
    spec: ModelSpec = field(default_factory=ModelSpec)
    decoding: Decoding = field(default_factory=lambda: Decoding(top_logprobs=0))
    template: str = ""
    limit: int = 0
    random: bool = False
    batch_size: int = 16
    shots: int = 0
    shots_from: str = ""
    shot_uids: tuple[str, ...] = ()
    shots_tag: str = ""
    shots_right_in: str = ""
    spare_uids: tuple[str, ...] = ()
    seed: int = 0
    answer: AnswerBy = "generate"
    positive: str = ""
    retry_failed: bool = False
    retry: tuple[str, ...] = ()
    samples: int = 1
    control: str = ""
    vary: str = ""
    variant_of: str = ""
    threads: int = 0
    processes: int = 1
    prefix_cache: bool = True
    folder: str = ""
    captions: bool = False
    metrics: str = ""
    bertscore_model: str = ""
    inference_config: str = ""
    fresh: bool = False
    shard: str = ""
    shard_batch: int = 0

    def __post_init__(self) -> None:
        problems = [text for bad, text in self._checks() if bad] + self.shot_wish.problems()
        if problems:
            raise UsageError("; ".join(problems), kind="bad_knob", hint="see: wb run-eval --help")

    @property
    def shot_wish(self) -> ShotWish:
        """Which examples are wanted."""
        return ShotWish(
            count=self.shots,
            seed=self.seed,
            source=self.shots_from,
            uids=self.shot_uids,
            tag=self.shots_tag,
            right_in=self.shots_right_in,
        )

    @property
    def text_wish(self) -> TextWish:
        """Which text metrics captions and explanations get."""
        from workbench.evaluation.metrics.texts import TextWish

        return TextWish.named(self.metrics, self.bertscore_model)

    @property
    def label_scores(self) -> bool:
        """Whether each label's log-likelihood is worked out."""
        return self.answer != "generate"

    def _bad_shard(self) -> str:
        try:
            if self.shard:
                parse_shard(self.shard)
        except UsageError as error:
            return error.message
        return ""

    def _bad_metrics(self) -> str:
        if not self.metrics:
            return ""
        from workbench.evaluation.metrics.text.registry import unknown

        return unknown(self.text_wish.metrics)

    def _checks(self) -> list[tuple[bool, str]]:
        return [
            (not self.dataset and not self.folder, "--dataset is missing"),
            (
                bool(self.split) and "/" in self.dataset,
                f"the split is named twice: --dataset {self.dataset} and --split {self.split}",
            ),
            (
                self.answer not in ANSWERS,
                f"--answer wants {', '.join(ANSWERS[:-1])} or {ANSWERS[-1]}, got {self.answer!r}",
            ),
            (self.samples < 1, f"--samples wants a whole number of at least 1, got {self.samples}"),
            (
                self.samples > 1 and (self.decoding.temperature <= 0 or self.answer == "score"),
                "--samples wants answers that are drawn: --temperature above 0, not --answer score",
            ),
            (
                bool(self.control) and self.control not in CONTROLS,
                f"--control wants one of {', '.join(CONTROLS)}, got {self.control!r}",
            ),
            (bool(problem_of(self.vary)), problem_of(self.vary)),
            (bool(self.control and self.vary), "--control and --vary exclude each other"),
            (bool(self._bad_shard()), self._bad_shard()),
            (self.random and not self.limit, "--random wants --limit: how many are drawn"),
            (self.limit < 0, f"--limit wants a whole number of at least 1, got {self.limit}"),
            (
                self.batch_size < 1,
                f"--batch-size wants a whole number of at least 1, got {self.batch_size}",
            ),
            (bool(self._bad_metrics()), f"--metrics: {self._bad_metrics()}"),
            (
                not 1 <= self.processes <= MOST_PROCESSES,
                f"--processes wants a whole number from 1 to {MOST_PROCESSES}, "
                f"got {self.processes}",
            ),
            (
                self.processes > 1 and is_remote(self.spec.model),
                f"--processes is about a model that runs here, and {self.spec.model} is a server: "
                "--batch-size is its requests at once",
            ),
            (self.threads < 0, f"--threads wants a whole number of at least 1, got {self.threads}"),
        ]

    def to_json(self) -> dict[str, Any]:
        """A flat dict: the model's settings beside the others, `decoding` as a dict."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        own |= {name: list(own[name]) for name in _UIDS}
        own |= {"decoding": self.decoding.to_json(), "label_scores": self.label_scores}
        del own["spec"]
        return own | self.spec.to_json()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvalConfig:
        """From a run's config; what is not a setting (its template's digest, …) is left out."""
        own = {f.name for f in fields(cls)} - {"spec", "decoding"}
        spec = {f.name for f in fields(ModelSpec)}
        kwargs = {k: v for k, v in values.items() if k in own}
        for name in _UIDS:
            kwargs[name] = tuple(kwargs.get(name) or ())
        if "answer" not in values and values.get("label_scores"):
            kwargs["answer"] = "both"  # as older runs said it
        if kwargs["shot_uids"]:
            kwargs["shots_from"] = ""  # older runs kept it beside the names
        return cls(
            **kwargs,
            spec=ModelSpec(**as_recorded({k: v for k, v in values.items() if k in spec})),
            decoding=Decoding.from_json(values.get("decoding") or {}),
        )


def run_key(
    *,
    identity: str,
    template: Mapping[str, Any],
    shots: Sequence[str],
    decoding: Decoding,
    dataset: str,
    split: str,
    revision: str,
    limit: int,
    answer: AnswerBy = "generate",
    drawn: int | None = None,
    control: str = "",
    vary: str = "",
    seed: int = 0,
    samples: int = 1,
    places: int = 0,
    shard: tuple[int, int, int] | None = None,
) -> str:
    """Hex sha256 of what the predictions depend on, less the bytes of the pictures.

    Args:
        identity: Of the loaded model: weights, adapter, processor, quantisation, dtype.
        template: `name`, `version` and `digest` of the prompt.
        shots: The examples' UIDs in order.
        decoding: Every knob; how many alternatives are reported changes no answer and no key.
        dataset: Its name.
        split: Its name, with the part that was asked for.
        revision: Of the data.
        limit: First so many samples, 0 for all.
        answer: Where answers come from.
        drawn: The seed by which `limit` samples were drawn, `None` for the first ones.
        control: What was taken from the prompts.
        vary: What stood in another order.
        seed: Of a control that draws.
        samples: Answers to each sample.
        places: By which version of their rules boxes and points are read; 0 where none are.
        shard: Number, count and batch size of a part that is asked alone.
    """
    from workbench.prompts import parse as reading

    knobs = decoding.to_json()
    del knobs["top_logprobs"]
    parts: dict[str, Any] = {
        "v": 1,
        "reading": reading.VERSION,
        "model": identity,
        "template": {key: template[key] for key in ("name", "version", "digest")},
        "shots": list(shots),
        "decoding": knobs,
        "data": {"dataset": dataset, "split": split, "revision": revision, "limit": limit},
        "label_scores": answer != "generate",
    }
    if answer == "score":
        parts["answer"] = answer
    if control:
        parts["control"] = [control, seed] if control == "shuffled" else control
    if vary:
        parts["vary"] = vary
    if samples > 1:
        parts["samples"] = samples
    if places:
        parts["places"] = places
    if shard is not None:
        parts["shard"] = list(shard)
    if drawn is not None:
        parts["data"]["drawn"] = drawn
    return _digest(parts)


def full_key(settings: str, images: str) -> str:
    """Hex sha256 of the settings' key and of the bytes of all pictures.

    Args:
        settings: As `run_key` gives it.
        images: Digest of the pictures, empty where the data's revision says what they are: then
            it is the settings' key itself.
    """
    return _digest({"v": 2, "settings": settings, "images": images}) if images else settings


def _digest(parts: Mapping[str, Any]) -> str:
    blob = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(blob.encode()).hexdigest()
