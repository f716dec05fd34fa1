"""The keys in reach of a screen, grouped by what one does with them: for the help and the palette.

Guarantee: what has no id is Textual's own and is left out; a key that is there twice is told once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, key_to_character
from textual.screen import Screen
from textual.widget import Widget

_CHARACTERS = {
    new: unicodedata.lookup({"hyphen_minus": "HYPHEN-MINUS"}.get(old, old.replace("_", " ")))
    for old, new in KEY_NAME_REPLACEMENTS.items()
}
Tasks = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass
class KeyLine:
    """One action and its keys.

    Attributes:
        id: By which the keys can be remapped.
        does: What it does, in a sentence.
        name: The same in a word, as in the footer.
        keys: As they are written on a keyboard.
        node: What has the binding; its action runs there.
    """

    id: str
    does: str
    name: str
    action: str
    node: DOMNode
    keys: list[str] = field(default_factory=list)


def key_lines(app: App[Any], nodes: Iterable[DOMNode]) -> list[KeyLine]:
    """The bound actions of some nodes, those of the first node first."""

    def bound() -> Iterator[tuple[DOMNode, Binding]]:
        for node in nodes:
            bindings = node._bindings.copy()
            if app._keymap:
                bindings.apply_keymap(app._keymap)
            yield from ((node, binding) for _, binding in bindings)

    return _lines(app, bound())


def lines_in_reach(screen: Screen[Any]) -> list[KeyLine]:
    """The bound actions that apply now, by the keys that what has the focus does not type."""
    bound = (
        (active.node, active.binding)
        for active in screen.active_bindings.values()
        if active.enabled and not is_text_for(screen.focused, active.binding.key)
    )
    return _lines(screen.app, bound)


def _lines(app: App[Any], bound: Iterable[tuple[DOMNode, Binding]]) -> list[KeyLine]:
    found: dict[tuple[str, str], KeyLine] = {}
    for node, binding in bound:
        if not binding.id or not binding.description or binding.system:
            continue
        does, key = binding.tooltip or binding.description, (binding.id, binding.action)
        line = KeyLine(binding.id, does, binding.description, binding.action, node)
        line = found.setdefault(key, line)
        # A key that the footer names by another of its action is told here by its own name.
        own = replace(binding, key_display=None) if _is_f_key(binding.key) else binding
        shown = shown_key(app, own)
        if shown not in line.keys and not _is_twin(binding.key):
            line.keys.append(shown)
    return list(found.values())


def shown_key(app: App[Any], binding: Binding) -> str:
    """A key as it is written on a keyboard: `F1`, `Esc`, `^p`, `?`."""
    if binding.key_display:
        return binding.key_display
    shown = app.get_key_display(binding)
    if _is_f_key(shown):
        return shown.upper()
    return {"esc": "Esc", "escape": "Esc", "space": "Space"}.get(shown, shown)


def is_text_for(widget: Widget | None, key: str) -> bool:
    """Whether a key is taken by what has the focus as text, such as `/` in a field."""
    if widget is None:
        return False
    if key == "enter":  # a line end in a text of several lines, which Textual does not tell
        return any(kind.__name__ == "TextArea" for kind in type(widget).__mro__)
    # Textual has names of its own for some characters, and does not know them by those again.
    return widget.check_consume_key(key, _CHARACTERS.get(key) or key_to_character(key))


def _is_f_key(key: str) -> bool:
    return key[:1] == "f" and key[1:].isdigit()


def _is_twin(key: str) -> bool:
    """Another spelling of a key that is named already: of Ctrl+Enter."""
    return key.rpartition("+")[0] == "super" or key == "ctrl+j"


def grouped(lines: Iterable[KeyLine], tasks: Tasks) -> Iterator[tuple[str, list[KeyLine]]]:
    """The lines by task, in the order of the tasks; what belongs to none comes last."""
    left = {}
    for line in lines:
        left.setdefault(line.id, line)
    for title, ids in tasks:
        some = [left.pop(name) for name in ids if name in left]
        if some:
            yield title, some
    if left:
        yield "Also" if tasks else "", list(left.values())


def below_the_screen(screen: Screen[Any]) -> list[DOMNode]:
    """What has the focus, and what it lies in, up to the screen."""
    focused = screen.focused
    if focused is None:
        return []
    return [node for node in focused.ancestors_with_self if node not in (screen, screen.app)]
