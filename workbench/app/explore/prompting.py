"""Explore's prompt: the template that a sample's task wants, filled from the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.shots import Shots

if TYPE_CHECKING:
    from workbench.prompts.template import Template
    from workbench.sample import Sample


class Prompting(Shots):
    """What stands in the panel before anything is asked."""

    def fill_prompt(self, sample: Sample) -> None:
        """Give the panel the sample, with the template that its task wants."""
        panel = self.panel
        template = panel.template
        if template is None or template.task != sample.task:
            template = self._wanted_template(sample)
        panel.show_sample(sample, template)
        if panel.wish:
            self.preview_shots()

    def _wanted_template(self, sample: Sample) -> Template | None:
        from workbench.prompts.pool import default_template, get_template

        by_task = self.corner.get("templates")
        name = by_task.get(sample.task) if isinstance(by_task, dict) else None
        if isinstance(name, str):
            try:
                return get_template(name)
            except WbError:
                pass  # the template is gone or its file is broken: the default does
        try:
            return default_template(sample.task, sample)
        except WbError:
            return None

    def use_template(self, template: Template | None) -> None:
        """Take a template for this task from now on."""
        self.panel.use(template)
        if self.panel.wish:
            self.preview_shots()
        if template is not None and self.sample is not None:
            by_task = self.corner.setdefault("templates", {})
            by_task[self.sample.task] = template.name
