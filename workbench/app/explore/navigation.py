"""Explore's keys for going about: the focus, a jump to a UID, what folds and slides, and back.

Guarantee: nothing here reads or asks.
"""

from __future__ import annotations

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import OrdinalWanted, PlaceChanged, UidWanted


class Navigation(Controller):
    """Where the focus is and what is in view."""

    def step(self, by: int) -> None:
        """The next or previous sample, wherever the focus is."""
        self.widgets.samples.step(by)

    def token(self, by: int) -> None:
        """Move along the answer's tokens."""
        if self.view.built:
            self.widgets.answer.move(by)

    def to_filter(self) -> None:
        """Type to narrow the list."""
        if self.view.built:
            self._slide_in("list")
            self.widgets.filter.focus()

    def to_prompt(self) -> None:
        """To the prompt; where it is folded away it slides in."""
        if self.view.built:
            self._slide_in("prompt")
            self.widgets.screen.query_one("#prompt-text").focus()

    def to_list(self) -> None:
        """To the list; where it is folded away it slides in or out."""
        if self.widgets.screen.has_class("-list"):
            self.widgets.screen.remove_class("-list")
        else:
            self._slide_in("list")
        self.widgets.samples.focus()

    def zoom(self) -> None:
        """The image alone, as large as the terminal; again for the rest."""
        self.widgets.screen.toggle_class("-zoom")
        self.post(PlaceChanged())

    def _slide_in(self, what: str) -> None:
        self.widgets.screen.remove_class("-prompt" if what == "list" else "-list")
        self.widgets.screen.add_class(f"-{what}")
        self.leave_zoom()

    def show_answer(self) -> None:
        """A folded prompt slides away, so that the answer is seen, if it can be asked."""
        screen, samples = self.widgets.screen, self.widgets.samples
        if screen.has_class("-narrow") and not (self.view.built and self.widgets.panel.problem()):
            screen.remove_class("-prompt", "-list")
            if screen.focused is not samples:
                samples.focus()
        alone = screen.maximized
        if alone is not None and self.widgets.answer not in alone.walk_children(with_self=True):
            screen.maximized = None

    # -- a jump ----------------------------------------------------------------------------

    def to_jump(self) -> None:
        """Type a UID."""
        if not self.view.built:
            return
        self.widgets.jump.open(self.view.split, self._length)

    @property
    def _length(self) -> int | None:
        return self.view.browser.length if self.view.browser else 0

    def jump(self, typed: str) -> None:
        """Go to the UID or the row that was typed."""
        from workbench.app.explore.jump_bar import goal_of

        goal = goal_of(typed, self.view.split, self._length)
        if goal.problem:
            from workbench.errors import UnknownName

            self.bench.fail(UnknownName(goal.problem, hint=": takes a row, an id or a UID"))
            return
        self.leave_jump()
        if goal.row is not None:
            self.post(OrdinalWanted(goal.row - 1))
        elif goal.uid:
            self.post(UidWanted(goal.uid))

    # -- one step back: each says whether there was one --------------------------------------

    def leave_jump(self) -> bool:
        """Away with the field for a UID."""
        if shown := bool(self.widgets.jump.display):
            self.widgets.jump.display = False
            self.widgets.samples.focus()
        return shown

    def slide_out(self) -> bool:
        """Away with what slid over the image."""
        screen = self.widgets.screen
        slid = screen.has_class("-narrow") and (
            screen.has_class("-list") or screen.has_class("-prompt")
        )
        # Where there is room for all nothing slid; a smaller terminal must not begin with it.
        screen.remove_class("-list", "-prompt")
        if slid:
            self.widgets.samples.focus()
        return slid

    def keep_focus_in_sight(self) -> None:
        """Take the focus off a filter that is folded away: what is typed there is not seen.

        Textual gives it to the filter when the list beside it is folded away.
        """
        folded = self.widgets.list_is_folded and not self.widgets.screen.has_class("-list")
        if folded and self.widgets.screen.focused is self.widgets.filter:
            self.widgets.samples.focus()

    def leave_field(self) -> bool:
        """From a field back to the list."""
        focused, samples = self.widgets.screen.focused, self.widgets.samples
        if focused is None or focused is samples:
            return False
        samples.focus()
        return True

    def leave_explore(self) -> bool:
        """To the place that the sample was opened from, such as the errors of a run."""
        place = self.bench.came_from
        if place:
            self.bench.go(place)
        return bool(place)

    def leave_zoom(self) -> bool:
        """The image with all around it."""
        if zoomed := self.widgets.screen.has_class("-zoom"):
            self.widgets.screen.remove_class("-zoom")
            self.post(PlaceChanged())
        return zoomed
