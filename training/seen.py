"""What a model is shown in a batch, as data: tokens, labels, pictures, padding.

Guarantee: torch-free and plain, so that a terminal, a page and JSON show the same. Not for making
it: see `training.show_batch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# What a token can be.
KINDS = ("padding", "image", "prompt", "answer")
_LEAST = 224  # pixels that a picture is drawn with, at least
_LINE, _SEAM, _OUTSIDE = (255, 210, 0), (255, 64, 64), 0.35


@dataclass(frozen=True)
class SeenToken:
    """One column of a row.

    Attributes:
        id: Of the vocabulary.
        text: As the tokenizer spells it.
        kind: One of `KINDS`.
        share: Of the loss of the batch: 0 where nothing is learned.
    """

    id: int
    text: str
    kind: str
    share: float


@dataclass(frozen=True)
class SeenPicture:
    """One picture that the vision tower is given; see `workbench.models.pieces.Piece`.

    Attributes:
        pixels: (H, W, 3), 0 to 255, the normalisation undone.
        grid: (h, w) of its tokens, or of patches where images have no tokens; (0, 0): no places.
        box: (x0, y0, x1, y1) in pixels that the grid covers.
        tiles: (rows, columns) that it is joined of.
        whole: The image once more, coarsely, beside its tiles.
    """

    pixels: np.ndarray
    grid: tuple[int, int]
    box: tuple[int, int, int, int]
    tiles: tuple[int, int] = (1, 1)
    whole: bool = False

    def words(self) -> str:
        """`224x224 pixels, 16x16 tokens`, in width and height."""
        high, wide = self.pixels.shape[:2]
        parts = [f"{wide}x{high} pixels"]
        if self.tiles != (1, 1):
            parts.append(f"{self.tiles[1]}x{self.tiles[0]} tiles")
        if self.grid != (0, 0):
            parts.append(f"a grid of {self.grid[1]}x{self.grid[0]}")
        return ("all of it again, " if self.whole else "") + ", ".join(parts)

    def drawn(self) -> Image.Image:
        """The picture with the grid over it, what the grid leaves out darkened."""
        import numpy as np
        from PIL import Image

        high, wide = self.pixels.shape[:2]
        scale = max(1, -(-_LEAST // max(high, wide)))
        out = self.pixels.repeat(scale, 0).repeat(scale, 1).copy()
        x0, y0, x1, y1 = (edge * scale for edge in self.box)
        outside = np.ones(out.shape[:2], bool)
        outside[max(0, y0) : y1, max(0, x0) : x1] = False
        out[outside] = (out[outside] * _OUTSIDE).astype(out.dtype)
        h, w = self.grid
        for i in range(h + 1 if h else 0):
            out[min(y0 + i * (y1 - y0) // h, out.shape[0] - 1), max(0, x0) : x1] = _LINE
        for i in range(w + 1 if w else 0):
            out[max(0, y0) : y1, min(x0 + i * (x1 - x0) // w, out.shape[1] - 1)] = _LINE
        for i in range(1, self.tiles[0]):
            out[i * out.shape[0] // self.tiles[0]] = _SEAM
        for i in range(1, self.tiles[1]):
            out[:, i * out.shape[1] // self.tiles[1]] = _SEAM
        return Image.fromarray(out)


@dataclass(frozen=True)
class SeenImage:
    """One image of a sample.

    Attributes:
        size: (width, height) as it lies in the data.
        tokens: Columns of the row that show it.
        pictures: What is made of it; empty where the layout of the pixels is not known.
    """

    size: tuple[int, int]
    tokens: int
    pictures: tuple[SeenPicture, ...]


@dataclass(frozen=True)
class SeenRow:
    """One sample of a batch."""

    uid: str
    template: str
    answer: str
    tokens: tuple[SeenToken, ...]
    images: tuple[SeenImage, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Tokens by kind, and those that the loss is on."""
        found = {kind: sum(t.kind == kind for t in self.tokens) for kind in KINDS}
        return {"tokens": len(self.tokens) - found["padding"], **found, "loss": len(self.learned)}

    @property
    def learned(self) -> tuple[SeenToken, ...]:
        """The tokens that the loss is on."""
        return tuple(token for token in self.tokens if token.share)

    @property
    def share(self) -> float:
        """Of the loss of its batch."""
        return sum(token.share for token in self.tokens)

    def to_json(self, paths: Mapping[int, str] | None = None) -> dict[str, Any]:
        """Ids, texts, mask, pictures and counts; `paths`: picture's number -> its file."""
        number, images = 0, []
        for image in self.images:
            pictures = []
            for picture in image.pictures:
                high, wide = picture.pixels.shape[:2]
                pictures.append(
                    {
                        "size": [wide, high],
                        "grid": list(picture.grid),
                        "box": list(picture.box),
                        "tiles": list(picture.tiles),
                        "whole": picture.whole,
                        "png": (paths or {}).get(number),
                    }
                )
                number += 1
            images.append({"size": list(image.size), "tokens": image.tokens, "pictures": pictures})
        return {
            "uid": self.uid,
            "template": self.template,
            "answer": self.answer,
            "ids": [token.id for token in self.tokens],
            "texts": [token.text for token in self.tokens],
            "kinds": [token.kind for token in self.tokens],
            "label_mask": [int(token.share > 0) for token in self.tokens],
            "loss_share": self.share,
            "images": images,
            "counts": self.counts,
        }


@dataclass(frozen=True)
class Seen:
    """The first rows of a training.

    Attributes:
        model: As the config names it.
        family: What serves it.
        limit: Most tokens of a sample; `None` where nothing says.
        batch_size: Samples of a forward.
        width: Columns of the rows' batches, padding included.
        rows: In the order of the training.
        refused: UID -> why it is left out, of the batches that were looked at.
    """

    model: str
    family: str
    limit: int | None
    batch_size: int
    width: int
    rows: tuple[SeenRow, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """The sums of the rows' counts."""
        found: dict[str, int] = {}
        for row in self.rows:
            for name, n in row.counts.items():
                found[name] = found.get(name, 0) + n
        return found

    def to_json(self, paths: Mapping[tuple[int, int], str] | None = None) -> dict[str, Any]:
        """One document; `paths`: (row, picture) -> its file."""
        named = paths or {}
        return {
            "v": 1,
            "model": self.model,
            "family": self.family,
            "max_length": self.limit,
            "batch_size": self.batch_size,
            "width": self.width,
            "rows": [
                row.to_json({p: path for (r, p), path in named.items() if r == number})
                for number, row in enumerate(self.rows)
            ],
            "truncated": 0,
            "refused": dict(self.refused),
            "counts": self.counts,
        }
