"""The form of a new job: fields and the `wb …` line that they make; the line is what will be run.

Returns the words after `wb`, or `None`. Guarantee: fields and line say the same, whichever was
edited, and all that will be run is in the line. The commands themselves look at it, in a worker,
before it is accepted: what would fail is said in the form. Nothing starts by a single key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, Tab, Tabs, TextArea

from sessions.errors import WbError
from workbench.app.jobs.command_line import LineVerdict, check_words, split_line
from workbench.app.jobs.field_choices import choices_for, keys_of_recipe
from workbench.app.jobs.job_fields import FieldInput, JobFields
from workbench.app.jobs.line_fields import KINDS, MORE, LineField, fill, read_back, without
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.command_line_field import CommandLineField
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

_STARTS = "it would start: Ctrl+S, or Enter on the line"
_STARTS_THEN = "checking… it starts once that ends well; an edit takes that back"
_UNSURE = "nothing is wrong with what could be checked here: Ctrl+S starts it"
_TABS = "←→ another kind of job · ↓ its fields"
_LINE = "the whole line, as it will be run: type in it what no field has"


class NewJob(ModalScreen["list[str] | None"]):
    """The form."""

    HELP_TITLE = "New job"
    HELP = (
        "Enter in a field lists what there is, with a sentence each; what you type yourself counts "
        "as well. The line below follows the fields, and the fields follow the line."
    )
    DEFAULT_CSS = """
    NewJob { align: center middle; background: $background 60%; }
    NewJob > Vertical { width: 96%; max-width: 120; height: auto; max-height: 98%;
        border: round $primary; background: $surface; padding: 0 2; }
    NewJob .about { height: auto; max-height: 2; color: $text-muted; }
    NewJob #hint { height: 1; color: $text-muted; }
    NewJob #verdict { height: auto; min-height: 1; max-height: 5; padding: 0 1; }
    NewJob .keys { height: auto; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="new-job.leave"),
        Binding("ctrl+s", "start", "Start", id="new-job.start", priority=True),
        Binding("ctrl+y", "copy", "Copy", id="new-job.copy", tooltip="Copy the line"),
        Binding("ctrl+b", "see", "See the batch", id="new-job.see", priority=True),
        Binding("up", "app.focus_previous", "Field above", id="new-job.up", show=False),
        Binding("down", "app.focus_next", "Field below", id="new-job.down", show=False),
    ]

    def __init__(
        self,
        defaults: Mapping[str, str],
        line: str | None = None,
        *,
        about: str = "",
        kind: str = "evaluate",
    ) -> None:
        """The form.

        Args:
            defaults: `dataset`, `split`, `model`, `adapter`: what is open in the bench.
            line: A line to begin with, whose kind and fields are shown.
            about: What there is to know of it.
            kind: Which kind it begins with, where no line is given; a key of `KINDS`.
        """
        super().__init__()
        self._defaults = {"dataset": "demo", "split": "test", "model": "demo", **defaults}
        self._line, self._about = line, about
        self._kind = self._kind_of(line) if line else kind
        self._starting = ""  # the line that starts once it is checked
        self._filled: dict[str, str] = {}  # what stood in the fields when the line was last made
        self._begun = bool(line)  # whether a field or the line is to have the focus first

    @staticmethod
    def _kind_of(line: str) -> str:
        try:
            argv = split_line(line)
        except WbError:
            return "other"
        return next((n for n, k in KINDS.items() if read_back(k, argv) is not None), "other")

    def compose(self) -> ComposeResult:
        """Kinds, fields, the line and what is said of it."""
        tabs = [Tab(kind.title, id=name) for name, kind in KINDS.items()]
        with Vertical() as box:
            box.border_title = "New job · another kind: ↑ to the tabs, then ←→"
            if self._about:
                yield Static(clean(self._about), classes="about", markup=False)
            yield Tabs(*tabs, active=self._kind, id="kinds")
            yield JobFields(id="fields")
            yield Static("", id="hint", markup=False)
            yield CommandLineField(self._line or "wb ", id="line")
            yield Static("", id="verdict", markup=False)
            yield Static("", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Begin at the fields, or at the line where one was given."""
        if self._begun:
            self.line.focus()
            self.line.move_cursor(self.line.document.end)

    @property
    def fields(self) -> JobFields:
        """The fields."""
        return self.query_one(JobFields)

    @property
    def line(self) -> CommandLineField:
        """The line."""
        return self.query_one("#line", CommandLineField)

    # -- fields and line say the same ------------------------------------------------------

    @on(Tabs.TabActivated)
    async def _kind_chosen(self, event: Tabs.TabActivated) -> None:
        self._kind = event.tab.id or "other"
        kind, given, self._line = KINDS[self._kind], self._line, None
        values = self._read(given) if given else None
        await self.fields.show(kind, values or self._usual())
        if given is None and kind.fields:
            self._fill()
        else:
            self._line_changed()
        more = "^B its batches" if self._kind == "train" else "↑↓ fields"
        keys = f"Enter lists ▾ · {more} · ^S starts · ^Y copies · Esc leaves"
        self.query_one(".keys", Static).update(keys)
        if not self._begun:
            next(iter(self.fields.inputs.values()), self.line).focus()
        self._begun = True

    def _usual(self) -> dict[str, str]:
        if self._kind == "import":
            return {name: self._defaults.get(name, "") for name in ("dataset", "split")}
        if self._kind != "evaluate":
            return {}
        return {
            name: self._defaults.get(name, "") for name in ("dataset", "split", "model", "adapter")
        }

    def _read(self, line: str) -> dict[str, str] | None:
        try:
            return read_back(KINDS[self._kind], split_line(line))
        except WbError:
            return None

    @on(JobFields.FieldsChanged)
    def _fill(self) -> None:
        with self.prevent(TextArea.Changed):
            self.line.value = fill(KINDS[self._kind], self.fields.values)
        self._look()

    @on(TextArea.Changed, "#line")
    def _line_changed(self) -> None:
        values = self._read(self.line.value)
        if values is not None:
            self.fields.put(values)
        self._look()

    # -- lists -----------------------------------------------------------------------------

    @on(FieldInput.Wanted)
    def _list(self, event: FieldInput.Wanted) -> None:
        event.stop()
        field = event.field
        if not field.lists:
            self.line.focus()
        elif field.lists == "datasets":
            from workbench.app.explore.data_picker import DataPicker

            values = self.fields.values
            here = f"{values['dataset']}/{values.get('split', '').partition('[')[0]}"
            self.app.push_screen(DataPicker(here), partial(self._take, field))
        elif field.lists == "files":
            from workbench.app.widgets.path_picker import PathPicker

            start = self.fields.values.get(field.name, "")
            self.app.push_screen(PathPicker(field.about, start), partial(self._take, field))
        else:
            from workbench.app.widgets.picker import Picker

            values = self.fields.values
            picker = Picker(
                field.name.capitalize(),
                find=lambda token: choices_for(field.lists, values),
                current=values.get(field.name, ""),
                free=f"type to narrow, or {field.own or f'your own {field.name}'}",
                empty=f"there is no {field.name} to list yet: type one",
            )
            self.app.push_screen(picker, partial(self._take, field))

    def _take(self, field: LineField, value: Any) -> None:
        """What was chosen in the list of a field; the next field has the focus."""
        if value is None or not self.is_running:
            return
        values = {field.name: str(value)}
        if field.lists == "datasets":
            dataset, _, split = str(value).partition("/")
            values = {"dataset": dataset, "split": split}
        elif field.lists == "recipes":
            self._take_recipe(field, str(value))
            return
        elif field.several:
            there = self.fields.values.get(field.name, "").strip().strip(",")
            values = {field.name: f"{there},{value}" if there else str(value)}
        self._put(field, values)

    def _take_recipe(self, field: LineField, name: str) -> None:
        """Empty the fields of all that a recipe says: a flag would go before it."""
        bench, more = cast("WbApp", self.app), self.fields.values.get(MORE, "")

        def work(token: CancelToken) -> None:
            said = keys_of_recipe(name)
            if not token.cancelled:
                emptied = {one.name: "" for one in KINDS[self._kind].fields if one.flag in said}
                emptied[MORE] = without(more, said)
                bench.call_soon(self.fields.tell, emptied, f"as {name} says")
                bench.call_soon(self._put, field, {**emptied, field.name: name})

        bench.tasks.run("choices", work)

    def _put(self, field: LineField, values: Mapping[str, str]) -> None:
        if not self.is_running:
            return
        self.fields.put(values)
        self._fill()
        self.call_after_refresh(self._go_on_from, field)

    def _go_on_from(self, field: LineField) -> None:
        """To the next field, once the list is away and the focus is back."""
        names = [one.name for one in KINDS[self._kind].fields]
        names = [name for name in names if name != "split" or field.lists != "datasets"]
        following = names[names.index(field.name) + 1 :] if field.name in names else []
        self.set_focus(self.fields.inputs[following[0]] if following else self.line)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what a field is for."""
        said = ""
        if isinstance(event.widget, FieldInput):
            field = event.widget.field
            said = field.about + (" · Enter lists them" if field.lists else "")
        elif event.widget is self.line:
            said = _LINE
        elif isinstance(event.widget, Tabs):
            said = _TABS
        self.query_one("#hint", Static).update(said)

    # -- what the commands say of the line -------------------------------------------------

    @on(CommandLineField.Taken)
    def action_start(self) -> None:
        """Start what the line says, once the commands have looked at it."""
        if isinstance(self.focused, FieldInput) and self._filled != self.fields.values:
            self._fill()  # what was typed last is still on its way to the line
        self._starting = self.line.value
        self._check(self.line.value, 0.0)

    def action_copy(self) -> None:
        """Copy the line."""
        cast("WbApp", self.app).copy_text(self.line.value, "command", panel=False)

    def action_see(self) -> None:
        """Look at the batches that the training of the line would see; nothing starts."""
        from workbench.app.jobs.batch_view import BatchCommand, BatchView

        try:
            argv = split_line(self.line.value)
        except WbError as error:
            self._say(error.message, good=False)
            return
        if argv[0] != "train" or len(argv) < 2:
            self._say("only wb train CONFIG has batches to see", good=False)
            return
        self.app.push_screen(BatchView(BatchCommand(argv)))

    def _look(self) -> None:
        self._filled = self.fields.values
        if self._starting and self._starting == self.line.value:
            return  # it is being checked, and starts then
        self._starting = ""
        kind = KINDS[self._kind]
        first = kind.fields[0] if kind.fields else None
        begins = self.line.value.split()[1 : len(kind.command) + 1] == list(kind.command)
        if first and not first.flag and begins and not self._filled.get(first.name, "?"):
            said = Text(f"· choose a {first.name}: Enter in its field lists them", PALETTE.dim)
            self.query_one("#verdict", Static).update(said)
            return
        self._check(self.line.value, 0.4)

    def _check(self, line: str, wait_s: float) -> None:
        try:
            argv = split_line(line)
        except WbError as error:
            self._starting = ""
            self._say(error.message + (f" ({error.hint})" if error.hint else ""), good=False)
            return
        wanted = self._starting == line
        said = _STARTS_THEN if wanted else "checking…"
        self.query_one("#verdict", Static).update(Text(said, style="" if wanted else "dim"))
        bench = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            if token.wait(wait_s):  # while somebody is typing nothing is parsed
                return
            verdict = check_words(argv)
            if not token.cancelled:
                bench.call_soon(self._checked, line, argv, verdict)

        bench.tasks.run("check", work)

    def _checked(self, line: str, argv: list[str], verdict: LineVerdict) -> None:
        if not self.is_running or line != self.line.value:
            return
        self.fields.mark(verdict.about if verdict.problem else "")
        if verdict.problem:
            self._starting = ""
            self._say(verdict.words, good=False)
        elif self._starting == line:
            self.dismiss(argv)
        else:
            self._say(_STARTS, good=True, notes=verdict.notes, told=verdict.told)

    def _say(
        self, words: str, *, good: bool, notes: Sequence[str] = (), told: Sequence[str] = ()
    ) -> None:
        palette = PALETTE
        sign, style = ("✓", palette.good) if good else ("✗", palette.bad)
        if notes:
            sign, style, words = "?", palette.warn, _UNSURE
        text = Text(f"{sign} {clean(words)}", style=style)
        for said in told:
            text.append(f"\n  {clean(said, newlines=False)}", palette.warn)
        for note in notes:
            text.append(f"\n  not checked: {clean(note, newlines=False)}", palette.warn)
        self.query_one("#verdict", Static).update(text)

    def action_leave(self) -> None:
        """Close without starting anything."""
        self.dismiss(None)
