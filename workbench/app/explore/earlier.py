"""Explore's earlier answers: those on the sample in view, and one of them put back in view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.asked import asked_of, messages_of, note_on, show_record
from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.history_book import Earlier, HistoryBook
from workbench.app.explore.messages import AnswerBegan, AnswerReady, RunAnswerWanted

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.tasks import CancelToken


class EarlierAnswers(Controller):
    """What was answered on a sample before."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._book = HistoryBook()
        self.answers: list[Earlier] = []
        self._answers_of: str | None = None  # whose earlier answers are known
        self._wanted = 0  # times that one was wanted while they are being read
        self.recalled = -1
        self._in_view = ""  # the record of the answer in view: it is no earlier one

    def take(self, records: Iterable[PromptRecord]) -> None:
        """Answers were put on record."""
        about = set()
        for record in records:
            self._book.add(record)
            about.add(record.uid)
            if not record.sweep:  # of a grid's answers none is in view, or one that is chosen
                self._in_view = record.id
        if self.view.uid is not None and self.view.uid in about:
            self._load(self.view.uid)

    def follow(self, uid: str) -> None:
        """Another sample is in view."""
        self.recalled, self.answers, self._in_view = -1, [], ""
        self.widgets.history.show([])
        self._load(uid)

    def _load(self, uid: str) -> None:
        book = self._book
        self._answers_of, self._wanted = None, 0

        def work(token: CancelToken) -> None:
            try:
                found = list(book.of(uid))
            except WbError:
                found = []
            if not token.cancelled:
                self.bench.call_soon(self._take, uid, found)

        self.bench.tasks.run("history", work)

    def _take(self, uid: str, found: list[Earlier]) -> None:
        if uid == self.view.uid and self.view.built:
            self.answers = found
            self.show()
            self._answers_of = uid
            for _ in range(self._wanted):
                self.recall()

    def show(self) -> None:
        """List them; the one in view stands above already."""
        if self.view.built:
            self.widgets.history.show([one for one in self._all() if not self._stands(one)])

    def _all(self) -> list[Earlier]:
        """Those of sessions, then that of the run beside the list."""
        run, line = self.view.run, self.view.run.lines.get(self.view.uid or "")
        return (
            self.answers
            if line is None
            else [*self.answers, Earlier("in", run.title, run.template, line.said)]
        )

    def _stands(self, one: Earlier) -> bool:
        """Whether it is the answer in view."""
        if one.record is None:
            return self.view.recorded is not None
        return one.record.id == self._in_view

    def began(self) -> None:
        """Another answer is on its way."""
        self.recalled, self._in_view = -1, ""

    def _other_template(self, record: PromptRecord) -> str:
        """Of what wording it is the answer, where that is not the one in the prompt panel."""
        panel = self.widgets.panel
        present = panel.template.name if panel.template and not panel.free else None
        if record.template == present:
            return ""
        return f"asked by template {record.template}" if record.template else "asked in free text"

    def recall(self) -> None:
        """Put an earlier answer back in view, one further back each time."""
        view = self.view
        if self._answers_of != view.uid:
            self._wanted += 1  # they are still being read
            return
        answers = self._all()
        others = [n for n, one in enumerate(answers) if not self._stands(one)]
        if view.asking is not None or not others or view.sample is None:
            if not others:
                self.bench.notify("no earlier answer on this sample", timeout=2)
            return
        # One further back each time, round and round.
        self.recalled = next((n for n in others if n > self.recalled), others[0])
        earlier = answers[self.recalled]
        view.asked, self._in_view = None, earlier.record.id if earlier.record else ""
        self.post(AnswerBegan())
        number = f"{self.recalled + 1} of {len(answers)} on this sample"
        if earlier.record is None:
            self.post(RunAnswerWanted())
            self.show()
            self.bench.notify(f"{number}: {earlier.model}", timeout=2, markup=False)
            return
        messages = messages_of(earlier.record, view.sample)
        notes = (self._other_template(earlier.record), note_on(earlier.record, view.source))
        show_record(self.widgets.answer, earlier.record, "\n".join(filter(None, notes)))
        self.show()
        said = f"{number}: {earlier.when} {earlier.record.model}"
        self.bench.notify(said, timeout=2, markup=False)
        if messages is not None:
            try:
                view.asked = asked_of(earlier.record, messages, view.sample, self.bench.spec)
            except WbError as error:  # a record that was edited, or of another version
                self.bench.fail(error, "this answer cannot be explained")
                return
            self.post(AnswerReady())
