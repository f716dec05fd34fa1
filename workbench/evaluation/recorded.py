"""The answers that an evaluation need not ask for, since they are on record, and those it leaves.

Guarantee: an answer is taken for the very question alone (`answer_key`), and kept only where the
pictures are the same before and after it was asked. A record that cannot be read or written costs
answers and ends no run: `problem` says what was wrong. Not for models elsewhere, whose weights
nobody here knows, nor for weights that change (training), nor for a model that was handed in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.kept_answers import KeptAnswers, bound_bytes
from workbench.evaluation.answer_key import answer_key, scope_digest, scope_of
from workbench.sample import Answer, CoordinateFrame, ImageRef

if TYPE_CHECKING:
    from workbench.evaluation.lines import Prompter
    from workbench.inference.decoding import Decoding
    from workbench.models.base import LoadedModel

Asked = Sequence[tuple[Any, "Decoding"]]


class AnswerRecord:
    """What is on record of the answers of one loaded model.

    Attributes:
        problem: Why it could not be used, empty where it could.
        reads: Whether answers are taken; otherwise they are only kept.
    """

    def __init__(self, loaded: LoadedModel, prompter: Prompter, *, reads: bool = True) -> None:
        """Open the record.

        Args:
            loaded: The model, as it was loaded from its files.
            prompter: Knows the pictures.
            reads: Take answers that are there.
        """
        self.problem = ""
        self.reads = reads
        self._images = prompter.images
        # Examples stand before every question; what is held in memory is hashed once.
        shots = [ref for shot in prompter.shots for ref in shot.images if ref.path is None]
        self._held: dict[int, tuple[ImageRef, str]] = {
            id(ref): (ref, self._images.of_image(ref)) for ref in shots
        }
        scope = scope_of(loaded)
        self._scope, self._facts = scope_digest(scope), json.dumps(scope)
        self._store: KeptAnswers | None = None
        try:
            self._store = KeptAnswers.open()
            self.reads = reads and self._store.holds(self._scope)
        except WbError as error:
            self._failed(error)

    def keys(self, asked: Asked, words: Sequence[str]) -> list[str | None]:
        """The key of each question; `None` where a picture cannot be read or is at a URL."""
        if self._store is None:
            return [None] * len(asked)
        return [
            answer_key(self._scope, conversation, knobs, words, self._image)
            for conversation, knobs in asked
        ]

    def find(self, keys: Sequence[str | None]) -> list[Answer | None]:
        """The answers on record, in the order of the keys."""
        if self._store is None or not self.reads:
            return [None] * len(keys)
        try:
            found = self._store.find(key for key in keys if key is not None)
        except WbError as error:
            self._failed(error)
            return [None] * len(keys)
        return [_answer(found[key]) if key in found else None for key in keys]

    def keep(
        self,
        asked: Asked,
        words: Sequence[str],
        keys: Sequence[str | None],
        answers: Sequence[Answer | WbError],
    ) -> None:
        """Keep the answers to questions whose keys were taken before they were asked."""
        if self._store is None:
            return
        bodies: dict[str, str] = {}
        for key, answer, again in zip(keys, answers, self.keys(asked, words), strict=True):
            body = _body(answer)
            if key is not None and key == again and body is not None:
                bodies[key] = body
        try:
            self._store.keep(self._scope, self._facts, bodies)
        except WbError as error:
            self._failed(error)

    def close(self) -> None:
        """Hold the record to its bound, and close it."""
        if self._store is None:
            return
        try:
            self._store.trim()
        except WbError as error:
            self._failed(error)
        else:
            self._store.close()
            self._store = None

    def _image(self, ref: ImageRef) -> str:
        known = self._held.get(id(ref))
        return known[1] if known is not None else self._images.of_image(ref)

    def _failed(self, error: WbError) -> None:
        self.problem = error.message
        if self._store is not None:
            self._store.close()
        self._store = None


def record_of(
    loaded: LoadedModel, prompter: Prompter, *, fresh: bool = False
) -> AnswerRecord | None:
    """The record of a model that was just loaded, `None` where none is kept.

    Args:
        loaded: The model.
        prompter: How it is asked.
        fresh: Ask everything again; what is answered replaces what is on record.
    """
    # Files that changed since they were read are not what is in memory.
    if not bound_bytes() or loaded.stale:
        return None
    return AnswerRecord(loaded, prompter, reads=not fresh)


def _body(answer: Answer | WbError) -> str | None:
    """An answer as JSON, `None` for what is none: a failure, one that was broken off."""
    if isinstance(answer, WbError) or answer.finish_reason not in ("stop", "length"):
        return None
    body = {
        "text": answer.text,
        "tokens": answer.new_tokens,
        "prompt_tokens": answer.prompt_tokens,
        "finish_reason": answer.finish_reason,
        "label_scores": dict(answer.label_scores) if answer.label_scores is not None else None,
        "head": dict(answer.head) if answer.head is not None else None,
        "frames": [frame.to_json() for frame in answer.frames],
    }
    try:
        return json.dumps(body, allow_nan=False)
    except ValueError:
        return None


def _answer(body: dict[str, Any]) -> Answer | None:
    try:
        return Answer(
            text=str(body["text"]),
            counted=int(body["tokens"]),
            prompt_tokens=int(body["prompt_tokens"]),
            finish_reason=str(body["finish_reason"]),
            label_scores=body["label_scores"],
            head=body["head"],
            frames=tuple(CoordinateFrame.from_json(frame) for frame in body["frames"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
