"""Fields that are filled for the user, and know whether what stands in them is still that.

Guarantee: `edited` turns true by the user's own keys, pastes and cuts alone, and false by filling
and by undoing all of them. What the field draws is never compared with what it was filled with: a
text area breaks lines at U+2028 and the like and puts other line ends in their place, which is no
edit. Until there is one, `exact` is what the field was filled with, character by character.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input, TextArea
from textual.widgets.text_area import Edit, EditResult


class PromptText(TextArea):
    """The user's turn. Ctrl+Enter asks; terminals that cannot tell it from Enter have F5."""

    HELP_TITLE = "Prompt"
    HELP = (
        "What is asked about the sample. The template fills it; as soon as you type, it is "
        "free text of your own. Ctrl+Enter or F5 asks from here; Ctrl+R brings back a prompt that "
        "you wrote before; F4 opens the text in your editor ($VISUAL, $EDITOR); Ctrl+S keeps it as "
        "a template."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+enter,ctrl+j,f5", "screen.ask", "Ask", id="prompt.ask", key_display="^⏎/F5"),
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._given, self._drawn, self.edited = "", "", False
        super().__init__(*args, **kwargs)

    @property
    def exact(self) -> str:
        """What is asked: as it was filled, or as the user left it."""
        return self.text if self.edited else self._given

    def on_resize(self) -> None:
        """Draw it anew: Textual wraps it to the new width, and keeps lines drawn by the old one."""
        self.refresh()

    def load_text(self, text: str) -> None:
        """Put a text in that is not the user's."""
        self._given, self.edited = text, False
        super().load_text(text)
        self._drawn = self.text

    def undo(self) -> None:
        """Take the last edit back; the first one taken back leaves what it was filled with."""
        super().undo()
        self.edited = self.text != self._drawn

    def redo(self) -> None:
        """Make an edit again."""
        super().redo()
        self.edited = self.text != self._drawn

    def edit(self, edit: Edit) -> EditResult:
        """A key, a paste or a cut."""
        result = super().edit(edit)
        if edit.text or result.replaced_text:  # a backspace at the start changes nothing
            self.edited = True
        return result


class FilledInput(Input):
    """One line that is filled for the user."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._given, self._filling, self.edited = "", True, False
        super().__init__(*args, **kwargs)
        self._filling = False

    @property
    def exact(self) -> str:
        """What is asked: as it was filled, or as the user left it."""
        return self.value if self.edited else self._given

    def fill(self, text: str) -> None:
        """Put a text in that is not the user's."""
        self._filling = True
        try:
            self.value = text
        finally:
            self._filling = False
        self._given, self.edited = text, False

    def watch_value(self) -> None:
        """Every change but those of `fill` is the user's."""
        if not self._filling:
            self.edited = True
