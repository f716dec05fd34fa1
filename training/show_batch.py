"""Look at the batches that a training will see, before it costs anything.

Guarantee: the rows come from the collator of the training, in its order, and the pictures from
their pixel values; the model's weights are never read. Not for what a model makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from training.seen import Seen, SeenImage, SeenPicture, SeenRow, SeenToken
from training.tasks import AnyConfig
from training.train_config import TrainConfig
from workbench.errors import UsageError
from workbench.models.batch import IGNORED

if TYPE_CHECKING:
    import torch

    from training.collate import Collator
    from training.train_data import TrainSet
    from workbench.models.base import LoadedModel

Pair = tuple[int, int]


def show_batch(config: AnyConfig, count: int = 4) -> Seen:
    """The first samples of a training's first epoch, as the model will be given them.

    Args:
        config: See there.
        count: How many samples; their whole batches are made, since padding depends on them.

    Raises:
        UsageError: `count` is below 1, or the training has no prompts.
        DataError: No sample can be used.
        ModelError: There is no such model, or no processor.
    """
    from training.collate import Collator
    from training.composing import composed
    from training.train_apart import open_apart
    from workbench.models.skeleton import load_skeleton

    if count < 1:
        raise UsageError(f"--show-batch wants a number of samples from 1 on, got {count}")
    if not isinstance(config, TrainConfig):
        raise UsageError(
            "a contrastive training sees pairs of an image and a text, and no prompts to show",
            hint="see a sample: wb inspect UID",
        )
    config = composed(config)
    data, _ = open_apart(config)
    loaded = load_skeleton(config.spec)
    collator = Collator(loaded, data, cache_mb=config.cache_mb, max_length=config.max_length)
    rows = tuple(islice(_rows(loaded, data, collator, config.batch_size), count))
    if not rows:
        collator([])  # says why there is none
    limits = [n for n in (config.max_length, loaded.context_length) if n]
    return Seen(
        model=config.model,
        family=loaded.family.name,
        limit=min(limits) if limits else None,
        batch_size=config.batch_size,
        width=max(len(row.tokens) for row in rows),
        rows=rows,
        refused=dict(collator.failed),
    )


def _rows(
    loaded: LoadedModel, data: TrainSet, collator: Collator, batch_size: int
) -> Iterator[SeenRow]:
    order = data.order(0, batch_size)
    for start in range(0, len(order), batch_size):
        pairs = [(0, index) for index in order[start : start + batch_size]]
        inputs = collator(pairs)
        usable = [pair for pair in pairs if data.items[pair[1]].uid not in collator.failed]
        if usable:
            yield from seen_rows(loaded, data, usable, inputs)


def seen_rows(
    loaded: LoadedModel, data: TrainSet, pairs: Sequence[Pair], inputs: dict[str, torch.Tensor]
) -> Iterator[SeenRow]:
    """A collated batch, row by row.

    Args:
        loaded: The model, or its skeleton.
        data: The samples.
        pairs: (epoch, index) of each row.
        inputs: As the collator made them: `input_ids`, `labels`, `attention_mask` (B, L), …
    """
    asked = [data.conversation(index, epoch) for epoch, index in pairs]
    sizes = [
        [i.load().size for message in messages for i in message.images] for messages, _ in asked
    ]
    pieces = loaded.family.pieces(loaded, inputs, sizes)
    learned = int((inputs["labels"] != IGNORED).sum())
    image_token = getattr(loaded.base.config, "image_token_id", None)
    made = loaded.processor.image_processor
    for row, ((epoch, index), (_, answer)) in enumerate(zip(pairs, asked, strict=True)):
        tokens = _tokens(loaded, inputs, row, image_token, learned)
        on_images = sum(token.kind == "image" for token in tokens)
        shown = tuple(
            SeenImage(
                size,
                # Separators between the rows of an image's tokens belong to it as well.
                on_images if len(sizes[row]) == 1 else sum(len(p.columns) for p in parts),
                tuple(_picture(made, piece) for piece in parts),
            )
            for size, parts in zip(sizes[row], pieces[row], strict=True)
        )
        item = data.items[index]
        yield SeenRow(item.uid, data.variant(index, epoch)[0].name, answer, tokens, shown)


def _picture(made: Any, piece: Any) -> SeenPicture:
    from workbench.models.pieces import unnormalised

    pixels = unnormalised(made, piece.pixels)
    return SeenPicture(pixels, piece.grid, piece.box, piece.tiles, piece.whole)


def _tokens(
    loaded: LoadedModel, inputs: dict[str, torch.Tensor], row: int, image: int | None, learned: int
) -> tuple[SeenToken, ...]:
    found = []
    for token, label, real in zip(
        *(inputs[key][row].tolist() for key in ("input_ids", "labels", "attention_mask")),
        strict=True,
    ):
        answer = label != IGNORED
        kind = (
            "padding"
            if not real
            else "answer"
            if answer
            else "image"
            if token == image
            else "prompt"
        )
        share = 1 / learned if answer else 0.0
        found.append(SeenToken(token, loaded.piece(token), kind, share))
    return tuple(found)
