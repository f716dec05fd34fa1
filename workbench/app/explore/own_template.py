"""Free text kept as a template of the user's own, and chosen from then on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import TemplateWanted
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.prompts.template import Template

_ABOUT = (
    "Where the text has the words of this sample, the template has a place for those of any other. "
    "It is kept in {}, for the bench and for --template."
)


class OwnTemplate(Controller):
    """Ctrl+S."""

    def save(self) -> None:
        """Ask for a name, keep the text under it, choose the template."""
        view, panel = self.view, self.widgets.panel if self.view.built else None
        if panel is None or view.sample is None:
            return
        if not panel.free and panel.template is not None:
            said = f"this is the template {panel.template.name}: change its text, then save that"
            self.bench.notify(clean(said), timeout=4, markup=False)
            return
        if not panel.text.strip():
            self.bench.notify("there is no text to save", timeout=2)
            return
        from workbench.app.widgets.picker import LineForm
        from workbench.prompts.own import own_template
        from workbench.prompts.pool import user_folder

        sample = panel.of_another or view.sample
        text, system, like = panel.text, panel.system, panel.template

        def made(name: str) -> Template:
            return own_template(name.strip(), text, system, sample, like)

        def problem(values: list[str]) -> str:
            try:
                made(values[0])
            except WbError as error:
                return f"{error.message}: {error.hint}" if error.hint else error.message
            return ""

        def take(values: list[str] | None) -> None:
            if values:
                self._keep(made(values[0]))

        form = LineForm(
            "Save as template",
            [("name, such as statement/mine", f"{sample.task}/mine")],
            about=clean(_ABOUT.format(user_folder())),
            does="save it",
            check=problem,
        )
        self.bench.push_screen(form, take)

    def _keep(self, template: Template) -> None:
        from workbench.prompts.own import keep_template

        def work() -> None:
            try:
                path = keep_template(template)
            except WbError as error:
                self.bench.fail(error, "the template was not kept")
                return
            self.bench.call_soon(self._kept, template, path)

        self.bench.tasks.change("template", work)

    def _kept(self, template: Template, path: Path) -> None:
        self.post(TemplateWanted(template))
        slots = " ".join(f"{{{slot}}}" for slot in template.slots)
        with_slots = f" with {slots}" if slots else ""
        said = f"{template.name}@{template.version}{with_slots} in {path}"  # a long path is cut
        self.bench.notify(clean(said), title="template kept", timeout=6, markup=False)
