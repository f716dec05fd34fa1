"""Jump mode: a letter on everything that one can go to, and that letter goes there.

The idea is posting's (github.com/darrenburns/posting); the targets are found here, so that no
list of them grows old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.errors import NoWidget
from textual.geometry import Region
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from workbench.app.panels import fill_screen, panel_of, panels

LETTERS = "asdfghjklqwertyuiopzxcvbnm"  # near the fingers first


@dataclass(frozen=True)
class JumpTarget:
    """Somewhere to go.

    Attributes:
        widget: Takes the focus; a panel that takes none has a capital, to fill the screen by.
        region: Where it is in sight.
    """

    widget: Widget
    region: Region


def targets(screen: Screen[Any]) -> list[JumpTarget]:
    """Fields, lists and panels in sight, from the top left on; as many as there are letters."""
    found = {widget: _in_sight(screen, widget) for widget in screen.focus_chain}
    for panel in panels(screen):
        if not any(panel in widget.ancestors_with_self for widget in found):
            found[panel] = _in_sight(screen, panel)
    some = [JumpTarget(widget, region) for widget, region in found.items() if region]
    some.sort(key=lambda target: (target.region.y, target.region.x))
    return some[: len(LETTERS)]


def _in_sight(screen: Screen[Any], widget: Widget) -> Region:
    try:
        return screen.find_widget(widget).visible_region
    except NoWidget:
        return Region()


class JumpScreen(ModalScreen["tuple[Widget, bool] | None"]):
    """The letters; returns the widget and whether its panel is to fill the screen."""

    DEFAULT_CSS = """
    JumpScreen { background: $background 30%; layers: base letters said; }
    JumpScreen .letter {
        layer: letters; position: absolute; width: 3; height: 1; padding: 0 1;
        background: $warning; color: $background; text-style: bold;
    }
    JumpScreen #jump-says {
        layer: letters; dock: bottom; height: 1; width: 100%; padding: 0 1;
        background: $panel; color: $foreground;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "leave", "Back", id="jump.leave", tooltip="Go nowhere")
    ]

    def __init__(self, of: Screen[Any]) -> None:
        super().__init__()
        self._of = of
        self.targets = dict(zip(LETTERS, targets(of), strict=False))

    def compose(self) -> ComposeResult:
        """A letter on each target, and what letters do."""
        for letter, target in self.targets.items():
            shown = letter if target.widget.focusable else letter.upper()
            mark = Static(shown, classes="letter", markup=False)
            mark.styles.offset = target.region.offset
            yield mark
        yield Static(
            "a letter goes there, a capital lets it fill the screen · 1-4 places · Esc",
            id="jump-says",
            markup=False,
        )

    def on_key(self, event: events.Key) -> None:
        """Go where the letter stands."""
        letter = event.character or ""
        target = self.targets.get(letter.lower())
        if target is not None and (letter.isupper() or target.widget.focusable):
            event.stop()
            self.dismiss((target.widget, letter.isupper()))
        elif target is not None:
            event.stop()
            said = f"{letter.upper()}, as a capital: this panel has no keys of its own"
            self.query_one("#jump-says", Static).update(said)
        elif letter in "1234" and letter:
            event.stop()
            self.dismiss(None)
            self.app.simulate_key(letter)

    def on_resize(self, event: events.Resize) -> None:
        """Another size puts everything elsewhere."""
        if event.size != self._of.size:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Go nowhere."""
        self.dismiss(None)


def arrive(screen: Screen[Any], chosen: tuple[Widget, bool] | None) -> None:
    """Do what was chosen: focus the widget, or give its panel the screen."""
    if chosen is None or not chosen[0].is_mounted:
        return
    widget, fills = chosen
    if widget.focusable:
        widget.focus()
    panel = panel_of(widget)
    if fills and panel is not screen.maximized:
        fill_screen(screen, panel)
