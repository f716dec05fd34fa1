"""Explore's prompt: the template that a sample's task wants, filled from the sample."""

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

    def fill(self, sample: Sample) -> None:
        """Give the panel the sample, with the template that its task wants."""
        panel = self.widgets.panel
        template = panel.template
        if template is None or template.task != sample.task:
            template = self._wanted_template(sample)
        panel.show_sample(sample, template)
        if panel.wish:
            self.examples.show()

    def _wanted_template(self, sample: Sample) -> Template | None:
        from workbench.models.default_prompt import template_for
        from workbench.prompts.pool import get_template

        name = self.state.templates.get(sample.task)
        if isinstance(name, str):
            try:
                return get_template(name)
            except WbError:
                pass  # the template is gone or its file is broken: the default does
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
        """Take a template for this task from now on."""
        panel, sample = self.widgets.panel, self.view.sample
        panel.use(template)
        if panel.wish:
            self.examples.show()
        if template is not None and sample is not None:
            self.state.templates[sample.task] = template.name
