"""Explore's asking: the question from the panel, the answer as it streams, earlier answers.

Guarantee: one question at a time; Esc ends it within a token. What was asked is on record also
when the user has moved to another sample meanwhile; it is then told by a toast and stands among
the earlier answers of its own sample. Tokens reach the screen at most twenty times a second.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sessions.errors import WbError
from workbench.app.explore.asked import Asked, answer_of, asked_of, messages_of
from workbench.app.explore.history_book import Earlier, HistoryBook
from workbench.app.explore.prompt_filling import PromptFiller
from workbench.app.explore.stream import Stream
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.footer import key_that_restarts
from workbench.errors import Cancelled, EngineError, UsageError
from workbench.serving.protocol import STILL
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.explore.prompt_panel import PromptPanel
    from workbench.app.tasks import Token
    from workbench.playground.ask import Question
    from workbench.sample import Answer

_REDRAW_S = 0.05


class PromptAsker(PromptFiller):
    """What the screen asks."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Asked | None = None
        self.asking = False
        self.asking_uid: str | None = None
        self.book = HistoryBook()
        self.earlier: list[Earlier] = []
        self._recalled = -1
        self._history_of: str | None = None  # whose earlier answers are known
        self._recalls = 0  # wanted while they are being read

    # -- the question ----------------------------------------------------------------------

    def on_prompt_panel_ask(self, event: PromptPanel.Ask) -> None:
        """The button, or Enter in a field."""
        event.stop()
        self.action_ask()

    def action_ask(self) -> None:
        """Ask what stands in the panel about the sample under the cursor."""
        if not self.asking:
            self.once_shown(self._ask_now)

    def _ask_now(self) -> None:
        if self.asking:
            return
        if self.sample is None or self.browser is None:
            self.notify("no sample is open", severity="warning")
            return
        if not self.built:
            return
        problem = self.panel.problem()
        if problem:
            self.bench.fail(UsageError(problem, hint="change it in the prompt panel (p)"))
            return
        panel, sample, source = self.panel, self.sample, self.browser.source
        draft = panel.draft(sample)
        spec, decoding = self.bench.spec, panel.knobs.decoding
        self._begin("asking")

        def work(token: Token) -> None:
            from workbench.playground.ask import draw_shots, question_of

            template, wish = draft.template, draft.wish
            examples = draw_shots(source, 0, 0, sample, wish) if wish else ()
            question = question_of(
                sample,
                spec=spec,
                decoding=decoding,
                template=template,
                text=draft.text,
                system=draft.system,
                shots=examples,
                revision=source.revision,
            )
            asked = Asked(
                uid=sample.uid,
                messages=question.messages,
                spec=spec,
                decoding=decoding,
                template=template.name if template else None,
                text=None if template else draft.text,
                system=draft.system or None,
                shots=len(examples),
            )
            self._converse(token, question, asked)

        self.bench.tasks.run("ask", lambda token: self._guarded(token, work, sample.uid))

    def _begin(self, what: str) -> None:
        self.asking, self.asked, self._recalled = True, None, -1
        self.asking_uid = self.uid
        self.panel.set_asking(True)
        self.answer.begin(what)
        self.answer_began()

    def answer_began(self) -> None:
        """A new answer is on its way; the heat of the old one goes."""

    def _guarded(self, token: Token, work: Any, uid: str) -> None:
        """In the lane: whatever happens, the screen hears that it is over."""
        try:
            try:
                work(token)
            finally:
                self.bench.engine().refresh()
        except Cancelled:
            self.bench.call_soon(self._ended, uid, "cancelled", None)
        except Exception as error:
            why = "cancelled" if token.cancelled else "failed"
            self.bench.call_soon(self._ended, uid, why, None if token.cancelled else error)

    def _converse(self, token: Token, question: Question, asked: Asked) -> None:
        """In the lane: stream the answer and put it on record."""
        from sessions.session_log import current_session
        from workbench.playground.ask import ask
        from workbench.sample import Answer
        from workbench.sample import Token as AnswerToken

        service = self.bench.engine()
        engine = service.client([question.spec])
        service.working()
        stream = Stream(lambda: self.bench.call_soon(self._drain, asked.uid, stream))
        record: PromptRecord | None = None
        answer = Answer("")
        for event in ask(
            engine,
            question,
            log=current_session(),
            cancelled=token,
            on_progress=lambda stage, share: self._loading(asked.uid, stage, share),
        ):
            if isinstance(event, AnswerToken):
                if stream.count == 0:
                    service.working()
                stream.add(event)
            elif isinstance(event, Answer):
                answer = event
            elif event.error:
                self.bench.call_soon(self._broke_off, event)
            else:
                record = event
        if record is not None:
            self.bench.call_soon(self._answered, asked, answer, record)

    def _loading(self, uid: str, stage: str, share: float) -> None:
        """In the lane: the model is being read; where the answer will be says how far."""
        self.bench.engine().progress(stage, share)
        self.bench.call_soon(self._say_loading, uid, stage, share)

    def _say_loading(self, uid: str, stage: str, share: float) -> None:
        if uid == self.uid and self.asking and not self.answer.tokens:
            done = share >= 1
            still = "waiting" if stage.startswith(STILL) else f"loading {share:.0%}"
            self.answer.say(
                "reading the prompt" if done else still,
                "" if done else f"{stage} · esc gives up",
            )

    # -- the answer ------------------------------------------------------------------------

    def _drain(self, uid: str, stream: Stream) -> None:
        """Draw the tokens that came, but not more often than `_REDRAW_S`."""
        wait = stream.drawn + _REDRAW_S - time.monotonic()
        if wait > 0:
            self.set_timer(wait, lambda: self._drain(uid, stream))
            return
        tokens = stream.take()
        if tokens and uid == self.uid and self.asking:
            self.answer.add(tokens, stream.speed)

    def _answered(self, asked: Asked, answer: Answer, record: PromptRecord) -> None:
        self.asking = False
        self.panel.set_asking(False)
        self.book.add(record)
        if asked.uid != self.uid:
            said = clean(answer.text, newlines=False)[:80]
            self.notify(f"{asked.uid}: {said}", title="answered", markup=False)
            return
        self.asked = replace(asked, prompt_id=record.id)
        self.answer.finish(answer, verdict=self._verdict(record))
        self.load_history(asked.uid)
        self.answer_ready()

    def _broke_off(self, record: PromptRecord) -> None:
        """It failed; what was said until then is on record, and stands among the earlier ones."""
        self.book.add(record)
        if record.uid is not None and record.uid == self.uid:
            self.load_history(record.uid)

    def answer_ready(self) -> None:
        """An answer stands on the screen; the heat may follow."""

    def answer_missing(self) -> None:
        """No answer came, or not all of it; what waited for it waits no more."""

    def show_record(self, record: PromptRecord) -> None:
        """Put an answer on record in view; one that failed with its whole reason."""
        failure = record.failure
        if record.error and (hint := record.error.get("hint")):
            failure += f"\n{hint}"
        self.answer.finish(answer_of(record), verdict=self._verdict(record), failure=failure)

    def _verdict(self, record: PromptRecord) -> Text:
        """What the answer was read as, against the label."""
        if record.error or record.target is None or self.sample is None or not self.sample.labels:
            return Text("")
        if record.label is None:
            return Text("? unparsed: no label can be read from it", style="dim")
        right = record.label.casefold() == record.target.casefold()
        style = PALETTE.good if right else PALETTE.bad
        line = Text(f"{'✓' if right else '✗'} read as {clean(record.label)}")
        line.stylize(style)
        if not right:
            line.append(f", label {clean(record.target)}", style="dim")
        return line

    def _ended(self, uid: str, why: str, error: Exception | None) -> None:
        self.asking = False
        self.panel.set_asking(False)
        if uid == self.uid:
            self.answer.stopped(self._how_ended(why, error))
            self.answer_missing()
        if error is not None:
            self.bench.fail(error, "no answer")

    def _how_ended(self, why: str, error: Exception | None) -> str:
        """In the answer's place: that it was cancelled or failed, and what helps."""
        said = ["what was said is on record"] if error is not None and self.answer.tokens else []
        if isinstance(error, EngineError) and error.kind == "engine_died":
            why = "the engine died"
            if key := key_that_restarts(self.answer):
                said.append(f"{key} starts it again")
        return " · ".join([why, *said])

    def cancel_ask(self) -> bool:
        """End the generation; whether there was one."""
        if not self.asking:
            return False
        self.bench.tasks.cancel("ask")
        self.answer.say("cancelling")
        return True

    # -- earlier answers -------------------------------------------------------------------

    def load_history(self, uid: str) -> None:
        """Show what was answered on a UID before."""
        book = self.book
        self._history_of, self._recalls = None, 0

        def work(token: Token) -> None:
            try:
                found = list(book.of(uid, token))
            except WbError:
                found = []
            if not token.cancelled:
                self.bench.call_soon(self._take_history, uid, found)

        self.bench.tasks.run("history", work)

    def _take_history(self, uid: str, found: list[Earlier]) -> None:
        if uid == self.uid and self.built:
            self.earlier = found
            self.history.show(found)
            self._history_of = uid
            for _ in range(self._recalls):
                self._recall()

    def action_recall(self) -> None:
        """Put an earlier answer back in view, one further back each time."""
        self.once_shown(self._recall)

    def _recall(self) -> None:
        if self._history_of != self.uid:
            self._recalls += 1  # they are still being read
            return
        if self.asking or not self.earlier or self.sample is None:
            if not self.earlier:
                self.notify("no earlier answer on this sample", timeout=2)
            return
        self._recalled = (self._recalled + 1) % len(self.earlier)
        record = self.earlier[self._recalled].record
        messages = messages_of(record, self.sample)
        self.answer_began()
        self.show_record(record)
        number = f"{self._recalled + 1} of {len(self.earlier)} earlier"
        when = self.earlier[self._recalled].when
        self.notify(f"{number}: {when} {record.model}", timeout=2, markup=False)
        self.asked = None
        if messages is not None:
            self.asked = asked_of(record, messages, self.bench.spec)
            self.answer_ready()
