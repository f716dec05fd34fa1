"""The line under the image: whose heat it is, by which method, how strong it is painted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.color import Color
from rich.style import Style
from rich.text import Text

from workbench.app.explore.token_name import token_name
from workbench.app.widgets.frames import HeatLook
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean


class HeatBar(SteadyText):
    """`heat low ▁▂▃▄▅▆▇█ high ‹False› HiResCAM · margin vs True · patch.embed  [ ] 50%  c turbo`.

    Where that is wider than the line, whole parts go: the note and the keys first, the token and
    the colours last; of a layer its end stays.
    """

    DEFAULT_CSS = """
    HeatBar { height: 1; padding: 0 1; }
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("", **kwargs)
        self._said: tuple[dict[str, Any], HeatLook] | None = None

    def say(self, line: Text | None) -> None:
        """Another line in its place, while no heat lies over the image; blank for none."""
        self._said = None
        self.update(line if line is not None else "")

    def show(self, heat: dict[str, Any] | None, look: HeatLook, *, waiting: str = "") -> None:
        """Say what lies over the image; blank where nothing does, so that no line moves.

        Args:
            heat: As `wb gradcam --json` prints it.
            look: How it is painted.
            waiting: What is being waited for.
        """
        self._said = None
        if waiting:
            self.update(Text(f"{clean(waiting, newlines=False)} · Esc cancels", style="dim"))
        elif heat is None:
            self.update("")
        else:
            self._said = (heat, look)
            self.update(caption(heat, look, self.content_size.width))

    def on_resize(self) -> None:
        """Another width has room for other parts."""
        if self._said is not None:
            self.update(caption(*self._said, self.content_size.width))


def caption(heat: Mapping[str, Any], look: HeatLook, width: int) -> Text:
    """What lies over the image, in so many cells; 0 where the width is not known yet."""
    contrast = str(heat.get("contrast") or "").strip()
    target = str(heat.get("target") or "") + (f" vs {contrast}" if contrast else "")
    method, layer = str(heat.get("method") or ""), str(heat.get("layer") or "")
    notes = heat.get("notes") or ()
    dim = Style(dim=True)
    fade = "  v faded" if look.fade else ""
    bare = Text.assemble("heat ", (f"‹{token_name(heat.get('token_text') or '')}›", "bold"), " ")
    scale = Text.assemble("heat low ", ramp(look.colormap), " high", bare[4:])
    coloured = Text.assemble("heat ", ramp(look.colormap, "▁▃▅▇"), bare[4:])
    note = Text(f"  {clean(notes[0], newlines=False)}" if notes else "", "italic")
    keys = Text(f"  [ ] {look.opacity:.0%}  c {look.colormap}{fade}", dim)
    brief = Text(f"  {look.opacity:.0%}", dim)
    short = "…" + ".".join(layer.split(".")[-2:]) if layer.count(".") > 1 else layer
    facts = [Text(_joined(method, target, where)) for where in (layer, short)]
    wordings = (
        (scale, facts[0], keys, note),
        (scale, facts[0], keys),
        (scale, facts[1], keys),
        (coloured, facts[1], keys),
        (scale, facts[1], brief),
        (scale, facts[1]),
        (coloured, facts[1]),
        (coloured, Text(_joined(method, short))),
        (bare, Text(_joined(method, short))),
    )
    lines = (Text.assemble(*parts) for parts in wordings)
    fitting = Text()
    for fitting in lines:
        if not width or fitting.cell_len <= width:
            break
    fitting.no_wrap, fitting.overflow = True, "ellipsis"
    return fitting


def _joined(*words: str) -> str:
    return " · ".join(clean(word, newlines=False) for word in words if word)


def ramp(colormap: str, bars: str = "▁▂▃▄▅▆▇█") -> Text:
    """The colour map from cold to hot, in rising bars."""
    import numpy as np

    from workbench.explain.colormaps import colour

    colours = colour(np.linspace(0, 1, len(bars)), colormap)
    text = Text()
    for bar, rgb in zip(bars, colours.tolist(), strict=True):
        text.append(bar, Style(color=Color.from_rgb(*rgb)))
    return text
