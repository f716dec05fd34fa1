"""The form of a new job: a few fields fill a `wb …` line, the line is what will be run.

Returns the words after `wb`, or `None`. Guarantee: a line is parsed by the commands themselves
before it is accepted, in a worker; nothing starts by a single key.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static, Tab, Tabs

from sessions.errors import WbError
from workbench.app.jobs.command_line import LineVerdict, check_words, split_line
from workbench.app.lists.palette import PALETTE
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Attributes:
        title: On its tab.
        command: The words that begin the line.
        fields: (name, flag or "" for a plain word, default), in the order of the line.
    """

    title: str
    command: tuple[str, ...]
    fields: tuple[tuple[str, str, str], ...]


def job_kinds(defaults: Mapping[str, str]) -> dict[str, JobKind]:
    """The kinds of job, filled in with what is open in the bench."""
    data = (
        ("dataset", "--dataset", defaults.get("dataset", "demo")),
        ("split", "--split", defaults.get("split", "test")),
    )
    model = (
        ("model", "--model", defaults.get("model", "demo")),
        ("adapter", "--adapter", defaults.get("adapter", "")),
    )
    sizes = (("limit", "--limit", ""), ("batch size", "--batch-size", ""), ("seed", "--seed", ""))
    return {
        "evaluate": JobKind("Evaluate", ("run-eval",), (*data, *model, *sizes)),
        "train": JobKind("Fine-tune", ("train",), (("config file", "", ""),)),
        "replay": JobKind("Replay", ("replay",), (("session", "", ""), *model)),
        "other": JobKind("Other", (), ()),
    }


def fill(kind: JobKind, values: Sequence[str]) -> str:
    """The line of a kind; fields that are empty are left out."""
    words = list(kind.command)
    for (_, flag, _default), value in zip(kind.fields, values, strict=True):
        if value.strip():
            words += [flag, value.strip()] if flag else [value.strip()]
    return shlex.join(["wb", *words])


class NewJob(ModalScreen["list[str] | None"]):
    """The form."""

    DEFAULT_CSS = """
    NewJob { align: center middle; background: $background 60%; }
    NewJob > Vertical { width: 90%; max-width: 96; height: auto; max-height: 96%;
        border: round $primary; background: $surface; padding: 0 2; }
    NewJob #fields { height: auto; max-height: 9; margin-top: 1; }
    NewJob .field { height: 1; }
    NewJob .field Label { width: 13; color: $text-muted; }
    NewJob .field Input { width: 1fr; }
    NewJob #line { margin-top: 1; }
    NewJob #verdict { height: auto; min-height: 1; max-height: 5; padding: 0 1; }
    NewJob .keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="new-job.leave"),
        Binding("ctrl+s", "start", "Start", id="new-job.start"),
        Binding("ctrl+b", "see", "See the batch", id="new-job.see"),
        Binding("up", "app.focus_previous", "Field above", id="new-job.up", show=False),
        Binding("down", "app.focus_next", "Field below", id="new-job.down", show=False),
    ]

    def __init__(self, defaults: Mapping[str, str], line: str | None = None) -> None:
        """The form.

        Args:
            defaults: `dataset`, `split`, `model`, `adapter`: what is open in the bench.
            line: A line to begin with, instead of a kind.
        """
        super().__init__()
        self._kinds = job_kinds(defaults)
        self._line = line
        self._kind = "other" if line else "evaluate"
        self._starting = ""

    def compose(self) -> ComposeResult:
        """Kinds, fields, the line and what is said of it."""
        tabs = [Tab(kind.title, id=name) for name, kind in self._kinds.items()]
        with Vertical() as box:
            box.border_title = "New job"
            yield Tabs(*tabs, active=self._kind, id="kinds")
            yield VerticalScroll(id="fields", can_focus=False)
            yield Input(self._line or "wb ", id="line", placeholder="wb run-eval --dataset …")
            yield Static("", id="verdict", markup=False)
            yield Static(
                "↑↓ fields · Enter checks and starts · Ctrl-B what a training sees · Esc leaves",
                classes="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        """Begin at the fields, or at the line where one was given."""
        if self._line:
            self.query_one("#line", Input).focus()

    @on(Tabs.TabActivated)
    async def _kind_chosen(self, event: Tabs.TabActivated) -> None:
        self._kind = event.tab.id or "other"
        kind = self._kinds[self._kind]
        fields = self.query_one("#fields", VerticalScroll)
        await fields.remove_children()
        await fields.mount_all(
            Horizontal(Label(name), Input(default, compact=True), classes="field")
            for name, _flag, default in kind.fields
        )
        fields.display = bool(kind.fields)
        if kind.fields:
            self._fill()
            if self.focused is self.query_one("#kinds") or self.focused is None:
                fields.query(Input).first().focus()
        else:
            self.query_one("#line", Input).focus()

    @on(Input.Changed, ".field Input")
    def _field_changed(self) -> None:
        self._fill()

    def _fill(self) -> None:
        kind = self._kinds[self._kind]
        values = [field.value for field in self.query(".field Input").results(Input)]
        if len(values) == len(kind.fields):
            self.query_one("#line", Input).value = fill(kind, values)

    @on(Input.Changed, "#line")
    def _line_changed(self) -> None:
        self._starting = ""
        self._check(self.query_one("#line", Input).value, 0.4)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "line":
            self.action_start()
        else:
            self.query_one("#line", Input).focus()

    def action_start(self) -> None:
        """Start what the line says, once the commands have understood it."""
        line = self.query_one("#line", Input).value
        self._starting = line
        self._check(line, 0.0)

    def action_see(self) -> None:
        """Look at the batches that the training of the line would see; nothing starts."""
        from workbench.app.jobs.batch_view import BatchCommand, BatchView

        try:
            argv = split_line(self.query_one("#line", Input).value)
        except WbError as error:
            self._say(error.message, good=False)
            return
        if argv[0] != "train" or len(argv) < 2:
            self._say("only wb train CONFIG has batches to see", good=False)
            return
        self.app.push_screen(BatchView(BatchCommand(argv)))

    def _check(self, line: str, wait_s: float) -> None:
        try:
            argv = split_line(line)
        except WbError as error:
            self._say(error.message + (f" ({error.hint})" if error.hint else ""), good=False)
            return
        self.query_one("#verdict", Static).update(Text("checking…", style="dim"))
        self._parse(line, argv, wait_s)

    def _parse(self, line: str, argv: list[str], wait_s: float) -> None:
        bench = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            if token.wait(wait_s):  # while somebody is typing nothing is parsed
                return
            verdict = check_words(argv)
            if not token.cancelled:
                bench.call_soon(self._checked, line, argv, verdict)

        bench.tasks.run("check", work)

    def _checked(self, line: str, argv: list[str], verdict: LineVerdict) -> None:
        if not self.is_running or line != self.query_one("#line", Input).value:
            return
        if verdict.problem:
            self._starting = ""
            self._say(verdict.words, good=False)
        elif self._starting == line:
            self.dismiss(argv)
        else:
            self._say("it would start: Enter on this line does it", good=True, notes=verdict.notes)

    def _say(self, words: str, *, good: bool, notes: Sequence[str] = ()) -> None:
        palette = PALETTE
        sign, style = ("✓", palette.good) if good else ("✗", palette.bad)
        text = Text(f"{sign} {clean(words)}", style=style)
        for note in notes:
            text.append(f"\n? not checked: {clean(note, newlines=False)}", palette.warn)
        self.query_one("#verdict", Static).update(text)

    def action_leave(self) -> None:
        """Close without starting anything."""
        self.dismiss(None)
