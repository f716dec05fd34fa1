"""The line at the top of every place: where one is, what is open, how the engine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from workbench.app.engine_service import EngineState
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.footer import key_that_restarts
from workbench.models.names import model_name
from workbench.text import clean

if TYPE_CHECKING:
    from textual.timer import Timer

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SIGNS = {"off": "○", "ready": "●", "died": "✗"}


def memory_text(count: int | None) -> str:
    """Bytes as a person says them, empty where unknown."""
    if not count:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


class BenchHeader(Widget):
    """`wb  1 Explore 2 Runs 3 Jobs 4 Sessions   demo/test · 1,000      demo ● ready 21 MB`.

    A screen sets `.subject` to say what is open in it: one wording, or several, fullest first, of
    which the first that fits is shown.
    """

    DEFAULT_CSS = """
    BenchHeader {
        dock: top; height: 1; padding: 0 1;
        background: $panel; color: $foreground;
        link-style: none; link-color: $foreground; link-style-hover: bold; link-background: $panel;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = set()
    TABS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("explore", "Explore"),
        ("runs", "Runs"),
        ("jobs", "Jobs"),
        ("sessions", "Sessions"),
    )

    subject: reactive[str | tuple[str, ...]] = reactive("")
    engine_state: reactive[EngineState] = reactive(EngineState())

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None
        self._turn = 0

    def on_mount(self) -> None:
        """Follow the app's engine state."""
        self.engine_state = getattr(self.app, "engine_state", EngineState())
        self.watch(self.app, "engine_state", self._follow_engine)
        if hasattr(type(self.app), "model_label"):
            self.watch(self.app, "model_label", self._draw_anew, init=False)
            self.watch(self.app, "came_from", self._draw_anew, init=False)

    def _draw_anew(self, _changed: str) -> None:
        self.refresh()

    def _follow_engine(self, state: EngineState) -> None:
        self.engine_state = state
        moving = state.phase in ("starting", "loading", "busy")
        if moving and self._timer is None:
            self._timer = self.set_interval(0.1, self._spin)
        elif not moving and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _spin(self) -> None:
        self._turn += 1
        self.refresh()

    def render(self) -> Text:
        """One line; the engine yields to the tabs and the subject where it is narrow."""
        left = Text(no_wrap=True, overflow="ellipsis")
        left.append(" wb ", PALETTE.accent + Style(bold=True, reverse=True))
        left.append(" ")
        wide = self.outer_size.width >= 100
        for number, (place, title) in enumerate(self.TABS, 1):
            here = self.app.current_mode == place
            click = Style(meta={"@click": f"app.go('{place}')"})
            # The number is a key, and both can be clicked: as in the footer.
            left.append(f"{number}", PALETTE.second + PALETTE.strong + click)
            back = getattr(self.app, "came_from", "") == place
            if wide or here or back:
                left.append(" ", click)
                left.append(title, Style(bold=here, underline=here) + click)
            if back:  # what Esc does in the end
                left.append(" ‹Esc", PALETTE.accent + click)
            left.append("  " if wide else " ")
        right = self._engine_text()
        room = self.size.width - left.cell_len - right.cell_len - 2
        left.append("  ")
        left.append_text(self._subject_text(max(0, room - 2)))
        left.append(" " * max(1, self.size.width - left.cell_len - right.cell_len))
        left.append_text(right)
        return left

    def _subject_text(self, room: int) -> Text:
        wordings = (self.subject,) if isinstance(self.subject, str) else self.subject
        text = Text(no_wrap=True)
        for wording in wordings:
            text = Text(clean(wording, newlines=False), no_wrap=True)
            if text.cell_len <= room:
                return text
        text.truncate(room, overflow="ellipsis")
        return text

    def _engine_text(self) -> Text:
        state = self.engine_state
        moving = state.phase in ("starting", "loading", "busy")
        if state.phase == "ready" and self._holds_another(state):
            state = EngineState("off", "not loaded")
        sign = _SPINNER[self._turn % len(_SPINNER)] if moving else _SIGNS[state.phase]
        looks = {"ready": PALETTE.good, "died": PALETTE.bad, "off": Style()}
        text = Text(no_wrap=True)
        model = clean(getattr(self.app, "model_label", ""), newlines=False)
        if model:
            named = Text(model, Style(bold=True), no_wrap=True)
            named.truncate(max(12, self.outer_size.width - 60), overflow="ellipsis")
            text.append_text(named).append(" ")
        narrow = self.outer_size.width < 100  # the model and the subject are told first
        off = "off" if narrow else "engine off"
        word = {"off": state.detail or off, "busy": "working"}.get(state.phase, state.phase)
        if state.progress is not None and state.phase == "loading":
            word += f" {state.progress:.0%}"
        text.append(f"{sign} {word}", looks.get(state.phase, PALETTE.warn))
        if state.phase == "died":
            key = key_that_restarts(self)
            text.append(f" · {key} starts it again" if key else "", Style(dim=True))
        elif (
            state.detail and state.phase in ("starting", "loading") and self.outer_size.width >= 120
        ):
            text.append(f" {clean(state.detail, newlines=False)[:40]}", Style(dim=True))
        elif not narrow and (memory := memory_text(state.memory_bytes)):
            text.append(f" {memory}", Style(dim=True))
        return text

    def _holds_another(self, state: EngineState) -> bool:
        """Whether the engine is ready with a model that is not the one in use."""
        spec, loaded = getattr(self.app, "spec", None), state.detail
        if spec is None or not loaded or loaded == "elsewhere":
            return False
        return model_name(loaded) != model_name(spec.model)
