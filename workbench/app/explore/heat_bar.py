"""The line under the image: whose heat it is, by which method, how strong it is painted."""

from __future__ import annotations

from typing import Any

from rich.color import Color
from rich.style import Style
from rich.text import Text

from workbench.app.widgets.frames import HeatLook
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean


class HeatBar(SteadyText):
    """`heat ▁▂▃▅▇█ ‹False›  HiResCAM · margin · peak left (23, 41)   [ ] 50 %  c turbo`."""

    DEFAULT_CSS = """
    HeatBar { height: 1; padding: 0 1; }
    """

    def say(self, line: Text | None) -> None:
        """Another line in its place, while no heat lies over the image; blank for none."""
        self.update(line if line is not None else "")

    def show(self, heat: dict[str, Any] | None, look: HeatLook, *, waiting: str = "") -> None:
        """Say what lies over the image; blank where nothing does, so that no line moves.

        Args:
            heat: As `wb gradcam --json` prints it.
            look: How it is painted.
            waiting: What is being waited for.
        """
        if waiting:
            self.update(Text(f"{clean(waiting, newlines=False)} · Esc cancels", style="dim"))
            return
        if heat is None:
            self.update("")
            return
        line = Text("heat ", no_wrap=True, overflow="ellipsis")
        line.append_text(ramp(look.colormap))
        token = clean(heat.get("token_text") or "", newlines=False).strip()
        line.append(f" ‹{token}› ", Style(bold=True))
        facts = [str(heat.get("method") or ""), str(heat.get("target") or "")]
        contrast = heat.get("contrast")
        if contrast:
            facts[1] += f" vs {clean(contrast, newlines=False).strip()}"
        facts.append(str(heat.get("layer") or ""))
        line.append(" · ".join(clean(f, newlines=False) for f in facts if f))
        fade = "  v faded" if look.fade else ""
        line.append(f"  [ ] {look.opacity:.0%}  c {look.colormap}{fade}", Style(dim=True))
        notes = heat.get("notes") or ()
        if notes:
            line.append(f"  {clean(notes[0], newlines=False)}", Style(italic=True))
        self.update(line)


def ramp(colormap: str) -> Text:
    """The colour map from cold to hot, in rising bars."""
    import numpy as np

    from workbench.explain.colormaps import colour

    bars = "▁▂▃▄▅▆▇█"
    colours = colour(np.linspace(0, 1, len(bars)), colormap)
    text = Text()
    for bar, rgb in zip(bars, colours.tolist(), strict=True):
        text.append(bar, Style(color=Color.from_rgb(*rgb)))
    return text
