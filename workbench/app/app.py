"""The bench's shell: four places, what they share, and nothing of what they show.

Guarantee: importing this module and drawing the first frame imports no torch, transformers,
datasets, evaluate, Pillow or httpx; a place's screen is imported when it is first shown, or while
nobody types (`places_ahead`). The event loop is never blocked: what is slow runs in the lanes of
`app.tasks`. Leaving the bench harms neither jobs nor the engine; both are processes of their own.
Not for: what a single screen does. Each place has a folder with a `screen.py` of its own.

What a screen finds on `self.app` (a `WbApp`):

    app.settings      workbench.config.Settings: images, theme, keymap, model, ...
    app.state         workbench.app.state.BenchState, restored and saved by the app; a screen
                      keeps its own part: app.state.place("runs") -> dict of JSON values, and
                      may have a method `remember()` that fills it before it is saved
    app.open_uid(uid, run_id=None)
                      switch to Explore, load that sample; run_id chooses whose predictions
                      stand beside the samples. From the event loop. Esc leads back to the
                      place it came from, `app.came_from`
    app.go(mode)      "explore" | "runs" | "jobs" | "sessions"
    app.copy_text(text, what)
                      clipboard by OSC 52, a toast, and a panel that shows the text
    app.start_job(argv, title, *, on_started=None)
                      `argv` as typed after `wb` (["run-eval", "--dataset", ...]): starts
                      `sys.executable -P -m commands.main *argv` as a job. Returns None at once;
                      when it runs, `on_started(job)` is called and `JobStarted(job, title)` is
                      posted to the current screen, both on the event loop, with a toast
    app.start_job_now(argv, title) -> Job
                      the same, blocking: from workers
    app.fail(error, title=None)
                      a panel with the full, copyable text of a WbError or Exception; from any
                      thread
    app.engine()      workbench.app.engine_service.EngineService: .client() blocks (workers
                      only) and gives the one connected Engine; .state is what the header
                      shows; .restart()
    app.spec          the ModelSpec that is asked, settable; app.model_label is its short name
    app.tasks.run(lane, work) -> CancelToken
                      `work(token)` in a daemon thread; the newest of a lane wins (see tasks.py)
    app.call_soon(fn, *args)
                      run on the event loop, from any thread; dropped once the app is gone

Every screen composes `BenchHeader()` first and `BenchFooter()` last, has binding ids of the
form `<place>.<action>` so that users can remap them, and offers `palette_actions()` (optional): an
iterable of (title, help, callable) for the command palette.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.reactive import reactive
from textual.screen import Screen

from workbench.app.app_keys import KEYS
from workbench.app.clean_lines import CleanLines
from workbench.app.copied import copied
from workbench.app.help_keys import HelpKeys
from workbench.app.kept_sheets import KeptSheets, style_by_itself
from workbench.app.key_order import spelled
from workbench.app.last_model import last_model
from workbench.app.places_ahead import PlacesAhead
from workbench.app.services import Services
from workbench.app.settings import Settings, read_settings
from workbench.app.settings_told import tell_problems
from workbench.app.state import BenchState
from workbench.app.state_saving import StateSaving
from workbench.app.terminal import Terminal, bench_driver, held
from workbench.app.theme import KeptTheme
from workbench.app.widgets.readable import Readable
from workbench.console import CleanConsole
from workbench.text import clean

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver
    from textual.filter import LineFilter

    from workbench.models.spec import ModelSpec

# mode -> (module, class): imported when the place is first shown.
PLACES: dict[str, tuple[str, str]] = {
    "explore": ("workbench.app.explore.screen", "ExploreScreen"),
    "runs": ("workbench.app.runs.screen", "RunsScreen"),
    "jobs": ("workbench.app.jobs.screen", "JobsScreen"),
    "sessions": ("workbench.app.sessions.screen", "SessionsScreen"),
}


def make_screen(place: str) -> Screen[Any]:
    """The screen of a place, imported now; one that says so where the place is not built."""
    module, name = PLACES[place]
    try:
        return getattr(import_module(module), name)()
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("workbench.app"):
            raise
        from workbench.app.widgets.placeholder import PlaceholderScreen

        return PlaceholderScreen(place)


def _palette() -> type[Provider]:
    from workbench.app.commands_palette import BenchActions

    return BenchActions


class WbApp(Services):
    """The bench."""

    TITLE = "wb"
    # Absolute: Textual looks beside the file of a subclass, which need not be this one.
    CSS_PATH = str(Path(__file__).with_name("app.tcss"))
    ENABLE_COMMAND_PALETTE = True
    ALLOW_IN_MAXIMIZED_VIEW = "BenchHeader, BenchFooter"
    COMMANDS: ClassVar[set[Any]] = {_palette}
    MODES: ClassVar[dict[str, Any]] = {
        place: (lambda place=place: make_screen(place)) for place in PLACES
    }
    DEFAULT_MODE = "explore"
    BINDINGS: ClassVar[list[BindingType]] = KEYS
    # Widths at which the layout folds; the class is set on the screen.
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [
        (0, "-narrow"),
        (100, "-medium"),
        (150, "-wide"),
    ]
    # How often it is looked whether the terminal is still there, in seconds.
    WATCH_S: ClassVar[float] = 0.5

    model_label: reactive[str] = reactive("")
    came_from: reactive[str] = reactive("")  # the place that a sample in Explore was opened from

    def __init__(self, settings: Settings | None = None, terminal: Terminal | None = None) -> None:
        super().__init__()
        self.stylesheet = KeptSheets(variables=self.get_css_variables())
        self.terminal = terminal
        self.alone = False  # whether the process is for this app only
        self.places_ahead: PlacesAhead | None = None
        # The traceback of a bug is printed after the bench has gone, locals and all.
        self.error_console = CleanConsole(markup=False, highlight=False, stderr=True)
        self._clean_lines = CleanLines()
        self._readable: tuple[str, Readable] | None = None
        self.settings = settings or read_settings()
        self.state = BenchState.load()
        self.state_saving = StateSaving(self)
        self.spec = last_model(self.state, self.settings)
        keys = HelpKeys(self)
        self.action_help, self.action_keys_beside = keys.help, keys.beside
        self.action_tell_how_to_quit = keys.how_to_quit

    def get_driver_class(self) -> type[Driver]:
        """Textual's, but for a terminal that may vanish."""
        return bench_driver(super().get_driver_class())

    def get_screen(self, screen: Any, screen_class: Any = None) -> Any:
        """A screen, which gets its own styles before it is mounted."""
        found = super().get_screen(screen, screen_class)
        if not found.is_running:
            style_by_itself(self, found)
        return found

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What each drawn line passes.

        The first gives the names of colours those of the theme; the last lets nothing through
        that acts on a terminal.
        """
        if self._readable is None or self._readable[0] != self.theme:
            terminal = self.native_ansi_color
            self._readable = (self.theme, Readable(self.theme_variables, terminal=terminal))
        return [self._readable[1], *super().get_line_filters(), self._clean_lines]

    def copy_to_clipboard(self, text: str) -> None:
        """Copy a text, cleaned, since it may be pasted into a shell; say how much it is."""
        super().copy_to_clipboard(clean(text))
        if text:
            self.notify(copied(text), timeout=2)

    @property
    def spec(self) -> ModelSpec:
        """The model that is asked, everywhere in the bench."""
        return self._spec

    @spec.setter
    def spec(self, spec: ModelSpec) -> None:
        from workbench.models.names import spec_name

        self._spec = spec
        self.model_label = spec_name(spec)

    # -- start and end ---------------------------------------------------------------------

    def on_mount(self) -> None:
        """Apply the settings; everything slow waits for the first frame."""
        KeptTheme(self).begin()
        if self.settings.keymap:
            own = self.settings.keymap
            self.set_keymap({name: ",".join(spelled(keys)) for name, keys in own.items()})
        # A lost connection or a polite kill leaves as by key, with the state saved.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.exit)
        if self.terminal is not None:
            self.set_interval(self.WATCH_S, partial(self._watch, self.terminal))
        self.call_after_refresh(tell_problems, self)
        if self.alone:
            self.places_ahead = PlacesAhead(self, {name: at[0] for name, at in PLACES.items()})
            self.call_after_refresh(self.places_ahead.begin)

    def _watch(self, terminal: Terminal) -> None:
        """Leave a terminal that hung up: not every bench is told so by a signal."""
        if terminal.gone:
            self.exit(return_code=1)
        terminal.bound_log()

    def exit(self, *args: Any, **kwargs: Any) -> None:
        """Save the state while the screens still have it, then leave."""
        self.state_saving.now()
        super().exit(*args, **kwargs)

    async def on_unmount(self) -> None:
        """Let changes be made, and let go of the rest. Jobs and the engine are left alone."""
        self.all_changed = await asyncio.to_thread(self.tasks.close)
        self._engine_service.close()

    # -- going places ----------------------------------------------------------------------

    def go(self, mode: str) -> None:
        """Switch to a place."""
        self.came_from = ""
        if mode != self.current_mode:
            self.state_saving.aside()
            while len(self.screen_stack) > 1:
                self.pop_screen()
            self.screen.maximized = None  # a panel that fills the screen does so until one leaves
            self.switch_mode(mode)

    action_go = go  # by key

    def open_uid(self, uid: str, run_id: str | None = None) -> None:
        """Show one sample in Explore, with the predictions of `run_id` where given.

        Esc leads back to the place that it was opened from; the header says so.
        """
        place = self.current_mode
        self.go("explore")
        self.came_from = place if place != "explore" else ""

        def arrive() -> None:
            screen = self.screen_stack[0]
            open_uid = getattr(screen, "open_uid", None)
            if open_uid is not None:
                open_uid(uid, run_id)

        self.call_after_refresh(arrive)

    def action_dismiss_hints(self) -> None:
        """Close the first-run hints for good."""
        for hints in self.screen.query("Hints"):
            hints.dismiss()  # type: ignore[attr-defined]

    def action_fill_screen(self) -> None:
        """The panel with the focus alone on the screen; again: all of them."""
        from workbench.app.panels import fill_screen, largest, panel_of

        panel = self.screen.maximized or panel_of(self.screen.focused) or largest(self.screen)
        if not fill_screen(self.screen, panel):
            self.notify("there is no panel here that could fill the screen", timeout=2)

    def action_jump(self) -> None:
        """A letter on everything one can go to."""
        from workbench.app.jump import JumpScreen, arrive

        screen = self.screen
        self.push_screen(JumpScreen(screen), lambda chosen: arrive(screen, chosen))


def run_bench() -> int:
    """Open the bench and return the exit code. Raises `WbError` where it cannot be opened."""
    with held() as terminal:
        app = WbApp(terminal=terminal)
        app.alone = True
        code = app.run()
    if not app.all_changed:
        print("the last change was not made: the disk takes too long", file=sys.stderr)  # noqa: T201
        return app.return_code or code or 1
    return app.return_code or code or 0
