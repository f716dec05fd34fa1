"""The dataset picker: what there is, what each needs, how it is read, and how to have it here.

Guarantee: it opens at once and fills as worker threads find out; nothing is read on the event
loop and the hub is not asked. One broken dataset, or a disk that hangs under one, keeps no other
from being listed and opened.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from workbench.app.explore.dataset_details import DatasetDetails
from workbench.app.explore.dataset_jobs import add, cache, next_mode, where_of
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.choice import Choice
from workbench.app.widgets.picker import Picker
from workbench.text import clean

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.app.app import WbApp
    from workbench.data.readiness import Readiness

_REFILL_S = 0.05
_OWN = Choice("＋ your own file or folder…", "CSV, TSV, JSON, Parquet, images", object())
_ABOUT_OWN = "It is looked at first: columns, counts, a prompt and samples; then it is added."
_SIGNS = {"missing": "✗", "broken": "✗", "not added": "+", "hub": "☁", "streamed": "☁"}


class DataPicker(Picker):
    """Returns `dataset/split`, or `None`."""

    HELP_TITLE = "Datasets"
    HELP = (
        "Every dataset and split, and what it needs. Ctrl+T changes how a dataset of the hub is "
        "read (auto, streamed, cached); Ctrl+S fetches it to this machine, as a job. Ctrl+O or "
        "the last line adds a file or a folder of your own."
    )
    DEFAULT_CSS = """
    DataPicker > Vertical { max-width: 120; height: 90%; max-height: 36; }
    DataPicker OptionList { height: 1fr; max-height: 100%; }
    DataPicker #about { height: auto; max-height: 9; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t,f6", "mode", "Mode", id="datasets.mode"),
        Binding("ctrl+s,f7", "cache", "Cache", id="datasets.cache"),
        Binding("ctrl+o", "own", "Your own", id="datasets.own", priority=True),
    ]

    def __init__(self, current: str | None = None) -> None:
        super().__init__(
            "Dataset", (), current=current, free="type to narrow, or dataset/split[:800]"
        )
        self._refilling: Timer | None = None
        self.last = _OWN
        self._moved = False  # until then the cursor waits for the dataset that is open

    def box(self) -> Vertical:
        """Of a fixed height: the list has what the others leave."""
        return Vertical()

    def on_mount(self) -> None:
        """What is under the cursor is told below the list; reading begins."""
        self.query_one("Vertical").mount(
            Static("looking…", id="about", markup=False), before=self.query_one(".keys")
        )
        self.query_one(".keys", Static).update(
            "Enter opens · ^O your own file · ^T mode · ^S cache · Esc"
        )
        self.known.read()

    # -- reading ---------------------------------------------------------------------------

    @cached_property
    def known(self) -> DatasetDetails:
        """What is known of the datasets by now."""
        return DatasetDetails(self.bench, self._changed)

    @property
    def bench(self) -> WbApp:
        """The app, by its own type."""
        return cast("WbApp", self.app)

    def _changed(self, at_once: bool) -> None:
        """More is known; many facts at a time are drawn once."""
        if at_once:
            self._refill()
        elif self._refilling is None and self.is_mounted:
            self._refilling = self.set_timer(_REFILL_S, self._refill)

    def on_unmount(self) -> None:
        """Nobody waits for the facts any more."""
        self.known.end()

    # -- drawing ---------------------------------------------------------------------------

    def _refill(self) -> None:
        """The list again, the cursor on what it was on."""
        self._refilling = None
        if not self.is_mounted:
            return
        under = self.under
        self.choices = self.known.each(lines_of)
        if under is not None and self._moved:
            self.current = under.value
        self._fill(self.query_one(Input).value)
        self.listed()

    @property
    def unlisted(self) -> bool:
        """Whether no dataset is known by its name yet."""
        return not self.known.named

    @property
    def undecided(self) -> bool:
        """Whether facts may change the line: one that was moved to or named waits for its own."""
        if self.unlisted or (under := self.under) is None:
            return self.unlisted
        if under is _OWN or self._fact_of(under.value) is not None:
            words = self.query_one(Input).value.casefold().split()
            named = words and all(word in under.title.casefold() for word in words)
            return not (self._moved or named or under.value == self.current or self.known.complete)
        return not self.known.complete

    def _option(self, choice: Choice) -> Option:
        option = super()._option(choice)
        fact = self._fact_of(choice.value)
        if fact is not None and fact.state in ("broken", "missing"):
            cast("Text", option.prompt).stylize(PALETTE.bad)
        return option

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tell of the one under the cursor."""
        event.stop()
        choice = self.under
        fact = self._fact_of(choice.value) if choice else None
        own = choice is _OWN
        told = Text(_ABOUT_OWN) if own else Text("looking…") if fact is None else about(fact)
        self.query_one("#about", Static).update(told)

    def action_move(self, how: str) -> None:
        """Move in the list; from now on the cursor stays where it was put."""
        self._moved = True
        super().action_move(how)

    @property
    def under(self) -> Choice | None:
        """The choice under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def _fact_of(self, value: Any) -> Readiness | None:
        return self.known.by_name.get(str(value).partition("/")[0].partition("[")[0])

    # -- what can be done ------------------------------------------------------------------

    def dismiss_with(self, value: Any) -> None:
        """Open it where it can be; what cannot be says why and stays."""
        if value is _OWN.value:
            self.action_own()
            return
        fact = self._fact_of(value)
        if fact is not None and fact.state == "broken":
            from workbench.errors import DataError

            self.bench.fail(DataError(fact.error, hint=fact.needs), f"{fact.name} is broken")
        elif fact is not None and fact.state == "not added" and "/" not in str(value):
            add(self.bench, fact)
        else:
            self.dismiss(value)

    def action_own(self) -> None:
        """A file or a folder of one's own; once it was added it is opened."""
        from workbench.app.explore.own_data import OwnDataForm

        def added(where: str | None) -> None:
            if where and self.is_running:
                self.dismiss(where)

        self.app.push_screen(OwnDataForm(), added)

    def action_mode(self) -> None:
        """The next way to read the dataset under the cursor; kept as `wb data mode` does."""
        fact = self._hub_fact("has no mode")
        if fact is None:
            return

        next_mode(self.bench, fact.name, self.known.take)

    def action_cache(self) -> None:
        """A form with the `wb data cache` line; it starts as a job."""
        fact = self._hub_fact("needs no caching")
        if fact is None:
            return
        choice = self.under
        split = str(choice.value).partition("/")[2] if choice else ""
        cache(self.bench, fact.name, split)

    def _hub_fact(self, why: str) -> Readiness | None:
        fact = self._fact_of(self.under.value) if self.under else None
        if fact is not None and fact.state == "hub":
            return fact
        if fact is not None:
            self.notify(f"{fact.name} {why}: {where_of(fact)}", timeout=3, markup=False)
        return None


def lines_of(name: str, fact: Readiness | None) -> list[Choice]:
    """The lines of a dataset: one for each split, where they are known."""
    if fact is None:
        return [Choice(name, "looking…", name)]
    sign = _SIGNS.get(fact.state, " ")
    if fact.state in ("broken", "not added"):
        return [Choice(name, f"{sign} {fact.state} · {fact.error or fact.info.task}"[:60], name)]
    lines = []
    for split, rows in fact.info.splits.items():
        counted = fact.state == "generated" or rows is not None
        size = "not counted yet" if not counted else "endless" if rows is None else f"{rows:,}"
        words = f"{sign} {fact.words(split)} · {size} · {fact.info.task}"
        lines.append(Choice(f"{name}/{split}", words.strip(), f"{name}/{split}"))
    return lines


def about(fact: Readiness) -> Text:
    """What is told of a dataset below the list."""
    info, text = fact.info, Text()
    lines = [
        ("", fact.error, "bold"),
        ("", info.description, ""),
        ("needs", fact.needs or "nothing", ""),
        ("where", info.where, ""),
        ("mode", fact.mode, ""),
        ("licence", info.licence or "not said", ""),
        ("traps", fact.traps, ""),
    ]
    for name, value, style in lines:
        if value:
            text.append(f"{name:<8}" if name else "", "dim")
            text.append(f"{clean(value, newlines=False)}\n", style)
    text.right_crop(1)
    return text
