"""Rate answers by one key each: the picture, what was asked, the answer; nothing says whose it is.

Guarantee: neither run nor model is on the screen, and the order is that of `wb runs rate` with the
same seed; a rating is in its file before the place of runs is seen again, so that leaving loses
none and the next time goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.app.lists.dialogs import LineDialog
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.image_view import ImageView
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.ratings import Rating
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.evaluation.rating_queue import RatingItem, RatingQueue
    from workbench.sample import Sample

KEYS = "rate 1 worst – 5 best · s skip · n note · u undo · c good/bad · Esc leaves"
KEYS_OF_TWO = "g good · b bad · s skip · n note · u undo · c 1–5 · Esc leaves"


class RatingScreen(ModalScreen[None]):
    """One answer after the other."""

    DEFAULT_CSS = """
    RatingScreen { background: $background; }
    RatingScreen > Vertical { width: 100%; height: 100%; border: round $primary;
        background: $surface; padding: 0 2; }
    RatingScreen #rating-progress { height: 1; color: $text-muted; }
    RatingScreen ImageView { height: 1fr; min-height: 4; }
    RatingScreen VerticalScroll { height: auto; max-height: 50%; margin-top: 1; }
    RatingScreen #rating-answer { height: auto; }
    RatingScreen .keys { color: $text-muted; height: 1; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"rate({n})", f"Rate it {n}", id=f"rating.{n}") for n in range(1, 6)),
        Binding("6,7,8,9,0", "no_value", show=False),
        Binding("g", "judge(1)", "Good", id="rating.good"),
        Binding("b", "judge(0)", "Bad", id="rating.bad"),
        Binding("s", "skip", "Skip", id="rating.skip"),
        Binding("n", "note", "Note", id="rating.note"),
        Binding("u,backspace", "undo", "Undo", id="rating.undo"),
        Binding("c", "scale", "Other scale", id="rating.scale"),
        Binding("escape,q", "leave", "Leave", id="rating.leave"),
    ]

    def __init__(self, run_ids: Sequence[str], scale: str = "1-5") -> None:
        """A screen for the answers of some runs."""
        super().__init__()
        self._run_ids, self._scale = tuple(run_ids), scale
        self.queue: RatingQueue | None = None
        self._said: list[str] = []  # the items that were rated here, to be undone
        self._note = ""
        self._sample: Sample | None = None

    def compose(self) -> ComposeResult:
        """How far, the picture, the question and the answer, the keys."""
        with Vertical() as box:
            box.border_title = "Rate"
            yield Static("reading the answers…", id="rating-progress", markup=False)
            yield ImageView(self._bench.settings.images, captions=False, id="rating-picture")
            with VerticalScroll(can_focus=True):
                yield Static("", id="rating-answer", markup=False)
            yield Static(KEYS, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Read what is to be rated."""
        self.query_one(ImageView).show(None, "")
        self._read()

    @property
    def _bench(self) -> WbApp:
        return cast("WbApp", self.app)

    @property
    def item(self) -> RatingItem | None:
        """What is to be rated now."""
        place = self.queue.pending if self.queue else None
        return self.queue.items[place] if self.queue and place is not None else None

    def _read(self) -> None:
        scale = self._scale

        def work(token: CancelToken) -> None:
            from sessions.ratings import default_rater
            from sessions.runs import Run
            from workbench.errors import WbError
            from workbench.evaluation.rating_queue import rating_queue

            try:
                runs = [Run.open(run_id) for run_id in self._run_ids]
                queue = rating_queue(runs, default_rater(), scale=scale)
            except WbError as error:
                self._bench.call_soon(self._refused, error.message)
                return
            if not token.cancelled:
                self._bench.call_soon(self._have, queue)

        self._bench.tasks.run("rating queue", work)

    def _refused(self, why: str) -> None:
        if self.is_running:
            self._say(Text(f"✗ {clean(why, newlines=False)}", style=PALETTE.bad), "")

    def _have(self, queue: RatingQueue) -> None:
        if self.is_running and queue.scale == self._scale:
            self.queue, self._said = queue, []
            self._show()

    # -- what is shown ---------------------------------------------------------------------

    def _show(self) -> None:
        queue, item = self.queue, self.item
        assert queue is not None
        words = f"{queue.rated} of {len(queue.items)} rated · {queue.rater} · scale {queue.scale}"
        note = f" · note: {self._note}" if self._note else ""
        if item is None:
            self.query_one(ImageView).show(None, "")
            self._say(Text(words), "All are rated. Esc leaves; wb runs agreement compares raters.")
            return
        self._say(Text(clean(words + note, newlines=False)), None)
        self.query_one(ImageView).leave("reading")

        def work(token: CancelToken) -> None:
            from workbench.evaluation.rating_queue import asked_of

            sample, missing = asked_of(item.uid)
            if not token.cancelled:
                self._bench.call_soon(self._found, item, sample, missing)

        self._bench.tasks.run("rating sample", work)

    def _found(self, item: RatingItem, sample: Sample | None, missing: str) -> None:
        if not self.is_running or self.item is None or self.item.name != item.name:
            return
        picture = self.query_one(ImageView)
        picture.show(sample, clean(missing, newlines=False))
        said = Text()
        for role, text in (sample.texts if sample else {}).items():
            said.append(f"{clean(role, newlines=False)}  ", style=PALETTE.dim)
            said.append(f"{clean(text)}\n")
        said.append("answer  ", style=PALETTE.dim)
        said.append(clean(item.answer), style=PALETTE.strong)
        self._say(None, said)

    def _say(self, progress: Text | None, answer: Text | str | None) -> None:
        if progress is not None:
            self.query_one("#rating-progress", Static).update(progress)
        if answer is not None:
            self.query_one("#rating-answer", Static).update(answer)
        keys = KEYS if self._scale == "1-5" else KEYS_OF_TWO
        self.query_one(".keys", Static).update(keys)

    # -- what the keys do ------------------------------------------------------------------

    def action_rate(self, value: int) -> None:
        """Give the answer this value, and go on."""
        self._keep(value, of="1-5")

    def action_judge(self, value: int) -> None:
        """Call the answer good or bad, and go on."""
        self._keep(value, of="good-bad")

    def _keep(self, value: int, of: str) -> None:
        if self._scale != of:
            self.notify(f"the scale is {self._scale}: c changes it", severity="warning")
        elif (item := self.item) is not None:
            self._take(item, value)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        if action == "no_value":
            best = "1 to 5 rate" if self._scale == "1-5" else "g is good, b is bad"
            return f"no value has this key: {best}"
        if action in ("rate", "judge", "skip", "note") and self.item is None:
            if self.queue is None:
                return "the answers are still being read, or cannot be: see above"
            return "all are rated: u takes the last rating back, Esc leaves"
        return ""

    def action_no_value(self) -> None:
        """A digit outside of the scale: see `why_not`."""

    def action_skip(self) -> None:
        """Leave this one out, and go on."""
        if (item := self.item) is not None:
            self._take(item, None, skipped=True)

    def action_undo(self) -> None:
        """Take the last rating back, and show its answer again."""
        queue = self.queue
        if queue is None or not self._said:
            self.notify("nothing was rated since this was opened", severity="warning")
            return
        name = self._said.pop()
        item = queue.find(name)
        self._note = item.rating.note if item.rating else ""
        self.queue, rating = queue.having(item, None)
        self._write(rating)
        self._show()

    def action_note(self) -> None:
        """Write a note, which is kept with the rating."""
        if self.item is None:
            return

        def written(line: str | None) -> None:
            if line is not None:
                self._note = line
                self._show()

        dialog = LineDialog("Note", "It is kept beside the rating.", value=self._note)
        self._bench.push_screen(dialog, written)

    def action_scale(self) -> None:
        """Rate on the other scale; what was rated on this one stays."""
        self._scale = "good-bad" if self._scale == "1-5" else "1-5"
        self._note = ""
        self._read()

    def action_leave(self) -> None:
        """Close; the next time goes on from here."""
        self.dismiss(None)

    def _take(self, item: RatingItem, value: int | None, *, skipped: bool = False) -> None:
        assert self.queue is not None
        self.queue, rating = self.queue.having(item, value, skipped=skipped, note=self._note)
        self._said.append(item.name)
        self._note = ""
        self._write(rating)
        self._show()

    def _write(self, rating: Rating) -> None:
        self._bench.tasks.change("ratings", partial(_kept, rating, self._bench.fail))


def _kept(rating: Rating, fail: Callable[[BaseException, str], None]) -> None:
    from sessions.ratings import rate

    try:
        rate(rating)
    except Exception as error:
        fail(error, "the rating was not kept")
