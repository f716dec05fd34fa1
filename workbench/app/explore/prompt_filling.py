"""Explore's prompt: the template that a dataset wants, filled from the sample.

Guarantee: the template of one dataset is never taken along to another: each has its own default,
or what was chosen for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.examples import ExamplesPreview

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec
    from workbench.prompts.template import Template
    from workbench.sample import Sample


class PromptFiller(Controller):
    """What stands in the panel before anything is asked."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.examples = ExamplesPreview(shared)
        self._for: tuple[str, str] | None = None  # dataset and task that the template is for

    def fill(self, sample: Sample) -> None:
        """Give the panel the sample, with the template that its dataset wants."""
        panel = self.widgets.panel
        template, wanted_for = panel.template, (_dataset_of(sample), sample.task)
        if template is None or self._for != wanted_for:
            template, self._for = self._wanted_template(sample), wanted_for
        panel.show_sample(sample, template)
        if panel.wish:
            self.examples.show()

    def _wanted_template(self, sample: Sample) -> Template | None:
        from workbench.models.default_prompt import template_for
        from workbench.prompts.pool import get_template

        name = self.state.templates.get(_dataset_of(sample))
        if isinstance(name, str):
            try:
                chosen = get_template(name)
            except WbError:
                pass  # the template is gone or its file is broken: the default does
            else:
                if chosen.task == sample.task:
                    return chosen
        try:
            return template_for(self.bench.spec, sample, fetch=False)
        except WbError:
            return None

    def refill(self, before: ModelSpec) -> None:
        """Another model: where the default of the one before stood, its own default does."""
        from workbench.models.default_prompt import template_for

        sample, panel = self.view.sample, self.widgets.panel
        if sample is None or panel.template is None:
            return
        try:
            usual = template_for(before, sample, fetch=False)
            wanted = template_for(self.bench.spec, sample, fetch=False)
        except WbError:
            return
        if panel.template == usual != wanted:
            panel.show_sample(sample, wanted)
            if panel.wish:
                self.examples.show()

    def use(self, template: Template | None) -> None:
        """Take a template for this dataset from now on."""
        panel, sample = self.widgets.panel, self.view.sample
        panel.use(template)
        if panel.wish:
            self.examples.show()
        if template is not None and sample is not None:
            self.state.templates[_dataset_of(sample)] = template.name


def _dataset_of(sample: Sample) -> str:
    return sample.uid.partition("/")[0]
