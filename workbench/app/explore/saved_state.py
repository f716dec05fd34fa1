"""What Explore takes from the saved state, or from the settings where that cannot be read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.widgets.frames import Look

if TYPE_CHECKING:
    from workbench.config import Settings


def decoding_of(saved: Any, settings: Settings) -> Any:
    """The knobs of last time, else those of the settings."""
    from workbench.inference.decoding import Decoding

    if isinstance(saved, dict):
        with contextlib.suppress(WbError, TypeError):
            return Decoding.from_json(saved)
    names = ("temperature", "max_new_tokens", "seed")
    chosen = {n: getattr(settings, n) for n in names if getattr(settings, n) is not None}
    with contextlib.suppress(WbError):
        return Decoding(**chosen)
    return Decoding()


def look_of(saved: dict[str, Any], settings: Settings) -> Look:
    """The heat's look of last time, else that of the settings."""
    opacity, colormap = saved.get("opacity"), saved.get("colormap")
    plain = Look(settings.opacity, settings.colormap)
    good = isinstance(opacity, (int, float)) and 0 <= opacity <= 1
    return Look(
        float(opacity) if good and opacity is not None else plain.opacity,
        colormap if isinstance(colormap, str) and colormap.isalpha() else plain.colormap,
        saved.get("fade") is True,
    )
