"""Explore's asking: the question from the panel, the answer as it streams.

Guarantee: one question at a time; Esc ends it within a token. What was asked is on record also
when the user has moved to another sample meanwhile; it is then told by a toast and stands among
the earlier answers of its own sample. Tokens reach the screen at most twenty times a second.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.app.explore.asked import Asked, note_on, places_of_record, verdict_line
from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import AnswerBegan, AnswerMissing, AnswerReady, AnswerRecorded
from workbench.app.explore.stream import Stream
from workbench.app.explore.written_on import native
from workbench.app.widgets.footer import key_that_restarts
from workbench.errors import Cancelled, EngineError, UsageError
from workbench.serving.protocol import STILL
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.tasks import CancelToken
    from workbench.sample import Answer

_REDRAW_S = 0.05


class PromptAsker(Controller):
    """What the screen asks."""

    def ask(self) -> None:
        """Ask what stands in the panel about the sample in view."""
        view, panel = self.view, self.widgets.panel
        if view.asking is not None:
            return
        if view.sample is None or view.source is None:
            self.bench.notify("no sample is open", severity="warning")
            return
        if not view.built:
            return
        if problem := panel.problem():
            self.bench.fail(UsageError(problem, hint="change it in the prompt panel (p)"))
            return
        sample, source = view.sample, view.source
        draft = panel.draft(sample)
        if other := panel.of_another:
            said = f"asked in the words of {native(other)}: t puts those of this sample in"
            self.bench.notify(said, severity="warning", markup=False, timeout=6)
        spec, decoding = self.bench.spec, panel.knobs.decoding
        self._begin(sample.uid)

        def work(token: CancelToken) -> None:
            from workbench.playground.question import question_about

            question = question_about(
                sample,
                source=source,
                spec=spec,
                decoding=decoding,
                template=draft.template,
                text=None if draft.template else draft.text,
                system=None if draft.template else draft.system,
                wish=draft.wish,
            )
            self._converse(token, Asked(question))

        self.bench.tasks.run("ask", lambda token: self._guarded(token, work, sample.uid))

    def _begin(self, uid: str) -> None:
        self.view.asking, self.view.asked = uid, None
        self.widgets.panel.set_asking(True)
        self.widgets.answer.begin("asking")
        self.post(AnswerBegan(asked=True))

    def _guarded(self, token: CancelToken, work: Any, uid: str) -> None:
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

    def _converse(self, token: CancelToken, asked: Asked) -> None:
        """In the lane: stream the answer and put it on record."""
        from sessions.session_log import current_session
        from workbench.playground.ask import ask
        from workbench.sample import Answer, Token

        service = self.bench.engine()
        engine = service.client([asked.spec])
        service.working()
        stream = Stream(lambda: self.bench.call_soon(self._drain, asked.uid, stream))
        record: PromptRecord | None = None
        answer = Answer("")
        for event in ask(
            engine,
            asked.question,
            log=current_session(),
            cancelled=token,
            on_progress=lambda stage, share: self._loading(asked.uid, stage, share),
        ):
            if isinstance(event, Token):
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
        answer = self.widgets.answer
        if uid == self.view.uid and self.view.asking is not None and not answer.tokens:
            done = share >= 1
            still = "waiting" if stage.startswith(STILL) else f"loading {share:.0%}"
            answer.say(
                "reading the prompt" if done else still,
                "" if done else f"{stage} · esc gives up",
            )

    # -- the answer ------------------------------------------------------------------------

    def _drain(self, uid: str, stream: Stream) -> None:
        """Draw the tokens that came, but not more often than `_REDRAW_S`."""
        wait = stream.drawn + _REDRAW_S - time.monotonic()
        if wait > 0:
            self.bench.set_timer(wait, lambda: self._drain(uid, stream))
            return
        tokens = stream.take()
        if tokens and uid == self.view.uid and self.view.asking is not None:
            self.widgets.answer.add(tokens, stream.speed)

    def _answered(self, asked: Asked, answer: Answer, record: PromptRecord) -> None:
        self._over()
        self.post(AnswerRecorded((record,)))
        if asked.uid != self.view.uid:
            said = clean(answer.text, newlines=False)[:80]
            self.bench.notify(f"{asked.uid}: {said}", title="answered", markup=False)
            return
        images = len(self.view.sample.images) if self.view.sample else 1
        places = places_of_record(record, images)
        self.view.asked = replace(asked, prompt_id=record.id, places=places)
        note = note_on(record, self.view.source)
        self.widgets.answer.finish(answer, verdict=verdict_line(record), note=note)
        self.post(AnswerReady())

    def _broke_off(self, record: PromptRecord) -> None:
        """It failed; what was said until then is on record, and stands among the earlier ones."""
        self.post(AnswerRecorded((record,)))

    def _ended(self, uid: str, why: str, error: Exception | None) -> None:
        self._over()
        if uid == self.view.uid:
            self.widgets.answer.stopped(*self._how_ended(why, error))
            self.post(AnswerMissing())
        if error is not None:
            self.bench.fail(error, "no answer")

    def _how_ended(self, why: str, error: Exception | None) -> tuple[str, str]:
        """In the answer's place: that it was cancelled or failed and what helps, and the reason."""
        answer = self.widgets.answer
        said = ["what was said is on record"] if error is not None and answer.tokens else []
        if isinstance(error, EngineError) and error.kind == "engine_died":
            why = "the engine died"
            if key := key_that_restarts(answer):
                said.append(f"{key} starts it again")
        elif error is not None:
            reason = str(getattr(error, "message", "") or error or type(error).__name__)
            if not answer.tokens:
                return "", "\n".join(filter(None, [reason, getattr(error, "hint", None)]))
            why = f"failed: {reason}"  # below the text, which may be long
        return " · ".join([why, *said]), ""

    def _over(self) -> None:
        self.view.asking = None
        self.widgets.panel.set_asking(False)

    def cancel(self) -> bool:
        """End the generation; whether there was one."""
        if self.view.asking is None:
            return False
        self.bench.tasks.cancel("ask")
        self.widgets.answer.say("cancelling")
        return True
