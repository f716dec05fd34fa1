"""Explore's ways to ask more than once: the grid, and two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.asked import Asked, show_record
from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import AnswerBegan, AnswerReady, Recorded
from workbench.errors import UsageError
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.explore.prompt_panel import Draft
    from workbench.app.explore.sweep import ComparisonResult, Prompt
    from workbench.app.explore.sweep_axes import Typed
    from workbench.app.tasks import Token
    from workbench.app.widgets.choice import Choice
    from workbench.data.source import Source
    from workbench.models.spec import ModelSpec
    from workbench.playground.question import Question
    from workbench.prompts.shots import ShotWish
    from workbench.sample import Sample


class Comparisons(Controller):
    """What the screen asks several times over."""

    def ready(self) -> tuple[Sample, Source, Draft] | None:
        """The sample, its source and what stands in the panel, where that can be asked.

        Where it cannot, that is said.
        """
        view, panel = self.view, self.widgets.panel
        if not view.built or view.sample is None or view.source is None:
            return None
        if problem := panel.problem():
            self.bench.fail(UsageError(problem, hint="change it in the prompt panel (p)"))
            return None
        return view.sample, view.source, panel.draft(view.sample)

    def _prompt(self, sample: Sample, source: Source, draft: Draft) -> Prompt:
        """The prompt in the panel, for any values of the grid's fields."""
        from dataclasses import replace

        from workbench.app.explore.shot_field import shot_flags
        from workbench.app.explore.sweep import Prompt
        from workbench.app.explore.sweep_axes import decoding_of, grid_argv, spec_of

        present, knobs = self.bench.spec, self.widgets.panel.knobs.decoding
        text, system = draft.text, draft.system
        wish = draft.wish  # which examples is the panel's affair, how many the grid's

        def build(values: dict[str, Any]) -> Question:
            decoding = decoding_of(values, knobs)
            shots = values["shots"]
            if wish and values["template"]:
                shots = replace(wish, count=shots, seed=decoding.seed)
            return ask_about(
                sample,
                source,
                spec=spec_of(values, present),
                decoding=decoding,
                template=values["template"],
                text=text,
                system=system,
                shots=shots,
            )

        def argv(typed: Typed) -> list[str]:
            more = shot_flags(replace(wish, count=0)) if wish else ()
            return grid_argv(sample.uid, typed, present, knobs, text, system or None, more)

        return Prompt(sample, text, build, argv)

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
        self.post(Recorded(tuple(chosen.records)))
        if chosen.question is not None and chosen.record is not None:
            self._show_answer(chosen.question, chosen.record)

    def _show_answer(self, question: Question, record: PromptRecord) -> None:
        """Make an answer that was given elsewhere the one in view, so that heat can follow."""
        view = self.view
        if question.uid != view.uid or view.asking is not None:
            return
        free = question.template is None
        self.post(AnswerBegan())
        view.asked = Asked(
            uid=str(question.uid),
            messages=question.messages,
            spec=question.spec,
            decoding=question.decoding,
            template=question.template,
            text=question.messages[-1].text if free else None,
            system=next((m.text for m in question.messages if m.role == "system"), None)
            if free
            else None,
            shots=len(question.shots),
            prompt_id=record.id,
        )
        show_record(self.widgets.answer, record, view.sample)
        self.post(AnswerReady())

    # -- side by side ----------------------------------------------------------------------

    def side_by_side(self) -> None:
        """Ask this prompt of two models, or with two adapters."""
        if self.ready() is None:
            return

        def work(token: Token) -> None:
            from workbench.app.explore.choices import model_choices

            choices = model_choices(self.bench.spec, self.bench.settings.model)
            if not token.cancelled:
                self.bench.call_soon(self._choose_other, choices)

        self.bench.tasks.run("choices", work)

    def _choose_other(self, choices: list[Choice]) -> None:
        from workbench.app.widgets.picker import Picker

        here = self.bench.spec
        others = [choice for choice in choices if choice.value != here]

        def take(chosen: Any) -> None:
            if chosen is None:
                return
            try:
                self._ask_both(typed_other(chosen, here) if isinstance(chosen, str) else chosen)
            except WbError as error:
                self.bench.fail(error)

        picker = Picker(
            f"Ask beside {clean(self.bench.model_label, newlines=False)}",
            others,
            free="type to narrow, or MODEL, MODEL +ADAPTER, +ADAPTER, --quantization 4bit",
        )
        self.bench.push_screen(picker, take)

    def _ask_both(self, other: ModelSpec) -> None:
        found = self.ready()
        if found is None:
            return
        from workbench.app.explore.side_by_side import SideBySide

        sample, source, draft = found
        here, knobs = self.bench.spec, self.widgets.panel.knobs.decoding
        template = draft.template.name if draft.template else None

        def build(spec: ModelSpec) -> Question:
            return ask_about(
                sample,
                source,
                spec=spec,
                decoding=knobs,
                template=template,
                text=draft.text,
                system=draft.system,
                shots=draft.wish,
            )

        screen = SideBySide(sample, draft.text, (here, other), build)
        self.bench.push_screen(screen, self._take)


def ask_about(
    sample: Sample,
    source: Source,
    *,
    spec: ModelSpec,
    decoding: Any,
    template: str | None,
    text: str,
    system: str,
    shots: int | ShotWish | None,
) -> Question:
    """The question about a sample by a template's name, or in free text where that is `None`.

    Raises:
        WbError: As `question_of` and `draw_shots`.
    """
    from workbench.playground.question import draw_shots, question_of
    from workbench.prompts.pool import get_template
    from workbench.prompts.shots import ShotWish

    wish = ShotWish(shots, decoding.seed) if isinstance(shots, int) else shots
    chosen = get_template(template) if template else None
    if wish and chosen is None:
        raise UsageError("--shots goes with a template", hint="name one, or ask without examples")
    return question_of(
        sample,
        spec=spec,
        decoding=decoding,
        template=chosen,
        text=None if chosen else text,
        system=None if chosen else system,
        shots=draw_shots(source, 0, 0, sample, wish) if chosen and wish else (),
        revision=source.revision,
    )


def typed_other(text: str, here: ModelSpec) -> ModelSpec:
    """`MODEL`, `MODEL +ADAPTER`, `+ADAPTER`, each with flags behind it, or flags alone.

    What is not said is as in the model in use. Raises `UsageError`.
    """
    from workbench.app.explore.choices import typed_model

    name, sign, flags = f" {text.strip()}".partition(" --")
    model, plus, adapter = (part.strip() for part in name.partition(" +"))
    spec = typed_model(f"{model or here.model}{sign}{flags}", here)
    if model:
        return spec.but(adapter=adapter) if adapter else spec
    return spec.but(
        adapter=adapter or spec.adapter or (None if plus else here.adapter),
        revision=spec.revision or here.revision,
    )
