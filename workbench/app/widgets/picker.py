"""One modal for choosing one thing of a list: type to narrow, Enter takes, Esc leaves.

Guarantee: it opens at once, also where its list takes long to find, and takes every key from then
on; what the keys would do with the list is done in their order once the list is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from workbench.app.lists.in_sight import ChoiceList
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.choice import Choice
from workbench.app.widgets.dialog_box import DialogBox
from workbench.app.widgets.list_finder import Find, ListFinder, WaitingKeys
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.services import Services


class PickerInput(Input):
    """The field of a picker; while nothing is typed, left and right fold and unfold its list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "fold(False)", "Unfold", id="picker.unfold", show=False),
        Binding("left", "fold(True)", "Fold", id="picker.fold", show=False),
        Binding("home", "edge(False)", "First", id="picker.first", show=False),
        Binding("end", "edge(True)", "Last", id="picker.last", show=False),
    ]

    def action_edge(self, last: bool) -> None:
        """To an end of the list, or of what was typed."""
        screen = self.screen
        if not self.value and isinstance(screen, Picker):
            screen.action_move("last" if last else "first")
        elif last:
            self.action_end()
        else:
            self.action_home()

    def action_fold(self, fold: bool) -> None:
        """Fold, or move in what was typed."""
        screen = self.screen
        if not self.value and isinstance(screen, Picker):
            screen.fold(fold)
        elif fold:
            self.action_cursor_left()
        else:
            self.action_cursor_right()


class Picker(ModalScreen[Any]):
    """Returns the value of the chosen `Choice`, or `None`.

    With `free` set, what was typed can be taken as it is where it fits nothing; it is returned
    as a `str`. What is folded below a choice is found by typing, too.
    """

    HELP_TITLE = "Choose"
    DEFAULT_CSS = """
    Picker { align: center middle; background: $background 60%; }
    Picker > Vertical {
        width: 80%; max-width: 90; height: auto; max-height: 80%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    Picker Input { margin-bottom: 1; }
    Picker OptionList {
        height: auto; max-height: 20; border: none; background: $surface; padding: 0;
    }
    Picker .keys { color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="picker.leave"),
        Binding("down", "move('cursor_down')", "Next", id="picker.next", show=False),
        Binding("up", "move('cursor_up')", "Previous", id="picker.previous", show=False),
        Binding("pagedown", "move('page_down')", "Page down", id="picker.page-down", show=False),
        Binding("pageup", "move('page_up')", "Page up", id="picker.page-up", show=False),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice] = (),
        *,
        find: Find | None = None,
        current: Any = None,
        free: str = "",
        empty: str = "",
    ) -> None:
        """A picker.

        Args:
            title: What is chosen.
            choices: What there is.
            find: Finds the choices instead, in a worker, while the picker is open.
            current: The value under the cursor at first.
            free: What can be typed, where that counts as well.
            empty: What is said where nothing was found.
        """
        super().__init__()
        self._finder, self._empty = ListFinder(find), empty
        self._then = WaitingKeys()
        self.picker_title = title
        self.choices = list(choices)
        self.current = current
        self.free = free
        self.last: Choice | None = None  # stands below all others, whatever is typed
        self._shown: list[Choice] = []
        self._unfolded: set[str] = set()  # titles

    def compose(self) -> ComposeResult:
        """What is typed, and what fits it."""
        with self.box() as box:
            box.border_title = Text(clean(self.picker_title, newlines=False))
            yield PickerInput(placeholder=self.free or "type to narrow")
            yield ChoiceList()
            yield from self.feet()
            yield Static(self.keys_line(), classes="keys", markup=False)

    def box(self) -> Vertical:
        """What holds all of it; one whose list has a height of its own needs no bound."""
        return DialogBox(most=20)

    def feet(self) -> ComposeResult:
        """What stands between the list and the keys; nothing here."""
        yield from ()

    def keys_line(self) -> str:
        """The keys, below all."""
        return _keys(self.choices, self.free, self._finder.finding)

    def on_mount(self) -> None:
        """All of them, the present one under the cursor."""
        self._fill(self.query_one(Input).value)
        self.query_one(Input).focus()
        self._finder.begin(cast("Services", self.app), self._found)

    # -- a list that is found while it is open ---------------------------------------------

    def _found(self, choices: Sequence[Choice]) -> None:
        if self.is_mounted:
            self.choices = list(choices)
            self.query_one(".keys", Static).update(self.keys_line())
            self._fill(self.query_one(Input).value)
            self.listed()

    def on_unmount(self) -> None:
        """Nobody waits for the list any more."""
        self._finder.end(cast("Services", self.app))

    @property
    def unlisted(self) -> bool:
        """Whether there is no list yet to move in."""
        return self._finder.finding

    @property
    def undecided(self) -> bool:
        """Whether what Enter would take may still change."""
        return self.unlisted

    def listed(self) -> None:
        """More of the list is there: do what waited for it."""
        self._then.do(lambda: self.undecided)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._then.clear()
        self._fill(event.value)

    def _fill(self, typed: str) -> None:
        words = typed.casefold().split()
        self._shown = [c for c in self._listed(bool(words)) if self._fits(c, words)]
        meant = [self.last] if self.last and words and self._fits(self.last, words) else []
        self._shown += meant  # what was typed are words of its own
        if self.free and typed.strip() and typed.strip() not in {c.title for c in self._shown}:
            self._shown.append(Choice(typed.strip(), "take what was typed", typed.strip()))
        self._shown += [self.last] if self.last and not meant else []
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(self._option(c) for c in self._shown)
        at = next((i for i, c in enumerate(self._shown) if c.value == self.current), 0)
        options.highlighted = at if self._shown else None
        if not self.choices and (said := "looking…" if self._finder.finding else self._empty):
            options.add_option(Option(Text(clean(said), PALETTE.dim), disabled=True))
        options.display = options.option_count > 0  # an empty one takes no line and no focus

    def _listed(self, all_of_them: bool) -> list[Choice]:
        """The choices in order, those that are folded away left out."""
        listed: list[Choice] = []
        for choice in self.choices:
            listed.append(choice)
            if all_of_them or choice.title in self._unfolded:
                listed += choice.under
        return listed

    def _fits(self, choice: Choice, words: Sequence[str]) -> bool:
        text = f"{choice.title} {choice.about} {choice.problem}".casefold()
        return all(word in text for word in words)

    def fold(self, fold: bool) -> None:
        """Fold or unfold what is below the choice under the cursor."""
        if self.unlisted:
            self._then.append(lambda: self.fold(fold))
            return
        options = self.query_one(OptionList)
        at = options.highlighted
        if at is None or at >= len(self._shown):
            return
        under = self._shown[at]
        parent = next((c for c in self.choices if under is c or under in c.under), under)
        if fold:
            self._unfolded.discard(parent.title)
        elif parent.under:
            self._unfolded.add(parent.title)
        self._fill("")
        options.highlighted = next((n for n, c in enumerate(self._shown) if c is parent), 0)

    def _option(self, choice: Choice) -> Option:
        below = any(choice in parent.under for parent in self.choices if parent.under)
        folds = "▾ " if choice.title in self._unfolded else "▸ "
        return Option(_prompt(choice, folds if choice.under else "    " if below else ""))

    def dismiss_with(self, value: Any) -> None:
        """Something was chosen."""
        self.dismiss(value)

    def action_move(self, how: str) -> None:
        """Move in the list, by an action of its own, while the input keeps the focus."""
        if self.unlisted:
            self._then.append(partial(self.action_move, how))
        else:
            getattr(self.query_one(OptionList), f"action_{how}")()

    @on(Input.Submitted)
    def _entered(self) -> None:
        """Enter; a second one takes what there is by now, whatever the list waits for."""
        if self.undecided and self.take not in self._then:
            self._then.append(self.take)
        else:
            self.take()

    def take(self) -> None:
        """Take what is under the cursor."""
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._shown):
            self.dismiss_with(self._shown[at].value)

    @on(OptionList.OptionSelected)
    def _click(self, event: OptionList.OptionSelected) -> None:
        self.dismiss_with(self._shown[event.option_index].value)

    def action_leave(self) -> None:
        """Nothing is chosen."""
        self.dismiss(None)


def _keys(choices: Sequence[Choice], free: str, finding: bool) -> str:
    unfold = " · → unfolds" if any(choice.under for choice in choices) else ""
    own = " · your own text counts" if free else ""
    if free and not choices and not finding:
        return "nothing is offered here · Enter takes what you type · Esc leaves"
    return f"Enter takes it{unfold}{own} · Esc leaves"


def _prompt(choice: Choice, sign: str = "") -> Text:
    text = Text(sign, style="dim", no_wrap=True, overflow="ellipsis")
    text.append(clean(choice.title, newlines=False), style="bold")
    if choice.problem:
        text.append(f"  ✗ {clean(choice.problem, newlines=False)}", PALETTE.bad)
    if choice.about:
        text.append(f"  {clean(choice.about, newlines=False)}", style="not bold dim")
    if choice.under:
        count = len(choice.under)
        text.append(f"  {count} checkpoint{'s' * (count > 1)} below", style="not bold dim")
    return text


class LineForm(ModalScreen[list[str] | None]):
    """A few labelled lines to edit; returns their texts, or `None`."""

    HELP_TITLE = "Form"
    DEFAULT_CSS = """
    LineForm { align: center middle; background: $background 60%; }
    LineForm > Vertical {
        width: 90%; max-width: 120; height: auto; border: round $primary;
        background: $surface; padding: 1 2;
    }
    LineForm .about { color: $text-muted; height: auto; margin-bottom: 1; }
    LineForm Input { margin-bottom: 1; }
    LineForm .problem { color: $text-error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="form.leave"),
        Binding("down", "app.focus_next", "Next", id="form.next", show=False),
        Binding("up", "app.focus_previous", "Previous", id="form.previous", show=False),
    ]

    def __init__(
        self,
        title: str,
        lines: Sequence[tuple[str, str]],
        *,
        about: str = "",
        does: str = "take",
        check: Callable[[list[str]], str] | None = None,
    ) -> None:
        """A form.

        Args:
            title: What it is about.
            lines: (label, what stands in the field at first).
            about: What will be done with them.
            does: What Enter does.
            check: Says what is wrong with the values, empty where nothing is; the form stays open
                until then.
        """
        super().__init__()
        self._check = check
        self.form_title, self.lines, self.about, self.does = title, list(lines), about, does

    def compose(self) -> ComposeResult:
        """The labels, the inputs and the keys."""
        with Vertical() as box:
            box.border_title = Text(clean(self.form_title, newlines=False))
            if self.about:
                yield Static(self.about, classes="about", markup=False)
            for label, value in self.lines:
                if label:
                    yield Static(label, markup=False)
                yield Input(value)
            yield Static("", classes="problem", markup=False)
            yield Static(f"Enter: {self.does} · Esc: back", classes="about", markup=False)

    def on_mount(self) -> None:
        """The first line is ready to edit."""
        field = self.query(Input).first()
        field.focus()
        field.cursor_position = len(field.value)

    def check(self, values: list[str]) -> str:
        """What is wrong with the values, empty where nothing is."""
        return self._check(values) if self._check else ""

    @on(Input.Submitted)
    def _take(self) -> None:
        values = [field.value for field in self.query(Input)]
        problem = self.check(values)
        self.say(problem)
        if not problem:
            self.accept(values)

    def accept(self, values: list[str]) -> None:
        """The values passed `check`: the form returns them."""
        self.dismiss(values)

    def say(self, problem: str) -> None:
        """What is wrong, under the lines."""
        self.query_one(".problem", Static).update(Text(clean(problem)))

    def action_leave(self) -> None:
        """Nothing is taken."""
        self.dismiss(None)
