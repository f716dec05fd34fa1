"""From the screen to the shell: an evaluation as a job, and the command that does the same."""

from __future__ import annotations

from workbench.app import copy_command
from workbench.app.explore.heat import HeatOverlay
from workbench.app.explore.reading import SampleReader
from workbench.app.explore.shot_field import shot_flags


class ShellCommands(SampleReader, HeatOverlay):
    """Evaluating and copying."""

    # -- evaluating ------------------------------------------------------------------------

    def action_evaluate(self) -> None:
        """A form with the `wb run-eval` line for what is open; starts it as a job."""
        source = self.browser.source if self.browser else None
        if source is None or not self.built:
            return
        panel = self.panel
        template = None if panel.free else panel.template
        limit = 200 if source.length is None or source.length > 200 else None
        argv = copy_command.run_eval_argv(
            source.dataset,
            source.split,
            self.bench.spec,
            panel.knobs.decoding,
            template=template.name if template else None,
            shots=shot_flags(panel.wish),
            limit=limit,
        )
        about = "It runs as a job and outlives the bench; 3 follows it, 2 shows what came of it."
        if template is None:
            about += "\nThe prompt in the panel is free text: the task's default template is used."

        def take(values: list[str] | None) -> None:
            if values:
                words = split_line(values[0])
                self.bench.start_job(words, f"evaluate {source.dataset}/{source.split}")

        from workbench.app.explore.evaluate_form import EvaluateForm
        from workbench.app.jobs.command_line import split_line

        form = EvaluateForm(
            "Evaluate", [("", copy_command.line(argv))], about=about, does="start the job"
        )
        self.app.push_screen(form, take)

    # -- copying ---------------------------------------------------------------------------

    def command_line(self) -> str | None:
        """The `wb …` line that does what is on the screen."""
        if self.sample is None or not self.built:
            return None
        asked, panel = self.asked, self.panel
        if self.heat_on and asked is not None and self.answer.answer is not None:
            return copy_command.line(
                copy_command.gradcam_argv(
                    asked.uid,
                    asked.spec,
                    text=asked.text,
                    template=asked.template,
                    answer=self.answer.answer.text,
                    token=self.answer.cursor,
                )
            )
        draft = panel.draft(self.sample)
        free = draft.template is None
        return copy_command.line(
            copy_command.prompt_argv(
                draft.uid,
                self.bench.spec,
                panel.knobs.decoding,
                text=draft.text if free else None,
                template=draft.template.name if draft.template else None,
                system=draft.system if free else None,
                shots=shot_flags(draft.wish),
            )
        )

    def action_copy_command(self) -> None:
        """Copy the command that does what is on the screen."""
        self.once_shown(self._copy_command)

    def _copy_command(self) -> None:
        text = self.command_line()
        if text:
            self.bench.copy_text(text, "command")

    def action_copy_uid(self) -> None:
        """Copy the UID."""
        self.once_shown(self._copy_uid)

    def _copy_uid(self) -> None:
        if self.uid:
            self.bench.copy_text(self.uid, "UID", panel=False)
