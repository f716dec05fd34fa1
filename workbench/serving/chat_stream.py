"""Answers in OpenAI's words: whole, or as the server-sent events of a stream.

Guarantee: pure; what is said of a stream so far decides what the next event holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workbench.sample import Answer, Token
from workbench.serving.engine_request import Event, LoadStage
from workbench.serving.protocol import ChatRequest, answer_json, token_json

WAITING = ": waiting\n\n"


def sse(body: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


class ChatStream:
    """What a streamed chat has said so far, and the next of it as server-sent events."""

    def __init__(self, wanted: ChatRequest, head: dict[str, Any]) -> None:
        self.head = head
        self.answers: list[Answer] = []
        self._wanted = wanted
        self._shown: dict[int, str] = {}
        self._signed: set[int] = set()

    def begin(self, index: int) -> str:
        """Whose turn it is."""
        self._shown[index] = ""
        return sse(self._chunk(index, {"role": "assistant", "content": ""}))

    def event(self, index: int, event: Event, visible: str, answered_by: Mapping[str, Any]) -> str:
        """One event of the worker.

        Args:
            index: Which of the answers.
            event: What came.
            visible: The text of the answer up to it.
            answered_by: As `Answer.answered_by`; told with the first token, so that an answer
                which is cut short says so too, and again with the whole answer.
        """
        if isinstance(event, LoadStage):
            return self.progress(event)
        shown = self._shown[index]
        if isinstance(event, Token):
            entry = {"content": [token_json(event)]} if self._wanted.logprobs else None
            self._shown[index] = visible
            chunk = self._chunk(index, {"content": visible[len(shown) :]}, logprobs=entry)
            if index not in self._signed:
                self._signed.add(index)
                chunk |= signature(answered_by) | {"wb": {"answered_by": answered_by}}
            return sse(chunk)
        if not isinstance(event, Answer):
            return ""
        self.answers.append(event)
        rest = event.text[len(shown) :]
        more: dict[str, Any] = {"finish_reason": _finish(event)}
        if self._wanted.logprobs and self._wanted.decodings[index].num_beams > 1:
            more["logprobs"] = {"content": [token_json(t) for t in event.tokens]}
        last = self._chunk(index, {"content": rest} if rest else {}, **more)
        own = {"answer": answer_json(event), "index": index, "answered_by": answered_by}
        return sse(last | signature(answered_by) | {"wb": own})

    def progress(self, event: LoadStage) -> str:
        """How far a load is, or that nothing gets on, for those who asked to be told."""
        told = {"progress": {"stage": event.stage, "share": event.share}}
        # Other clients look into `choices[0]` of whatever comes.
        body = self.head | {"choices": [], "wb": told}
        return sse(body) if self._wanted.progress else WAITING

    def _chunk(self, index: int, delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        return self.head | {"choices": [choice | more]}


def choice(index: int, answer: Answer, wanted: ChatRequest) -> dict[str, Any]:
    """One choice of a completion that is not streamed."""
    return {
        "index": index,
        "message": {"role": "assistant", "content": answer.text, "refusal": None},
        "logprobs": {"content": [token_json(t) for t in answer.tokens]}
        if wanted.logprobs
        else None,
        "finish_reason": _finish(answer),
        "wb": answer_json(answer),
    }


def signature(answered_by: Mapping[str, Any]) -> dict[str, str | None]:
    """Which weights answered, as OpenAI's protocol says it; `None` before they have."""
    identity = str(answered_by.get("identity") or "")
    return {"system_fingerprint": f"wb-{identity[:16]}" if identity else None}


def _finish(answer: Answer) -> str:
    # OpenAI has no word for an answer that its own client broke off.
    return answer.finish_reason if answer.finish_reason in ("stop", "length") else "stop"


def usage(answers: list[Answer]) -> dict[str, int]:
    """Tokens of the prompt, and of all answers to it."""
    prompt = answers[0].prompt_tokens if answers else 0
    new = sum(len(answer.tokens) for answer in answers)
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}
