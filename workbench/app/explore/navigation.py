"""Explore's keys for going about: the filter, a jump to a UID, what folds and slides, and back.

Guarantee: Esc always goes back one step; nothing here reads or asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workbench.app.explore.comparisons import Comparisons

if TYPE_CHECKING:
    from textual.widgets import Input

    from workbench.app.explore.sample_list import SampleList
    from workbench.prompts.template import Template


class Navigation(Comparisons):
    """Where the focus is and what is in view."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`l` has a meaning only where the list is folded away; so has its place in the footer."""
        if action == "list":
            return self.list_is_folded
        return True

    @property
    def list_is_folded(self) -> bool:
        """Whether the list is folded away."""
        return self.has_class("-narrow") or self.has_class("-zoom")

    def _field(self, name: str) -> Input:
        return cast("Input", self.query_one(f"#{name}"))

    def action_step(self, by: int) -> None:
        """The next or previous sample, wherever the focus is."""
        self.samples.step(by)

    def action_token(self, by: int) -> None:
        """Move along the answer's tokens."""
        if self.built:
            self.answer.move(by)

    def action_filter(self) -> None:
        """Type to narrow the list."""
        if not self.built:
            return
        self._unfold("list")
        self._field("filter").focus()

    def action_jump(self) -> None:
        """Type a UID."""
        if not self.built:
            return
        field = self._field("jump")
        field.display = True
        source = self.browser.source if self.browser else None
        field.value = f"{source.dataset}/{source.split.partition('[')[0]}/" if source else ""
        field.focus()
        field.cursor_position = len(field.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A UID was typed, or the filter is as it should be."""
        event.stop()
        if event.input.id == "jump":
            self._jumped(event)
        else:
            self.samples.focus()

    def _jumped(self, event: Input.Submitted) -> None:
        self._leave_jump()
        text = event.value.strip()
        tail = text.rsplit("/", 1)[-1]
        if text.lstrip("#").isdigit():
            self._jump_to_row(int(text.lstrip("#")))
        elif tail.startswith("#") and tail[1:].isdigit():
            self._jump_to_row(int(tail[1:]))
        elif text:
            self.open_uid(text)

    def _jump_to_row(self, row: int) -> None:
        length = self.browser.length if self.browser else 0
        if row < 1 or (length is not None and row > length):
            from workbench.errors import UnknownName

            self.bench.fail(
                UnknownName(f"there is no row {row}", hint=f"rows are numbered 1 to {length:,}")
            )
            return
        self.stand_on(row - 1)

    def _leave_jump(self) -> None:
        self._field("jump").display = False
        self.samples.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows the filter as one types."""
        event.stop()
        if event.input.id == "filter":
            self.set_filter(event.value)

    def on_sample_list_chosen(self, event: SampleList.Chosen) -> None:
        """A double click on a sample: where the list slid over, it slides away."""
        event.stop()
        self.remove_class("-list")

    def action_prompt(self) -> None:
        """To the prompt; where it is folded away it slides in."""
        if not self.built:
            return
        self._unfold("prompt")
        self.query_one("#prompt-text").focus()

    def use_template(self, template: Template | None) -> None:
        """Take a template; free text is the user's to write, so the cursor goes where it is."""
        super().use_template(template)
        if template is None:
            self.action_prompt()

    def action_list(self) -> None:
        """To the list; where it is folded away it slides in or out."""
        if self.has_class("-list"):
            self.remove_class("-list")
        else:
            self._unfold("list")
        self.samples.focus()

    def action_zoom(self) -> None:
        """The image alone, as large as the terminal; again for the rest."""
        self.toggle_class("-zoom")
        self._show_counts()

    def _unfold(self, what: str) -> None:
        other = "prompt" if what == "list" else "list"
        self.remove_class(f"-{other}")
        self.add_class(f"-{what}")
        if self.has_class("-zoom"):
            self.remove_class("-zoom")
            self._show_counts()

    def action_ask(self) -> None:
        """Ask; a folded prompt slides away, so that the answer is seen, if it can be asked."""
        if self.has_class("-narrow") and not (self.built and self.panel.problem()):
            self.remove_class("-prompt")
            self.remove_class("-list")
            if self.focused is not self.samples:
                self.samples.focus()
        super().action_ask()

    def action_back(self) -> None:
        """One step back: generation, heat being computed, what slid over, the filter, the zoom."""
        focused = self.focused
        if not self.built:
            return
        if self._field("jump").display:
            self._leave_jump()
        elif self.cancel_ask():
            return
        elif self.heat_on and self.bench.tasks.busy("heat"):
            self.cancel_heat()
        elif self.has_class("-narrow") and (self.has_class("-list") or self.has_class("-prompt")):
            self.remove_class("-list", "-prompt")
            self.samples.focus()
        elif focused is not None and focused is not self.samples:
            self.samples.focus()
        elif self.has_class("-zoom"):
            self.remove_class("-zoom")
            self._show_counts()
        elif self.cancel_heat():
            return
        elif self.filter.words:
            self._field("filter").value = ""
