"""A sample that changed sides: both answers side by side, each with its heat over the pictures.

Guarantee: the heat is of the prompt that each run asked and of the answer that it recorded; what
has none says why under its answer. Returns the UID that is to be opened in Explore, or `None`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.places import ShownPlaces
from workbench.evaluation.telling_apart import told_apart
from workbench.reports.prediction import Prediction, line_of, read_prediction
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.compare import Flip
    from workbench.app.app import WbApp
    from workbench.app.runs.reading import RunSummary
    from workbench.app.tasks import CancelToken
    from workbench.evaluation.recorded_prompt import RecordedPrompts
    from workbench.sample import Sample

Line = Mapping[str, Any]
Side = Literal["a", "b"]
SIDES: tuple[Side, ...] = ("a", "b")


class FlipView(ModalScreen["str | None"]):
    """One flip after the other."""

    DEFAULT_CSS = """
    FlipView { align: center middle; background: $background 60%; }
    FlipView > Vertical { width: 98%; height: 96%; border: round $primary;
        background: $surface; padding: 0 1; }
    FlipView #flip-asked { height: auto; max-height: 5; }
    FlipView Horizontal { height: 1fr; }
    FlipView .side { width: 1fr; padding: 0 1; }
    FlipView ImageView { height: 2fr; min-height: 4; }
    FlipView VerticalScroll { height: 1fr; min-height: 3; margin-top: 1; }
    FlipView .answer { height: auto; }
    FlipView .keys { color: $text-muted; height: 1; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Explore", id="flip.open"),
        Binding("j,down", "turn(1)", "Next flip", id="flip.next"),
        Binding("k,up", "turn(-1)", "Flip before", id="flip.before"),
        Binding("g", "heat", "Heat", id="flip.heat"),
        Binding("escape,q", "leave", "Leave", id="flip.leave"),
    ]

    def __init__(self, flips: Sequence[Flip], at: int, a: RunSummary, b: RunSummary) -> None:
        """A view of the flips of two runs, from one of them on."""
        super().__init__()
        self._flips, self._at = tuple(flips), at
        self._runs: dict[Side, RunSummary] = {"a": a, "b": b}
        differs = told_apart([(run.kind, run.config) for run in (a, b)])
        self._differs: dict[Side, str] = dict(zip(SIDES, differs, strict=True))
        self._sample: Sample | None = None
        self._lines: dict[Side, Line] = {"a": self.flip.before, "b": self.flip.after}
        self._prompts: dict[Side, RecordedPrompts] = {}
        self._heat = False

    def compose(self) -> ComposeResult:
        """What was asked, over the two sides."""
        with Vertical() as box:
            box.border_title = "Flip"
            yield Static("", id="flip-asked", markup=False)
            with Horizontal():
                for side in SIDES:
                    with Vertical(classes="side"):
                        setting = self._bench.settings.images
                        yield ImageView(setting, captions=False, id=f"flip-picture-{side}")
                        with VerticalScroll(can_focus=False):
                            yield Static("", id=f"flip-answer-{side}", classes="answer")
            words = "j k flips · g heat of both answers · Enter goes to Explore · Esc leaves"
            yield Static(words, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Show the first."""
        self._show()

    @property
    def _bench(self) -> WbApp:
        return cast("WbApp", self.app)

    @property
    def flip(self) -> Flip:
        """The one in view."""
        return self._flips[self._at]

    def _picture(self, side: Side) -> ImageView:
        return self.query_one(f"#flip-picture-{side}", ImageView)

    # -- the sample --------------------------------------------------------------------------

    def _show(self) -> None:
        self._sample, uid = None, self.flip.uid
        self._lines = {"a": self.flip.before, "b": self.flip.after}
        for side in SIDES:
            self._picture(side).leave("reading")
            self._answer(side, "")

        def work(token: CancelToken) -> None:
            from workbench.evaluation.rating_queue import asked_of

            sample, missing = asked_of(uid)
            # The comparison keeps the beginning of each answer alone.
            whole = {side: line_of(self._runs[side].predictions, uid) for side in SIDES}
            if not token.cancelled:
                self._bench.call_soon(self._found, uid, sample, missing, whole)

        self._bench.tasks.run("flip sample", work)
        self._asked(None)

    def _found(
        self, uid: str, sample: Sample | None, missing: str, whole: Mapping[Side, Line | None]
    ) -> None:
        if not self.is_running or uid != self.flip.uid:
            return
        self._sample = sample
        self._lines |= {side: line for side, line in whole.items() if line is not None}
        for side in SIDES:
            self._answer(side, "")
            self._picture(side).show(sample, clean(missing, newlines=False))
            self._picture(side).show_places(_places(read_prediction(self._lines[side])))
        self._asked(sample)
        if self._heat:
            self._explain()

    def _asked(self, sample: Sample | None) -> None:
        line = read_prediction(self.flip.after)
        said = Text(f"{self._at + 1} of {len(self._flips)}  ", style=PALETTE.dim)
        said.append(clean(self.flip.uid, newlines=False), style=PALETTE.strong)
        word, style = (
            ("fixed by B", PALETTE.good) if self.flip.fixed else ("broken by B", PALETTE.bad)
        )
        said.append(f"  {word}", style=style)
        said.append("\ntarget  ", style=PALETTE.dim)
        said.append(clean(line.target, newlines=False))
        for role, text in (sample.texts if sample else {}).items():
            said.append(f"\n{clean(role, newlines=False)}  ", style=PALETTE.dim)
            said.append(clean(text, newlines=False))
        self.query_one("#flip-asked", Static).update(said)

    def _answer(self, side: Side, note: str) -> None:
        run = self._runs[side]
        line = read_prediction(self._lines[side])
        colour = PALETTE.accent if side == "a" else PALETTE.second
        said = Text(f"{side.upper()} ", style=colour)
        who = f"{run.who}  {self._differs[side]}".strip()
        said.append(f"{clean(who, newlines=False)}  ", style=PALETTE.dim)
        said.append(clean(line.read_as, newlines=False), style=PALETTE.strong)
        said.append(f"\n{clean(line.said)}")
        if (places := _places(line)) is not None and (below := places.caption()):
            said.append("\n")
            said.append_text(below)
        if note:
            said.append(f"\n{clean(note, newlines=False)}", style=PALETTE.dim)
        self.query_one(f"#flip-answer-{side}", Static).update(said)

    # -- heat --------------------------------------------------------------------------------

    def action_heat(self) -> None:
        """Lay heat over both, or take it off."""
        self._heat = not self._heat
        if self._heat:
            self._explain()
            return
        self._bench.tasks.cancel("flip heat")
        for side in SIDES:
            self._picture(side).show_heat(None)
            self._answer(side, "")

    def _explain(self) -> None:
        lines, sample = dict(self._lines), self._sample
        if sample is None:
            return
        for side in SIDES:
            self._answer(side, "heat…")

        def work(token: CancelToken) -> None:
            for side in SIDES:
                self._one(token, side, sample, read_prediction(lines[side]).text)

        self._bench.tasks.run("flip heat", work)

    def _one(self, token: CancelToken, side: Side, sample: Sample, answer: str) -> None:
        """In the lane: one side's heat."""
        from sessions.errors import WbError
        from sessions.runs import Run
        from workbench.errors import Cancelled
        from workbench.evaluation.recorded_prompt import RecordedPrompts

        service = self._bench.engine()
        try:
            prompts = self._prompts.get(side) or RecordedPrompts.of(Run.open(self._runs[side].id))
            self._prompts[side] = prompts
            engine = service.client([prompts.spec])
            service.working("explaining")
            maps = prompts.heat(
                engine, sample, answer, cancelled=token, on_progress=service.progress
            )
        except Cancelled:
            return
        except WbError as error:
            self._bench.call_soon(self._laid, sample.uid, side, None, error.message)
        else:
            words = "heat of the first token"
            self._bench.call_soon(self._laid, sample.uid, side, maps, words)
        finally:
            service.refresh()

    def _laid(self, uid: str, side: Side, maps: Sequence[object] | None, note: str) -> None:
        if self.is_running and self._heat and uid == self.flip.uid:
            self._picture(side).show_heat(maps)
            self._answer(side, note)

    # -- keys ----------------------------------------------------------------------------------

    def action_turn(self, by: int) -> None:
        """Go to the next flip or the one before."""
        self._at = (self._at + by) % len(self._flips)
        self._bench.tasks.cancel("flip heat")
        self._show()

    def action_open(self) -> None:
        """Close, and open the sample in Explore."""
        self.dismiss(self.flip.uid)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

    def on_unmount(self) -> None:
        """Nobody waits for heat any more."""
        self._bench.tasks.cancel("flip heat")


def _places(line: Prediction) -> ShownPlaces | None:
    """Where an answer and its gold say that things are."""
    return ShownPlaces(line.places, line.places.gold) if line.places is not None else None
