"""From samples to padded batches: each prompt is encoded once, each image kept once.

Guarantee: a batch holds just what its family's `encode` would have given for its samples together,
left-padded, with labels on the answer and its end of turn alone (a test compares them). Encoded
examples are kept within a budget of memory; what does not fit is encoded again. Nothing is ever
cut: a sample that cannot be encoded whole (a bad image, too many tokens) is left out of its batch
and recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from sessions.errors import WbError
from training.reading import Unreached
from training.train_data import TrainSet
from workbench.errors import DataError
from workbench.models.batch import IGNORED, Batch
from workbench.sample import ImageRef, Message

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

# Which class each row of a batch is of, -100 for none; taken out before the model sees it.
CLASSES = "class_labels"


@dataclass(frozen=True)
class Example:
    """One encoded prompt with its answer.

    Attributes:
        rows: Inputs of one column per token, the tokens last: (L,) or (3, L).
        images: Everything else, to be concatenated along the first axis; `None` where it lies in
            the store under `key`.
        key: Which images these are.
    """

    rows: dict[str, torch.Tensor]
    images: dict[str, torch.Tensor] | None
    key: Hashable = None

    @property
    def length(self) -> int:
        """Tokens."""
        return self.rows["input_ids"].shape[-1]


def split_batch(batch: Batch, keys: Sequence[Hashable]) -> list[Example]:
    """Take a batch apart into its rows, without padding.

    Only for inputs whose images lie patch by patch along the first axis (Qwen's); a batch of one
    row can always be taken.
    """
    labels = batch.labels()
    mask = batch.attention_mask.bool()
    n, width = mask.shape
    per_token = {"labels": labels, **batch.inputs}
    rest = {k: v for k, v in batch.inputs.items() if not _is_row(v, n, width)}
    out, images = [], 0
    for row in range(n):
        rows = {
            k: v[..., row, :][..., mask[row]].clone()
            for k, v in per_token.items()
            if _is_row(v, n, width) and k != "attention_mask"
        }
        spans = batch.image_spans[row] if batch.image_spans else ()
        if n == 1:
            own = {k: v.clone() for k, v in rest.items()}
        else:
            own = _own_images(rest, spans, images)
        images += len(spans)
        out.append(Example(rows, own, keys[row]))
    return out


def _is_row(value: Any, n: int, width: int) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim >= 2 and value.shape[-2:] == (n, width)


def _own_images(rest: dict[str, torch.Tensor], spans: Sequence[Any], first: int) -> dict[str, Any]:
    if not spans:
        return {}
    low, high = spans[0].patches[0], spans[-1].patches[1]
    return {
        key: (
            value[low:high] if key.startswith("pixel_values") else value[first : first + len(spans)]
        ).clone()
        for key, value in rest.items()
    }


def can_split(batch: Batch) -> bool:
    """Whether the images of a batch of several rows can be told apart by their patches."""
    spans = [span for row in batch.image_spans for span in row]
    if not spans:
        return not any(key.startswith("pixel_values") for key in batch.inputs)
    rest = {k for k in batch.inputs if k in ("pixel_values", "image_grid_thw")}
    other = {
        k
        for k, v in batch.inputs.items()
        if not _is_row(v, *batch.attention_mask.shape) and k not in rest
    }
    pixels = batch.inputs.get("pixel_values")
    return not other and pixels is not None and len(pixels) == spans[-1].patches[1]


def join(
    examples: Sequence[Example], images: Callable[[Example], dict[str, torch.Tensor]], pad_id: int
) -> dict[str, torch.Tensor]:
    """Examples as one left-padded batch with `labels`, as `model.forward` takes it."""
    width = max(example.length for example in examples)
    out: dict[str, torch.Tensor] = {}
    for key, first in examples[0].rows.items():
        fill = {"input_ids": pad_id, "labels": IGNORED}.get(key, 0)
        # Padded positions are masked; 1 is what the models' own position code puts there.
        fill = 1 if key == "position_ids" else fill
        shape = (*first.shape[:-1], len(examples), width)
        padded = first.new_full(shape, fill)
        for row, example in enumerate(examples):
            padded[..., row, width - example.length :] = example.rows[key]
        out[key] = padded
    mask = torch.zeros(len(examples), width, dtype=torch.long)
    for row, example in enumerate(examples):
        mask[row, width - example.length :] = 1
    out["attention_mask"] = mask
    parts = [images(example) for example in examples]
    for key in dict.fromkeys(key for part in parts for key in part):
        out[key] = _cat([part[key] for part in parts if key in part])
    return out


def _cat(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Along the first axis; where images have other numbers of tiles, zeros fill up the fewer."""
    shape = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    out = tensors[0].new_zeros((sum(len(t) for t in tensors), *shape))
    start = 0
    for tensor in tensors:
        place = (slice(start, start + len(tensor)), *(slice(n) for n in tensor.shape[1:]))
        out[place] = tensor
        start += len(tensor)
    return out


class Collator:
    """Makes batches of (epoch, index) pairs; see the module.

    Attributes:
        failed: UID -> why it could not be encoded.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        data: TrainSet,
        *,
        cache_mb: int = 1024,
        max_length: int = 0,
        classes: Mapping[str, int] | None = None,
    ) -> None:
        """Nothing encoded yet.

        Args:
            loaded: The model; its skeleton will do.
            data: The samples.
            cache_mb: Memory for what is encoded.
            max_length: Most tokens of a prompt with its answer, image tokens included; 0 leaves
                it to the model's context.
            classes: Label -> its class, where a head is trained: batches then say which class
                each row is of.
        """
        self._loaded, self._data, self._classes = loaded, data, classes
        self._most = max_length
        self._budget = cache_mb << 20
        self._examples: dict[Hashable, Example] = {}
        self._images: dict[Hashable, dict[str, torch.Tensor]] = {}
        self._spare: Example | None = None
        self.failed: dict[str, str] = {}

    def __call__(self, batch: Sequence[tuple[int, int]]) -> dict[str, torch.Tensor]:
        """A batch; without those that cannot be encoded."""
        found = zip(self.examples(batch), batch, strict=True)
        usable = [(e, self._class(pair)) for e, pair in found if e is not None]
        examples = [e for e, _ in usable]
        if not examples:
            # Nothing of it is usable: a batch that teaches nothing keeps the count of steps.
            spare = self._any()
            blank = spare.rows | {"labels": torch.full_like(spare.rows["labels"], IGNORED)}
            usable, examples = [(spare, IGNORED)], [replace(spare, rows=blank)]
        out = join(examples, self._images_of, self._loaded.pad_id)
        return (
            out if self._classes is None else out | {CLASSES: torch.tensor([c for _, c in usable])}
        )

    def _class(self, pair: tuple[int, int]) -> int:
        return (self._classes or {}).get(self._data.items[pair[1]].label, IGNORED)

    def _any(self) -> Example:
        """An example that can be used, looked for where there was none yet."""
        for index in range(len(self._data)):
            if self._spare is not None:
                return self._spare
            self._spare = self.examples([(0, index)])[0]
        if self._spare is not None:
            return self._spare
        first = "; ".join(f"{uid}: {why}" for uid, why in list(self.failed.items())[:3])
        raise DataError(
            f"none of {len(self._data)} samples can be used: {first}",
            hint="see one: wb inspect UID",
        )

    def examples(self, batch: Sequence[tuple[int, int]]) -> list[Example | None]:
        """The encoded examples of (epoch, index) pairs, `None` for what cannot be encoded."""
        keys = [(index, *self._variant(epoch, index)) for epoch, index in batch]
        fresh: dict[Hashable, Example | None] = {}
        missing = [
            (key, pair)
            for key, pair in zip(keys, batch, strict=True)
            if key not in self._examples and self._uid(pair) not in self.failed
        ]
        if missing:
            fresh = self._encode(missing)
        return [self._examples.get(key) or fresh.get(key) for key in keys]

    def _variant(self, epoch: int, index: int) -> tuple[str, int]:
        template, explanation = self._data.variant(index, epoch)
        return template.digest, explanation

    def _uid(self, pair: tuple[int, int]) -> str:
        return self._data.items[pair[1]].uid

    def _encode(
        self, missing: Sequence[tuple[Hashable, tuple[int, int]]]
    ) -> dict[Hashable, Example | None]:
        ready: list[tuple[Hashable, tuple[Message, ...], str, str]] = []
        out: dict[Hashable, Example | None] = {}
        for key, (epoch, index) in missing:
            uid = self._data.items[index].uid
            try:
                ready.append((key, *self._data.conversation(index, epoch), uid))
            except Unreached:
                raise
            except WbError as error:
                self.failed[uid] = error.message
        uids = {key: uid for key, _, _, uid in ready}
        for key, example in self._encode_together(ready).items():
            if example and self._most and example.length > self._most:
                self.failed[uids[key]] = (
                    f"too long: {example.length} tokens with its answer, 'max_length' is "
                    f"{self._most}"
                )
                example = None
            out[key] = self._keep(key, example) if example else None
        return out

    def _encode_together(
        self, ready: Sequence[tuple[Hashable, tuple[Message, ...], str, str]]
    ) -> dict[Hashable, Example | None]:
        if not ready:
            return {}
        names = [image_key(messages) for _, messages, _, _ in ready]
        try:
            batch = self._loaded.family.encode(
                self._loaded,
                [messages for _, messages, _, _ in ready],
                answers=[answer for _, _, answer, _ in ready],
                end_of_turn=True,
            ).to("cpu")
        except WbError as error:
            if len(ready) == 1:
                self.failed[ready[0][3]] = error.message
                return {ready[0][0]: None}
        else:
            for (key, *_), frames in zip(ready, batch.frames, strict=False):
                self._data.check_frames(key, frames)
            if len(ready) == 1 or can_split(batch):
                examples = split_batch(batch, names)
                return {key: e for (key, *_), e in zip(ready, examples, strict=True)}
        # One member cannot be encoded, or this family's batches cannot be taken apart.
        out: dict[Hashable, Example | None] = {}
        for one in ready:
            out |= self._encode_together([one])
        return out

    def _keep(self, key: Hashable, example: Example) -> Example:
        """Into the store while there is room; an image that is there already is dropped."""
        self._spare = self._spare or example
        images = example.images or {}
        known = example.key in self._images
        size = _bytes(example.rows) + (0 if known else _bytes(images))
        if size > self._budget:
            return example
        self._budget -= size
        if not known and example.key is not None:
            self._images[example.key] = images
        kept = replace(example, images=None) if example.key is not None else example
        self._examples[key] = kept
        return kept

    def _images_of(self, example: Example) -> dict[str, torch.Tensor]:
        return example.images if example.images is not None else self._images[example.key]


def image_key(messages: Sequence[Message]) -> Hashable:
    """Which pictures a prompt shows, cheaply: by path, URL or the bytes themselves."""
    return tuple(_ref_key(ref) for message in messages for ref in message.images)


def _ref_key(ref: ImageRef) -> Hashable:
    if ref.path is not None:
        return str(ref.path)
    return ref.url if ref.data is None else ref.sha256()


def _bytes(tensors: dict[str, torch.Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors.values())
