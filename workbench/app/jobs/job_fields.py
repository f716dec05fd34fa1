"""The fields of a form of jobs: a line each, the narrow ones in a row, lists opened by Enter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label

from workbench.app.jobs.line_fields import MORE, JobKind, LineField

_IN_A_ROW = 3  # narrow fields of one line: more would not show their values at 80 columns


class FieldInput(Input):
    """The input of one field; Enter opens its list, or goes on where there is none."""

    HELP_TITLE = "Field"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,f4", "choose", "List", id="field.list", show=False),
    ]

    class Wanted(Message):
        """Its list is wanted, or, where it has none, the next field."""

        def __init__(self, field: LineField) -> None:
            super().__init__()
            self.field = field

    def __init__(self, field: LineField, **kwargs: Any) -> None:
        super().__init__(compact=True, placeholder="", **kwargs)
        self.field = field
        self.tooltip = field.about

    def action_choose(self) -> None:
        """Open the list."""
        self.post_message(self.Wanted(self.field))


class FieldLabel(Label):
    """The name of a field, with ▾ where it has a list; a click opens that."""

    def __init__(self, field: LineField) -> None:
        super().__init__(f"{field.name} ▾" if field.lists else field.name, markup=False)
        self.field = field

    def on_click(self, event: events.Click) -> None:
        """As Enter in its field."""
        self.post_message(FieldInput.Wanted(self.field))


class JobFields(VerticalScroll, can_focus=False):
    """All fields of a kind of job."""

    DEFAULT_CSS = """
    JobFields { height: auto; max-height: 10; scrollbar-size-vertical: 1; }
    JobFields .field { height: 1; }
    JobFields .field Label { width: 12; color: $text-muted; }
    JobFields .field Input { width: 1fr; }
    JobFields .narrow Label { width: auto; padding: 0 1 0 1; }
    JobFields .narrow Label.first { width: 12; padding: 0; }
    """

    class FieldsChanged(Message):
        """Somebody typed in a field."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind: JobKind | None = None

    async def show(self, kind: JobKind, values: Mapping[str, str]) -> None:
        """The fields of another kind."""
        self.kind = kind
        await self.remove_children()
        with self.prevent(Input.Changed):
            await self.mount_all(self._rows(kind, values))
        self.display = bool(kind.fields)

    def _rows(self, kind: JobKind, values: Mapping[str, str]) -> Iterator[Widget]:
        narrow: list[Widget] = []
        for field in kind.fields:
            label, entry = FieldLabel(field), FieldInput(field, value=values.get(field.name, ""))
            if field.narrow:
                if len(narrow) == 2 * _IN_A_ROW:
                    yield Horizontal(*narrow, classes="field narrow")
                    narrow = []
                label.set_class(not narrow, "first")
                narrow += [label, entry]
                continue
            if narrow:
                yield Horizontal(*narrow, classes="field narrow")
                narrow = []
            yield Horizontal(label, entry, classes="field")
        if narrow:
            yield Horizontal(*narrow, classes="field narrow")

    @property
    def inputs(self) -> dict[str, FieldInput]:
        """Name -> its input."""
        return {entry.field.name: entry for entry in self.query(FieldInput)}

    @property
    def values(self) -> dict[str, str]:
        """Name -> what stands in it."""
        return {name: entry.value for name, entry in self.inputs.items()}

    def put(self, values: Mapping[str, str]) -> None:
        """Put values in that nobody typed here."""
        with self.prevent(Input.Changed):
            for name, entry in self.inputs.items():
                if name in values and entry.value != values[name]:
                    entry.value = values[name]

    def tell(self, names: Collection[str], words: str) -> None:
        """Say in empty fields where their values come from."""
        for name, entry in self.inputs.items():
            shown = name in names and not entry.field.narrow and name != MORE
            entry.placeholder = words if shown else ""

    def mark(self, about: str) -> None:
        """Mark the field whose flag, or key of a config, something is wrong with."""
        for entry in self.inputs.values():
            known = (entry.field.flag, entry.field.key)
            entry.set_class(bool(about) and about in known, "-bad")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.FieldsChanged())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
