"""Explore's ways to ask more than once: the grid, and two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.explore.asked import Asked, show_record
from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import AnswerBegan, AnswerReady, AnswerRecorded
from workbench.errors import UsageError
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.explore.prompt_panel import Draft
    from workbench.app.explore.sweep import ComparisonResult, SweepPrompt
    from workbench.app.explore.sweep_axes import Typed
    from workbench.app.tasks import CancelToken
    from workbench.app.widgets.choice import Choice
    from workbench.data.source import Source
    from workbench.models.spec import ModelSpec
    from workbench.playground.question import Question
    from workbench.sample import Sample


class Comparisons(Controller):
    """What the screen asks several times over."""

    def ready(self) -> tuple[Sample, Source, Draft] | None:
        """The sample, its source and what stands in the panel, where that can be asked.

        Where it cannot, that is said.
        """
        view = self.view
        if not view.built or view.sample is None or view.source is None:
            return None
        panel = self.widgets.panel
        if problem := panel.problem():
            self.bench.fail(UsageError(problem, hint="change it in the prompt panel (p)"))
            return None
        return view.sample, view.source, panel.draft(view.sample)

    def _prompt(self, sample: Sample, source: Source, draft: Draft) -> SweepPrompt:
        """The prompt in the panel, for any values of the grid's fields."""
        from dataclasses import replace

        from workbench.app.explore.shot_field import shot_flags
        from workbench.app.explore.sweep import SweepPrompt
        from workbench.app.explore.sweep_axes import decoding_of, grid_argv, spec_of
        from workbench.playground.question import question_about
        from workbench.prompts.shots import ShotWish

        present, knobs = self.bench.spec, self.widgets.panel.knobs.decoding
        text, system = draft.text, draft.system
        wish = draft.wish  # which examples is the panel's affair, how many the grid's

        def build(values: dict[str, Any]) -> Question:
            decoding = decoding_of(values, knobs)
            template, shots = values["template"], ShotWish(values["shots"], decoding.seed)
            if wish and template:
                shots = replace(wish, count=values["shots"], seed=decoding.seed)
            return question_about(
                sample,
                source=source,
                spec=spec_of(values, present),
                decoding=decoding,
                template=template,
                text=None if template else text,
                system=None if template else system,
                wish=shots,
            )

        def argv(typed: Typed) -> list[str]:
            more = shot_flags(replace(wish, count=0)) if wish else ()
            return grid_argv(sample.uid, typed, present, knobs, text, system or None, more)

        return SweepPrompt(sample, text, build, argv)

    # -- the grid --------------------------------------------------------------------------

    def grid(self) -> None:
        """The grid of answers to this prompt."""
        found = self.ready()
        if found is None:
            return
        from workbench.app.explore.sweep import SweepScreen
        from workbench.app.explore.sweep_axes import form_values

        draft = found[-1]
        template = draft.template.name if draft.template else None
        count = draft.wish.count if draft.wish else 0
        fields = form_values(self.bench.spec, self.widgets.panel.knobs.decoding, template, count)
        # Axes come back; single values are those of the panel, which may have changed since.
        for name in fields:
            value = self.state.sweep.get(name)
            if isinstance(value, str) and ("," in value or "*" in value):
                fields[name] = value
        screen = SweepScreen(self._prompt(*found), fields)

        def closed(chosen: ComparisonResult | None) -> None:
            if chosen is not None:
                self.state.sweep = dict(chosen.fields)
                self._take(chosen)

        self.bench.push_screen(screen, closed)

    def _take(self, chosen: ComparisonResult | None) -> None:
        if chosen is None:
            return
        self.post(AnswerRecorded(tuple(chosen.records)))
        if chosen.question is not None and chosen.record is not None:
            self._show_answer(chosen.question, chosen.record)

    def _show_answer(self, question: Question, record: PromptRecord) -> None:
        """Make an answer that was given elsewhere the one in view, so that heat can follow."""
        view = self.view
        if question.uid != view.uid or view.asking is not None:
            return
        self.post(AnswerBegan())
        view.asked = Asked(question, record.id)
        show_record(self.widgets.answer, record)
        self.post(AnswerReady())

    # -- side by side ----------------------------------------------------------------------

    def side_by_side(self) -> None:
        """Ask this prompt of two models, or with two adapters."""
        if self.ready() is None:
            return
        from workbench.app.explore.choices import model_choices, spec_chosen
        from workbench.app.widgets.model_picker import ModelPicker, TakenModel

        here = self.bench.spec

        def find(token: CancelToken) -> list[Choice]:
            found = model_choices(here, self.bench.settings.model)
            return [choice for choice in found if choice.value != here]

        def take(chosen: TakenModel | None) -> None:
            if chosen is None:
                return
            if chosen.notes:
                self.bench.notify("\n".join(chosen.notes), severity="warning", markup=False)
            self._ask_both(spec_chosen(chosen.value, here))

        picker = ModelPicker(
            f"Ask beside {clean(self.bench.model_label, newlines=False)}",
            find=find,
            specs=lambda value: [here, spec_chosen(value, here)],
            free="MODEL, MODEL +ADAPTER, +ADAPTER, --quantization 4bit",
        )
        self.bench.push_screen(picker, take)

    def _ask_both(self, other: ModelSpec) -> None:
        found = self.ready()
        if found is None:
            return
        from workbench.app.explore.side_by_side import SideBySide
        from workbench.playground.question import question_about

        sample, source, draft = found
        here, knobs = self.bench.spec, self.widgets.panel.knobs.decoding

        def build(spec: ModelSpec) -> Question:
            return question_about(
                sample,
                source=source,
                spec=spec,
                decoding=knobs,
                template=draft.template,
                text=None if draft.template else draft.text,
                system=None if draft.template else draft.system,
                wish=draft.wish,
            )

        screen = SideBySide(sample, draft.text, (here, other), build)
        self.bench.push_screen(screen, self._take)
