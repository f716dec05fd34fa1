"""Explore's pickers: dataset, model, template, and the run beside the samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.choices import misfit, model_choices, server_warning, spec_chosen
from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import ModelChanged, RunWanted, SourceWanted, TemplateWanted
from workbench.app.explore.written_on import native
from workbench.app.widgets.choice import Choice
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.models.spec import ModelSpec


_MOVED = " "  # no template has this name


class Pickers(Controller):
    """What is chosen from a list."""

    def dataset(self) -> None:
        """Choose a dataset and a split, how it is read, and have it here."""
        from workbench.app.explore.data_picker import DataPicker

        source = self.view.source
        here = f"{source.dataset}/{source.split}" if source else None

        def take(spec: str | None) -> None:
            if spec:
                self.post(SourceWanted(spec))

        self.bench.push_screen(DataPicker(here), take)

    def model(self) -> None:
        """Choose a model and an adapter."""
        from workbench.app.widgets.model_picker import ModelPicker, TakenModel

        here = self.bench.spec

        def take(chosen: TakenModel | None) -> None:
            if chosen is not None:
                self._use(spec_chosen(chosen.value, here), chosen.notes)

        free = "type to narrow, or a folder, a hub id, openai:URL#NAME; --quantization 4bit, ..."
        picker = ModelPicker(
            "Model",
            find=lambda token: model_choices(here, self.bench.settings.model),
            specs=lambda value: [spec_chosen(value, here)],
            current=here,
            free=free,
        )
        self.bench.push_screen(picker, take)

    def _use(self, spec: ModelSpec, notes: Sequence[str]) -> None:
        before, self.bench.spec = self.bench.spec, spec
        self.post(ModelChanged(before))
        warnings = [said for said in (server_warning(spec), *notes) if said]
        # In one line, which a small terminal cuts: the header has the model's name too.
        said = [*warnings, f"asking {clean(self.bench.model_label)} from now on"]
        severity = "warning" if warnings else "information"
        self.bench.notify("\n".join(said), severity=severity, markup=False)

    def template(self) -> None:
        """Choose a prompt template, or free text."""
        from workbench.app.widgets.picker import Picker
        from workbench.prompts.pool import list_templates

        sample = self.view.sample
        if sample is None or not self.view.built:
            return
        try:
            pool = list_templates()
        except WbError as error:
            self.bench.fail(error)
            return
        pool.sort(key=lambda t: t.task != sample.task)
        by_name = {f"{t.name}@{t.version}": t for t in pool}
        choices = [Choice("free text", "write your own", "")]
        panel = self.widgets.panel
        if other := panel.of_another:
            title = f"your text of {native(other)}, with the texts of this sample"
            choices.insert(0, Choice(title, clean(panel.moved, newlines=False), _MOVED))
        choices += [
            Choice(t.name, clean(t.text, newlines=False), name, misfit(t, sample.task))
            for name, t in by_name.items()
        ]
        now = panel.template
        current = f"{now.name}@{now.version}" if now else ""

        def take(name: str | None) -> None:
            if name == _MOVED:
                panel.write(panel.moved, panel.system, about=self.view.sample)
            elif name is not None:
                self.post(TemplateWanted(by_name.get(name)))

        self.bench.push_screen(Picker("Template", choices, current=current), take)

    def run(self) -> None:
        """Choose whose predictions stand beside the samples."""
        source = self.view.source
        if source is None:
            return

        def find(token: CancelToken) -> list[Choice]:
            from sessions.runs import list_runs
            from workbench.reports.run import main_words, run_name, state_of

            choices = []
            for run in list_runs():
                config = run.config
                if run.kind == "eval" and config.get("dataset") == source.dataset:
                    about = " · ".join(filter(None, (state_of(run), main_words(run))))
                    choices.append(Choice(run_name(config, run.id), about, run.id))
            return choices

        from workbench.app.widgets.picker import Picker

        def take(run_id: str | None) -> None:
            if run_id:
                self.post(RunWanted(run_id))

        empty = "no run of this dataset yet: e evaluates it"
        picker = Picker("Run", find=find, current=self.view.run.run_id, empty=empty)
        self.bench.push_screen(picker, take)
