"""A file or a folder of one's own, looked at before it is added: `d`, then Ctrl+O.

Returns `dataset/split` once it was added, or `None`. Guarantee: nothing is kept before Ctrl+S; what
is shown is what `wb data add` would make of it, read in a worker; the line that does the same is
shown whole.
"""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.console import Group
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static

from sessions.errors import WbError
from workbench.app.explore.own_data_text import (
    column_line,
    guess_lines,
    id_choices,
    in_form_words,
    role_choices,
    table_lines,
)
from workbench.app.lists.in_sight import ChoiceList
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.picker import Picker
from workbench.data.looking import OwnData, OwnLook
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

_ENDINGS = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".tar"),
    *(".csv.gz", ".jsonl.gz", ".json.gz", ".tsv.gz"),
)
_FIELDS = (("file", "file ▾"), ("name", "name"), ("id", "id ▾"), ("images", "images in ▾"))
_FIELD_OF = {  # the field of an argument or an option of `wb data add`
    **{"FILES": "file", "NAME": "name", "--id": "id"},
    **{"--image": "images", "--image-root": "images"},
}
_WAIT_S = 0.5  # while somebody types nothing is read
_HINTS = {
    "file": "a table, a tar file or a folder of images · Enter lists them",
    "name": "what to call it; the first part of its samples' UIDs",
    "id": "what tells a row from all others: Enter lists columns and auto",
    "images": "a folder, or a template such as img/{id}.png · Enter lists folders",
    "columns": "Enter changes what a column is taken for",
    "preview": "↑ ↓ scroll what would be added",
}


class ColumnList(ChoiceList):
    """The columns; above the first and below the last one, the keys go on to the fields."""

    HELP_TITLE = "Columns"

    def action_cursor_up(self) -> None:
        """A line up, from the first one to the field above."""
        if self.highlighted:
            super().action_cursor_up()
        else:
            self.screen.focus_previous()

    def action_cursor_down(self) -> None:
        """A line down, from the last one to what is below."""
        if self.highlighted is not None and self.highlighted < self.option_count - 1:
            super().action_cursor_down()
        else:
            self.screen.focus_next()


class OwnDataForm(ModalScreen["str | None"]):
    """The form."""

    HELP_TITLE = "Your own data"
    HELP = (
        "A file or a folder is read as wb data add reads it, and nothing is kept before Ctrl+S. "
        "Enter on a column changes what it is taken for; the rest is guessed anew."
    )
    DEFAULT_CSS = """
    OwnDataForm { align: center middle; background: $background 60%; }
    OwnDataForm > Vertical { width: 96%; max-width: 130; height: 96%;
        border: round $primary; background: $surface; padding: 0 2; }
    OwnDataForm .field { height: 1; }
    OwnDataForm .field Label { width: 12; color: $text-muted; }
    OwnDataForm .field Input { width: 1fr; }
    OwnDataForm #own-columns { height: auto; max-height: 40%; border: none; padding: 0;
        background: $boost; display: none; }
    OwnDataForm #own-hint { height: 1; color: $text-muted; }
    OwnDataForm #own-preview { height: 1fr; scrollbar-size-vertical: 1; }
    OwnDataForm #own-preview:focus { background: $primary 15%; }
    OwnDataForm #own-line { height: auto; max-height: 4; background: $boost; padding: 0 1; }
    OwnDataForm #own-verdict { height: auto; max-height: 4; padding: 0 1; }
    OwnDataForm .keys { height: 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="own.leave"),
        Binding("ctrl+s", "add", "Add", id="own.add", priority=True, tooltip="Add and open it"),
        Binding("ctrl+y", "copy", "Copy", id="own.copy", tooltip="Copy the line"),
        Binding("up", "app.focus_previous", "Field above", id="own.up", show=False),
        Binding("down", "app.focus_next", "Field below", id="own.down", show=False),
    ]

    def __init__(self, start: str = "") -> None:
        """A form.

        Args:
            start: A file to begin with.
        """
        super().__init__()
        self._start = start
        self._roles: dict[str, str] = {}  # as somebody chose them; empty: as guessed
        self._taken = False  # a file was chosen in the list: its columns come next
        self._seen: OwnLook | None = None  # of what stands in the fields now

    def compose(self) -> ComposeResult:
        """Fields, columns, what it would be, the line."""
        with Vertical() as box:
            box.border_title = "Your own file or folder"
            for name, label in _FIELDS:
                with Horizontal(classes="field"):
                    yield Label(label)
                    yield Input(
                        self._start if name == "file" else "", compact=True, id=f"own-{name}"
                    )
            yield ColumnList(id="own-columns", markup=False)
            yield Static("", id="own-hint", markup=False)
            with VerticalScroll(id="own-preview", can_focus=True):
                yield Static("", id="own-told", markup=False)
            yield Static("", id="own-line", markup=False)
            yield Static("", id="own-verdict", markup=False)
            yield Static(
                "Enter lists ▾ · ^S adds and opens it · ^Y copies the line · Esc leaves",
                classes="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        """The path first; its list is open where there is none yet."""
        self.field("file").focus()
        if self._start:
            self._look()
        else:
            self._list("file")

    def field(self, name: str) -> Input:
        """One of the fields."""
        return self.query_one(f"#own-{name}", Input)

    @property
    def bench(self) -> WbApp:
        """The app, by its own type."""
        return cast("WbApp", self.app)

    @property
    def own(self) -> OwnData:
        """What stands in the form."""
        images = self.field("images").value.strip()
        by_name = "{" in images  # a template, not a folder
        return OwnData(
            self.field("name").value.strip(),
            self.field("file").value.strip(),
            self._roles,
            image=images if by_name else "",
            image_root="" if by_name else images,
            id=self.field("id").value.strip(),
        )

    # -- fields ----------------------------------------------------------------------------

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        name = (event.input.id or "").removeprefix("own-")
        if name in ("file", "images"):
            self._list(name)
        elif name == "id" and self._seen is not None:
            picker = Picker(
                "A row's id", id_choices(self._seen), current=self._seen.mapping.id,
                free="type to narrow, or a template such as {scan}-{nr}",
            )  # fmt: skip
            self.app.push_screen(picker, self._take_id)
        else:
            self.focus_next()

    def _take_id(self, said: str | None) -> None:
        if said is not None:
            self.field("id").value = said

    def _list(self, name: str) -> None:
        from workbench.app.widgets.path_picker import PathPicker

        title = "A file, or a folder with images" if name == "file" else "The folder of the images"
        start = self.field(name).value
        if name == "images" and not start.startswith(("/", "~")):
            start = self._folder() + start  # where it is looked for first
        picker = PathPicker(title, start, endings=_ENDINGS if name == "file" else ("/",))
        self.app.push_screen(picker, partial(self._take_path, name))

    def _folder(self) -> str:
        path = self.field("file").value
        return path.rpartition("/")[0] + "/" if "/" in path else ""

    def _take_path(self, name: str, path: str | None) -> None:
        if path:
            self._taken = name == "file"
            self.field(name).value = path
            self.field(name).cursor_position = len(path)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "own-file":
            self._roles = {}
            self.field("id").value = ""
        self._look()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what a field is for."""
        name = (event.widget.id or "").removeprefix("own-")
        self.query_one("#own-hint", Static).update(_HINTS.get(name, ""))

    # -- columns ---------------------------------------------------------------------------

    @on(OptionList.OptionSelected, "#own-columns")
    def _column_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        seen = self._seen
        if seen is None or event.option_index >= len(seen.columns):
            return
        column = seen.columns[event.option_index]
        picker = Picker(
            f"{column} is", role_choices(column, seen), current=seen.roles[column],
            free="type to narrow, or a name of your own for a text",
        )  # fmt: skip
        self.app.push_screen(picker, partial(self._take_role, column))

    def _take_role(self, column: str, role: str | None) -> None:
        if role is None or self._seen is None:
            return
        self._roles = self._seen.with_role(column, role)
        if role == "id":
            self.field("id").value = ""
        self._look()

    # -- what it would be ------------------------------------------------------------------

    def _look(self) -> None:
        """Read it, beside the event loop; the newest look wins."""
        self._seen, own = None, self.own
        if not own.file:
            self._clear()
            self.query_one("#own-line", Static).update("")
            self._say("name a file or a folder", PALETTE.dim)
            return
        self.query_one("#own-line", Static).update(
            clean(shlex.join(["wb", *own.argv]), newlines=False)
        )
        self._say("reading…", PALETTE.dim)

        def work(token: CancelToken) -> None:
            from workbench.app.explore.own_data_text import sample_lines
            from workbench.data.looking import look
            from workbench.data.progress import Stopped, telling, words
            from workbench.prompts.preview import preview

            def tell(done: int, total: int | None, what: str) -> None:
                if token.cancelled:
                    raise Stopped
                said = words(done, total, what)
                self.bench.call_soon(self._reading, own, said)

            if token.wait(_WAIT_S):
                return
            try:
                with telling(tell):
                    seen = look(own, preview)
                pictures = sample_lines(seen)
            except Exception as error:
                if not token.cancelled:
                    self.bench.call_soon(self._not_looked, own, error)
                return
            if not token.cancelled:
                self.bench.call_soon(self._looked, seen, pictures)

        self.bench.tasks.run("own data", work)

    def _reading(self, own: OwnData, said: str) -> None:
        if self.is_running and own == self.own and self._seen is None:
            self._say(said, PALETTE.dim)

    def _not_looked(self, own: OwnData, error: Exception) -> None:
        if not self.is_running or own != self.own:
            return
        self._clear()
        if isinstance(error, WbError):
            self._mark(_FIELD_OF.get(error.about, ""))
            hint = in_form_words(error.hint)
            self._say(f"✗ {error.message}" + (f"\n  {hint}" if hint else ""), PALETTE.bad)
        else:
            self._say(f"✗ {type(error).__name__}: {error}", PALETTE.bad)

    def _mark(self, at_fault: str) -> None:
        """Mark the field that has to be changed, and no other."""
        for name, _ in _FIELDS:
            self.field(name).set_class(name == at_fault, "-bad")

    def _clear(self) -> None:
        """There is nothing to tell."""
        self._mark("")
        self.query_one("#own-columns").display = False
        self.query_one("#own-told", Static).update("")
        for name in ("name", "id", "images"):
            self.field(name).placeholder = ""

    def _looked(self, seen: OwnLook, pictures: list[Text]) -> None:
        if not self.is_running or seen.own != self.own:
            return
        self._seen = seen
        columns = self.query_one("#own-columns", OptionList)
        at = columns.highlighted or 0
        columns.clear_options()
        room = self.query_one("#own-told").size.width - 2
        columns.add_options(column_line(column, seen, room) for column in seen.columns)
        columns.highlighted = min(at, len(seen.columns) - 1) if seen.columns else None
        columns.display = bool(seen.columns)
        self.field("name").placeholder = seen.own.called
        self.field("id").placeholder = seen.mapping.id
        self.field("images").placeholder = seen.mapping.image_root
        at_fault = _FIELD_OF.get(seen.about, "")
        self._mark(at_fault)
        if self._taken and seen.columns:
            self._taken = False
            (self.field(at_fault) if at_fault else columns).focus()
        told = [*table_lines(seen), *pictures, *guess_lines(seen)]
        self.query_one("#own-told", Static).update(Group(*told))
        if seen.problem:
            hint = in_form_words(seen.hint)
            self._say(f"✗ {seen.problem}" + (f"\n  {hint}" if hint else ""), PALETTE.bad)
        elif seen.table.warnings:
            count = len(seen.table.warnings)
            self._say(f"! {count} warning{'s' * (count > 1)} above; Ctrl+S adds it", PALETTE.warn)
        else:
            self._say("✓ Ctrl+S adds it and opens it", PALETTE.good)

    def _say(self, words: str, style: Any) -> None:
        self.query_one("#own-verdict", Static).update(Text(clean(words), style))

    # -- what can be done ------------------------------------------------------------------

    def action_add(self) -> None:
        """Add it as it was looked at, then open it."""
        seen = self._seen
        if seen is None or seen.problem:
            self.notify("it cannot be added as it is: see the form", severity="warning", timeout=3)
            return

        def work() -> None:
            from workbench.data.looking import keep

            try:
                where = keep(seen.own)
            except Exception as error:
                self.bench.call_soon(self._not_looked, seen.own, error)
                return
            self.bench.call_soon(self._added, where)

        self._say("adding…", PALETTE.dim)
        self.bench.tasks.change("add dataset", work)

    def _added(self, where: str) -> None:
        if self.is_running:
            name = where.partition("/")[0]
            self.notify(
                f"{clean(name)} was added: wb data rm {clean(name)} takes it away", markup=False
            )
            self.dismiss(where)

    def action_copy(self) -> None:
        """Copy the line."""
        if self.field("file").value:
            self.bench.copy_text(shlex.join(["wb", *self.own.argv]), "command", panel=False)

    def action_leave(self) -> None:
        """Close; nothing was kept."""
        self.dismiss(None)
