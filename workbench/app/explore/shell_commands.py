"""From the screen to the shell: an evaluation as a job, and the command that does the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from workbench.app import copy_command
from workbench.app.explore.controller import Controller
from workbench.app.explore.copyable import copyable
from workbench.app.explore.shot_field import shot_flags
from workbench.text import clean


class ShellCommands(Controller):
    """Evaluating and copying."""

    def evaluate(self) -> None:
        """A form with the `wb run-eval` line for what is open; starts it as a job."""
        source = self.view.source
        if source is None or not self.view.built:
            return
        panel = self.widgets.panel
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

        def take(words: list[str] | None) -> None:
            if words:
                self.bench.start_job(words, job_title(["wb", *words]))

        from workbench.app.jobs.new_job import NewJob
        from workbench.reports.job_title import job_title

        self.bench.push_screen(NewJob({}, copy_command.line(argv), about=about), take)

    def command_line(self) -> str | None:
        """The `wb …` line that does what is on the screen."""
        view, panel, answer = self.view, self.widgets.panel, self.widgets.answer
        if view.sample is None or not view.built:
            return None
        asked = view.asked
        if view.heat and asked is not None and answer.answer is not None:
            return copy_command.line(
                copy_command.gradcam_argv(
                    asked.uid,
                    asked.spec,
                    text=asked.text,
                    template=asked.template,
                    answer=answer.answer.text,
                    token=answer.cursor,
                )
            )
        draft = panel.draft(view.sample)
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

    def copy_command(self) -> None:
        """Copy the command that does what is on the screen."""
        text = self.command_line()
        if text:
            self.bench.copy_text(text, "command")

    def copy_some(self) -> None:
        """Choose what is copied of all that stands here; the answer is the first."""
        from workbench.app.widgets.choice import Choice
        from workbench.app.widgets.picker import Picker

        texts = copyable(self.view, self.widgets)
        if not texts:
            self.bench.notify("no sample is open: there is nothing to copy", timeout=2)
            return
        if line := self.command_line():
            texts["wb line"] = line
        choices = [Choice(clean(name, newlines=False), text, name) for name, text in texts.items()]

        def take(name: str | None) -> None:
            if name is not None:
                self._copy(name, texts[name])

        self.bench.push_screen(Picker("Copy", choices), take)

    def offers(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        """For the palette: what can be copied, each by its name."""
        for name, text in copyable(self.view, self.widgets).items():
            if name != "UID":  # has a key
                yield (
                    f"Copy: {name}",
                    clean(text, newlines=False)[:60],
                    partial(self._copy, name, text),
                )

    def _copy(self, name: str, text: str) -> None:
        self.bench.copy_text(text, clean(name, newlines=False), panel=False)

    def copy_uid(self) -> None:
        """Copy the UID."""
        if self.view.uid:
            self.bench.copy_text(self.view.uid, "UID", panel=False)
