"""The line at the bottom: the keys in reach, fitted to the width.

Guarantee: one widget and one line whatever the number of keys (Textual's own footer mounts a
widget per key, which costs a third of the first frame); help and the palette are never cut off;
a click on a key does what the key does; no key is offered that a dialog takes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.key_table import is_text_for, shown_key
from workbench.text import clean


class BenchFooter(Widget):
    """`j/k Next  ⏎ Ask  / Filter  …  ? Help  ^p Palette`."""

    DEFAULT_CSS = """
    BenchFooter {
        dock: bottom; height: 1; padding: 0 1; background: $panel; color: $foreground;
        link-style: none; link-color: $foreground; link-background: $panel;
        link-style-hover: bold;
    }
    """

    def on_mount(self) -> None:
        """Follow what is in reach."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self.watch(self.screen, "stack_updates", self._stacked, init=False)
        self.watch(self.screen, "maximized", self._stacked, init=False)

    def on_unmount(self) -> None:
        """Follow no more."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[Any]) -> None:
        self.refresh()

    def _stacked(self) -> None:
        """A dialog opened over the screen, or was closed; a panel fills it, or does no longer."""
        self.refresh()

    def render(self) -> Text:
        """As many keys as fit, those that say how to find the others last and always.

        Empty below a dialog, which takes all keys and says its own.
        """
        if self.app.screen is not self.screen:  # also where it shows through
            return Text()
        keys = self._keys()
        always = [k for k in keys if k[0].action in ("app.help", "help")]
        always.append((Binding("ctrl+p", "app.command_palette", "Keys"), "^p"))
        tail = self._text(always)
        room = self.size.width - tail.cell_len - 2
        line = Text(no_wrap=True, overflow="crop")
        for key in keys:
            if key in always:
                continue
            part = self._text([key])
            if line.cell_len + part.cell_len > room:
                break
            line.append_text(part)
        line.append(" " * max(0, self.size.width - line.cell_len - tail.cell_len))
        line.append_text(tail)
        return line

    def _keys(self) -> list[tuple[Binding, str]]:
        seen: dict[str, tuple[Binding, str]] = {}
        said: set[str] = set()
        alone = self.screen.maximized is not None  # then Esc does nothing else, of Textual's own
        if alone:
            back = Binding("escape", "screen.minimize", "All panels")
            seen[back.action] = back, self._shown(back)
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if not binding.show or not enabled or not binding.description:
                continue
            if alone and binding.key == "escape":
                continue
            if {binding.action, binding.description} & said:
                continue
            if not is_text_for(self.screen.focused, binding.key):
                said |= {binding.action, binding.description}
                seen[binding.action] = (binding, self._shown(binding))
        return list(seen.values())

    def _shown(self, binding: Binding) -> str:
        """The key that does it here: what a field would take as text is offered nowhere."""
        shown, focused = binding.key_display or "", self.screen.focused
        if len(shown) == 1 and focused is not None and focused.check_consume_key(shown, shown):
            shown = ""
        return shown_key(self.app, binding if shown else replace(binding, key_display=None))

    def _text(self, keys: list[tuple[Binding, str]]) -> Text:
        text = Text(no_wrap=True)
        for binding, shown in keys:
            click = Style(meta={"@click": f"app.simulate_key('{binding.key}')"})
            text.append(shown, PALETTE.second + PALETTE.strong + click)
            text.append(f" {clean(binding.description, newlines=False)}  ", click)
        return text


def key_that_restarts(widget: Widget) -> str:
    """The key that starts the engine again, as the settings have it; empty where none does."""
    return key_of(widget, "app.engine")


def key_of(widget: Widget, name: str) -> str:
    """The key of a binding by its id, as the settings have it; empty where it has none in reach."""
    for _, binding, enabled, _ in widget.screen.active_bindings.values():
        if binding.id == name and enabled:
            shown = widget.app.get_key_display(binding)
            return shown.upper() if shown[1:].isdigit() else shown  # F8, as on the keyboard
    return ""
