"""What Explore finds again next time, read from the saved state or else from the settings."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sessions.errors import WbError
from workbench.app.widgets.frames import HeatLook

if TYPE_CHECKING:
    from workbench.config import Settings
    from workbench.inference.decoding import Decoding

T = TypeVar("T")


@dataclass
class WalkState:
    """The walk of a seed over what the list holds.

    Attributes:
        step: How many samples were taken from it.
        over: What it walks over: the split and the filter.
    """

    seed: int = 0
    step: int = 0
    over: str = ""


@dataclass
class ExploreState:
    """The part of `bench.json` that is Explore's.

    Attributes:
        dataset: `dataset/split`, empty for that of the settings.
        ordinal: The sample in view.
        knobs, look: As JSON; see `decoding_of` and `look_of`.
        templates: Dataset to the name of the template that was chosen for it.
        thumbnails: The size of the gallery's tiles, 0 to 3.
        paths: What is written or read to the path that was typed last.
        sweep: Fields of the grid's form as they were typed.
        places: Whether boxes and points are drawn over the image.
        similar_by: What similar samples were listed by the last time: `text`, `pixels`, `image`.
        list_share: Of the terminal's width that the list takes, 0 where the user chose none.
    """

    dataset: str = ""
    ordinal: int = 0
    filter: str = ""
    knobs: dict[str, Any] = field(default_factory=dict)
    look: dict[str, Any] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    walk: WalkState = field(default_factory=WalkState)
    thumbnails: int = 1
    paths: dict[str, str] = field(default_factory=dict)
    sweep: dict[str, str] = field(default_factory=dict)
    places: bool = True
    similar_by: str = "text"
    list_share: float = 0.0


def restored(kind: type[T], saved: Any) -> T:
    """A state from JSON; a value of another type than is wanted is that of the first day."""
    state = kind()
    for name, plain in vars(state).items():
        value = saved.get(name) if isinstance(saved, dict) else None
        if is_dataclass(plain):
            value = restored(type(plain), value)
        if type(value) is type(plain):
            setattr(state, name, value)
    return state


def decoding_of(saved: dict[str, Any], settings: Settings) -> Decoding:
    """The knobs of last time, else those of the settings."""
    from workbench.inference.decoding import Decoding

    if saved:
        with contextlib.suppress(WbError, TypeError):
            return Decoding.from_json(saved)
    names = ("temperature", "max_new_tokens", "seed")
    chosen = {n: getattr(settings, n) for n in names if getattr(settings, n) is not None}
    with contextlib.suppress(WbError):
        return Decoding(**chosen)
    return Decoding()


def look_of(saved: dict[str, Any], settings: Settings) -> HeatLook:
    """The heat's look of last time, else that of the settings."""
    opacity, colormap = saved.get("opacity"), saved.get("colormap")
    plain = HeatLook(settings.opacity, settings.colormap)
    good = isinstance(opacity, (int, float)) and 0 <= opacity <= 1
    return HeatLook(
        float(opacity) if good and opacity is not None else plain.opacity,
        colormap if isinstance(colormap, str) and colormap.isalpha() else plain.colormap,
        saved.get("fade") is True,
    )
