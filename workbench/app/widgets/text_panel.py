"""Panels over a screen that show a text in full: what was copied, and what failed."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from sessions.errors import WbError
from workbench.app.widgets.dialog_box import DialogBox
from workbench.app.widgets.footer import key_that_restarts
from workbench.text import clean


class TextPanel(ModalScreen[None]):
    """A text in full; `y` copies it, Esc closes. The text is never read as markup."""

    DEFAULT_CSS = """
    TextPanel { align: center middle; background: $background 60%; }
    TextPanel > Vertical {
        width: 80%; max-width: 110; height: auto; max-height: 80%;
        border: round $primary; background: $surface; padding: 1 2;
    }
    TextPanel VerticalScroll { height: auto; max-height: 100%; }
    TextPanel .keys { color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Close", id="panel.close"),
        Binding("y", "copy", "Copy", id="panel.copy"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.panel_title = clean(title, newlines=False)
        self.text = text

    def compose(self) -> ComposeResult:
        """The text in a scroll, and the keys."""
        with DialogBox() as box:
            box.border_title = Text(self.panel_title)
            with VerticalScroll():
                yield Static(self.body(), markup=False)
            yield Static(self.keys(), classes="keys", markup=False)

    def keys(self) -> str:
        """What the keys do."""
        return "y copies the text · Esc closes"

    def body(self) -> Text:
        """What is shown."""
        return Text(clean(self.text))

    def action_close(self) -> None:
        """Close the panel."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy the text again."""
        self.app.copy_to_clipboard(self.text)


class ErrorPanel(TextPanel):
    """What failed, what was received and what to do next."""

    # A rule of a widget's own style sheet reaches no subclass by its name: hence here.
    DEFAULT_CSS = """
    ErrorPanel > Vertical { border: round $error; border-title-color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "restart", "Restart the engine", id="app.engine")
    ]

    def __init__(self, error: BaseException, title: str | None = None) -> None:
        self.error = error
        super().__init__(title or "this did not work", error_text(error))

    def on_mount(self) -> None:
        """The engine may be found dead only after the panel is there."""
        self.watch(self.app, "engine_state", self._engine_changed, init=False)

    def _engine_changed(self) -> None:
        self.query_one(".keys", Static).update(self.keys())
        self.refresh_bindings()

    def _engine_died(self) -> bool:
        state = getattr(self.app, "engine_state", None)
        return state is not None and state.phase == "died"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The engine is started again only where it is gone."""
        return not self.why_not(action)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        died = action != "restart" or self._engine_died()
        return "" if died else "the engine did not die: there is nothing to start again"

    def keys(self) -> str:
        """What the keys do; first of all the one that starts a dead engine again."""
        key = key_that_restarts(self) if self._engine_died() else ""
        return (f"{key} starts the engine again · " if key else "") + super().keys()

    async def action_restart(self) -> None:
        """Close the panel and start the engine again."""
        self.dismiss(None)
        await self.app.run_action("app.restart_engine")

    def same_as(self, error: BaseException) -> bool:
        """Whether this panel already shows that failure."""
        return error_text(error) == self.text

    def body(self) -> Text:
        """The message, then the hint apart from it."""
        if not isinstance(self.error, WbError):
            return super().body()
        text = Text(clean(self.error.message))
        if self.error.hint:
            text.append("\n\n→ ", style="bold")
            text.append(clean(self.error.hint))
        return text


def error_text(error: BaseException) -> str:
    """The whole failure as text: message and hint, or for a bug its traceback."""
    if isinstance(error, WbError):
        return error.message + (f"\nhint: {error.hint}" if error.hint else "")
    import traceback

    return "".join(traceback.format_exception(error)).strip()
