"""What flows through the bench: `Sample`, `ImageRef`, `Message`, `Answer`.

Guarantee: importing this module imports neither Pillow nor torch; an image is decoded when its
pixels are asked for, and never before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

Task = Literal[
    "statement", "entailment", "question", "caption", "classification", "grounding", "other"
]


@dataclass(frozen=True)
class ImageRef:
    """A picture that is not decoded yet: encoded bytes, a path or a URL (exactly one of them).

    Attributes:
        data: Encoded bytes (PNG, JPEG, ...), as they came.
        path: A file on disk.
        url: Where it can be fetched; fetched only when asked for, never from private addresses.
        name: What to call it in messages and exports (`left`, `images/12.png`, ...).
        fetch: Whoever made it asked for its URL to be fetched when its bytes are needed.
    """

    data: bytes | None = None
    path: Path | None = None
    url: str | None = None
    name: str = ""
    fetch: bool = False

    def read(self) -> bytes:
        """The encoded bytes. Raises `ImageError` where they cannot be had."""
        from workbench.images.decode import read_bytes

        return read_bytes(self)

    def load(self) -> Image.Image:
        """The decoded picture: EXIF-turned, RGB, first frame, bounded in pixels.

        Raises `ImageError` for what is missing, empty, truncated, too large or no image.
        """
        from workbench.images.decode import load_image

        return load_image(self)

    def sha256(self) -> str:
        """Hex digest of the encoded bytes: the identity of an image in the record."""
        import hashlib

        return hashlib.sha256(self.read()).hexdigest()


@dataclass(frozen=True)
class Sample:
    """One example of a dataset.

    Attributes:
        uid: `dataset/split/native-id`, from the data itself.
        images: In the order in which a prompt shows them.
        texts: By role: `sentence`, `hypothesis`, `question`, `caption`, ...
        label: The gold label or short answer in the dataset's own words, `None` where unknown.
        references: All accepted answers or reference captions; holds `label` first where known.
        explanations: Free-text reasons, where the dataset has them.
        metadata: JSON-able facts: sizes, URLs, `objects` (a list per image of
            `{"name", "box": [x0, y0, x1, y1]}` in pixels), `kind`, `targets`, ...
        task: What is asked of it; chooses the prompt templates and the metrics.
        labels: The closed set of label words where there is one, else empty.
        error: Set where the sample could not be read whole; it still has its UID.
        unreached: Whether `error` is of the way to it (a hub that cannot be asked) and says nothing
            of what it holds.
    """

    uid: str
    images: tuple[ImageRef, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    references: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    task: Task = "other"
    labels: tuple[str, ...] = ()
    error: str | None = None
    unreached: bool = False


@dataclass(frozen=True)
class Message:
    """One turn of a chat.

    Attributes:
        role: `system`, `user` or `assistant`.
        parts: Text and images in the order in which the model reads them.
    """

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | ImageRef, ...]

    @property
    def text(self) -> str:
        """The text parts alone, joined by newlines."""
        return "\n".join(p for p in self.parts if isinstance(p, str))

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The image parts alone."""
        return tuple(p for p in self.parts if isinstance(p, ImageRef))


@dataclass(frozen=True)
class Token:
    """One generated token.

    Attributes:
        id: Vocabulary id; -1 where a remote server does not say.
        text: Its decoded text (may be a part of a character: then the replacement character).
        logprob: Natural log of its probability under the model itself, before temperature and
            truncation; `None` where unknown.
        top: The most probable alternatives at this position, `(text, logprob)`, best first.
    """

    id: int
    text: str
    logprob: float | None = None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Timing:
    """Seconds: to load (0 when already loaded), to the first token, in all."""

    load_s: float = 0.0
    first_token_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True)
class CoordinateFrame:
    """What a model's coordinates of an image are of: how `(0.25, 0.5)` becomes a pixel.

    Attributes:
        size: (width, height) in pixels of the image, as it is shown.
        box: (x0, y0, x1, y1) in its pixels that the coordinates run over from 0 to their `units`:
            larger than the image where it was padded, smaller where it was cut; `None` is all.
        units: What a coordinate is at the far edges of `box`, across and down; `None` where nobody
            knows (a server's model).
        convention: The name of the convention, empty where nobody knows.
    """

    size: tuple[int, int]
    box: tuple[float, float, float, float] | None = None
    units: tuple[float, float] | None = None
    convention: str = ""

    @property
    def span(self) -> tuple[float, float, float, float]:
        """`box`, spelled out."""
        return self.box or (0.0, 0.0, float(self.size[0]), float(self.size[1]))

    def to_image(self, share: tuple[float, float]) -> tuple[float, float]:
        """(x, y) in pixels of the image of a place given in shares of `box`, 0 to 1."""
        x0, y0, x1, y1 = self.span
        return x0 + share[0] * (x1 - x0), y0 + share[1] * (y1 - y0)

    def from_image(self, x: float, y: float) -> tuple[float, float]:
        """The coordinates, in `units`, of a pixel; in shares of `box` where those are unknown."""
        (x0, y0, x1, y1), (across, down) = self.span, self.units or (1.0, 1.0)
        return (x - x0) / (x1 - x0) * across, (y - y0) / (y1 - y0) * down

    def to_json(self) -> dict[str, Any]:
        """Its fields; tuples become lists in JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> CoordinateFrame:
        """The reverse of `to_json`. Raises `KeyError`, `TypeError` or `ValueError` for no frame."""
        wide, high = body["size"]
        box = units = None
        if body.get("box"):
            x0, y0, x1, y1 = body["box"]
            box = (float(x0), float(y0), float(x1), float(y1))
        if body.get("units"):
            across, down = body["units"]
            units = (float(across), float(down))
        return cls((int(wide), int(high)), box, units, str(body.get("convention") or ""))


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        finish_reason: `stop` (end of turn or a stop string), `length`, `cancelled`, `error`.
        prompt_tokens: Length of the prompt, image tokens included.
        head: Probability of each class by the model's classification head, `None` where it has
            none.
        counted: New tokens as a server elsewhere counted them, where it gave them in other pieces.
        server: What a server elsewhere said of itself: `model`, `fingerprint`, `kind`.
        answered_by: The load that answered, as it was then: `identity`, `dtype`, `device`,
            `revision` and `versions`; of a server elsewhere `engine`, its URL. Empty where an
            answer does not say.
        frames: What its coordinates are of, for each image of the prompt in order; empty where
            that is not known.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    timing: Timing = Timing()
    label_scores: Mapping[str, float] | None = None
    head: Mapping[str, float] | None = None
    counted: int | None = None
    server: Mapping[str, str] = field(default_factory=dict)
    answered_by: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[CoordinateFrame, ...] = ()

    @property
    def new_tokens(self) -> int:
        """How many tokens were generated."""
        return len(self.tokens) if self.counted is None else self.counted

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second after the first one, 0 where it cannot be told."""
        span = self.timing.total_s - self.timing.first_token_s
        return (self.new_tokens - 1) / span if self.new_tokens > 1 and span > 0 else 0.0


Conversation = Sequence[Message]
