"""Explore's pickers: go about, choose dataset, model, template and run; bookmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.choices import model_choices, server_warning, typed_model
from workbench.app.explore.shell_commands import ShellCommands
from workbench.app.widgets.choice import Choice
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.explore.prompt_panel import PromptPanel
    from workbench.app.tasks import Token


class Pickers(ShellCommands):
    """What the screen does beside reading, asking and explaining."""

    # -- going about -----------------------------------------------------------------------

    def action_random(self) -> None:
        """Another sample of the walk of a seed: those of `wb gallery --random N --seed S`."""
        from workbench.data.permutation import draw

        filtered = self.samples.matches is not None
        length = self.samples.count if filtered else self.samples.length
        if length == 0 or self.browser is None:
            return
        source = self.browser.source
        over = f"{source.dataset}/{source.split} {self.filter.text}"
        walk = self.state.walk
        step = walk.step if walk.over == over else 0
        step = step % length if length else step
        walk.over, walk.step = over, step + 1
        line = draw(length, step + 1, walk.seed)[-1]
        ordinal = self.samples.ordinal_at(line) if filtered else line
        if ordinal is not None:
            self.samples.go_to(ordinal)

    def action_seed(self) -> None:
        """Choose the seed of the random walk."""
        walk = self.state.walk

        def take(values: list[str] | None) -> None:
            if values:
                walk.seed, walk.step = int(values[0]), 0
                self.action_random()

        from workbench.app.widgets.picker import LineForm

        lines = [("seed", str(walk.seed))]
        form = LineForm("Random walk", lines, does="walk from here", check=_seed_problem)
        self.app.push_screen(form, take)

    # -- bookmarks -------------------------------------------------------------------------

    def action_bookmark(self) -> None:
        """Set the sample aside, or take the star off again."""
        self.once_shown(self._bookmark)

    def _bookmark(self) -> None:
        uid = self.uid
        if uid is None:
            return
        mark = self.bookmarks.get(uid)
        if mark is None:
            self.keep_bookmark(uid, lambda cache: cache.add(uid), "★")
        elif mark.tags or mark.note:
            # Tags and notes are work: one key does not throw them away.
            self._bookmark_tags()
        else:
            self.keep_bookmark(uid, lambda cache: cache.remove(uid), "☆ taken off:")

    def action_bookmark_tags(self) -> None:
        """Bookmark with tags and a note."""
        self.once_shown(self._bookmark_tags)

    def _bookmark_tags(self) -> None:
        uid = self.uid
        if uid is None:
            return
        mark = self.bookmarks.get(uid)
        old = tuple(mark.tags) if mark else ()
        lines = [("tags, by spaces", " ".join(old)), ("note", mark.note if mark else "")]

        def change(cache: Any, tags: list[str], note: str) -> None:
            cache.add(uid, tags, note)
            for tag in old:
                if tag not in tags:
                    cache.remove(uid, tag)
            if mark and mark.note and not note:
                cache.set_note(uid, "")

        def take(values: list[str] | None) -> None:
            if values is not None:
                tags, note = values[0].split(), values[1].strip()
                self.keep_bookmark(uid, lambda cache: change(cache, tags, note), "★")

        from workbench.app.widgets.picker import LineForm

        self.app.push_screen(
            LineForm(
                f"Bookmark {uid}",
                lines,
                does="keep it",
                about="b takes a bare star off",
                check=_tags_problem,
            ),
            take,
        )

    # -- choosing --------------------------------------------------------------------------

    def action_dataset(self) -> None:
        """Choose a dataset and a split, how it is read, and have it here."""
        source = self.browser.source if self.browser else None
        here = f"{source.dataset}/{source.split}" if source else None

        def take(spec: str | None) -> None:
            if spec:
                self.open_dataset(spec)

        from workbench.app.explore.data_picker import DataPicker

        self.app.push_screen(DataPicker(here), take)

    def action_model(self) -> None:
        """Choose a model and an adapter."""

        def work(token: Token) -> None:
            choices = model_choices(self.bench.spec, self.bench.settings.model)
            self.bench.call_soon(self._choose_model, choices)

        self.bench.tasks.run("choices", work)

    def _choose_model(self, choices: list[Choice]) -> None:
        def take(chosen: Any) -> None:
            if chosen is None:
                return
            try:
                typed = isinstance(chosen, str)
                spec = typed_model(chosen, self.bench.spec) if typed else chosen
            except WbError as error:
                self.bench.fail(error)
                return
            before, self.bench.spec = self.bench.spec, spec
            self.refill_prompt(before)
            self.notify(f"asking {clean(self.bench.model_label)} from now on", markup=False)
            if said := server_warning(spec):
                self.notify(said, severity="warning", markup=False)

        from workbench.app.widgets.picker import Picker

        free = "type to narrow, or a folder, a hub id, openai:URL#NAME; --quantization 4bit, ..."
        picker = Picker("Model", choices, current=self.bench.spec, free=free)
        self.app.push_screen(picker, take)

    def on_prompt_panel_choose_template(self, event: PromptPanel.ChooseTemplate) -> None:
        """The button of the template."""
        event.stop()
        self.action_template()

    def action_template(self) -> None:
        """Choose a prompt template, or free text."""
        from workbench.prompts.pool import list_templates

        sample = self.sample
        if sample is None or not self.built:
            return
        try:
            pool = list_templates()
        except WbError as error:
            self.bench.fail(error)
            return
        pool.sort(key=lambda t: t.task != sample.task)
        choices = [Choice("free text", "write your own", "")]
        choices += [
            Choice(t.name, clean(t.text, newlines=False), f"{t.name}@{t.version}") for t in pool
        ]
        now = self.panel.template
        current = f"{now.name}@{now.version}" if now else ""

        def take(name: str | None) -> None:
            if name is None:
                return
            chosen = next((t for t in pool if f"{t.name}@{t.version}" == name), None)
            self.use_template(chosen)

        from workbench.app.widgets.picker import Picker

        self.app.push_screen(Picker("Template", choices, current=current), take)

    def action_run(self) -> None:
        """Choose whose predictions stand beside the samples."""
        source = self.browser.source if self.browser else None
        if source is None:
            return

        def work(token: Token) -> None:
            from sessions.runs import list_runs

            choices = []
            for run in list_runs():
                config = run.config
                if run.kind == "eval" and config.get("dataset") == source.dataset:
                    about = f"{config.get('split')} · {config.get('model')} · {run.state}"
                    choices.append(Choice(run.id, about, run.id))
            self.bench.call_soon(self._choose_run, choices)

        self.bench.tasks.run("choices", work)

    def _choose_run(self, choices: list[Choice]) -> None:
        if not choices:
            self.notify("no run of this dataset yet: e evaluates it", timeout=3)
            return

        def take(run_id: str | None) -> None:
            if run_id:
                self.load_run(run_id)

        from workbench.app.widgets.picker import Picker

        self.app.push_screen(Picker("Run", choices, current=self.run_view.run_id), take)


def _tags_problem(values: list[str]) -> str:
    from sessions.bookmarks import check_tags

    try:
        check_tags(values[0].split())
    except WbError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return ""


def _seed_problem(values: list[str]) -> str:
    try:
        int(values[0])
    except ValueError:
        return f"seed wants a whole number, got {values[0].strip()!r}"
    return ""
