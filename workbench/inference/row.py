"""One request under way: what it has said so far, and whether it is done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.errors import ModelError
from workbench.inference.decoding import Decoding
from workbench.sample import Answer, CoordinateFrame, Timing, Token

if TYPE_CHECKING:
    import torch

Cancelled = Callable[[], bool]
_PARTIAL = "\ufffd"  # what a tokenizer writes for the first bytes of a character


def not_a_number() -> ModelError:
    """What a model that computes NaN is told as; it has no answer."""
    return ModelError(
        "the model computed no number (NaN) for its next token: there is no answer",
        hint="use --dtype bf16 or fp32 if it was fp16; else its weights, or its adapter's, are bad",
        kind="non_finite",
    )


class RunningText:
    """Text that grows token by token, decoded in windows so that each step costs the same."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._prefix, self._read = 0, 0
        self.text = ""

    def push(self, token_id: int) -> None:
        """Add a token; bytes of an unfinished character wait."""
        self._ids.append(token_id)
        before = self._decode(self._ids[self._prefix : self._read])
        after = self._decode(self._ids[self._prefix :])
        if len(after) > len(before) and not after.endswith(_PARTIAL):
            self.text += after[len(before) :]
            self._prefix, self._read = self._read, len(self._ids)

    def whole(self) -> str:
        """All tokens decoded together, unfinished characters included."""
        return self._decode(self._ids)

    def _decode(self, ids: Sequence[int]) -> str:
        if not ids:
            return ""
        return self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


class BatchRow:
    """A request's knobs, random state and answer so far."""

    def __init__(
        self,
        tokenizer: Any,
        end_ids: Sequence[int],
        decoding: Decoding,
        prompt_ids: Sequence[int],
        *,
        cancelled: Cancelled | None = None,
        started: float | None = None,
    ) -> None:
        """Begin a request.

        Args:
            tokenizer: Decodes the answer.
            end_ids: Tokens that end the turn; they are not part of the answer.
            decoding: The knobs.
            prompt_ids: What the model has read, without padding.
            cancelled: Asked before every token.
            started: `time.perf_counter()` when the request came in.
        """
        from workbench.inference.sampler import Sampler

        self.decoding = decoding
        self.sampler = Sampler(decoding)
        self.finish: str | None = None
        self.failure: WbError | None = None
        self.label_scores: Mapping[str, float] | None = None
        self.head: Mapping[str, float] | None = None
        self.frames: tuple[CoordinateFrame, ...] = ()
        self.load_s = 0.0
        self.tokens: list[Token] = []
        self._cancelled = cancelled or (lambda: False)
        self._end_ids = frozenset(end_ids)
        self._prompt_ids = list(prompt_ids)
        self._running = RunningText(tokenizer)
        self._offsets: list[int] = []
        self._cut: int | None = None
        self._started = time.perf_counter() if started is None else started
        self._first_s = 0.0
        self._last_s = 0.0

    @property
    def columns(self) -> int:
        """Tokens of the prompt, and of the longest answer that may follow."""
        return len(self._prompt_ids) + self.decoding.max_new_tokens

    def history(self, device: torch.device) -> torch.Tensor | None:
        """Ids so far (n,), prompt included, where the knobs look at them."""
        if not self.sampler.wants_history:
            return None
        import torch

        return torch.tensor([*self._prompt_ids, *(t.id for t in self.tokens)], device=device)

    def take(self, token_id: int, make: Callable[[], Token]) -> Token | None:
        """Take the next token in, or end; returns it where it is part of the answer."""
        now = time.perf_counter() - self._started
        self._first_s, self._last_s = self._first_s or now, now
        if self._cancelled():
            self.finish = "cancelled"
            return None
        token = make()
        if token.logprob is not None and math.isnan(token.logprob):
            # Before the end of turn: the "best" of NaNs is token 0, which may well be one.
            self.finish, self.failure = "error", not_a_number()
            return None
        if token_id in self._end_ids:
            self.finish = "stop"
            return None
        self._offsets.append(len(self._running.text))
        self.tokens.append(token)
        self._running.push(token_id)
        if self._stopped():
            self.finish = "stop"
        elif len(self.tokens) >= self.decoding.max_new_tokens:
            self.finish = "length"
        return token

    def _stopped(self) -> bool:
        if not self.decoding.stop:
            return False
        text = self._running.text
        # A stop string may straddle tokens: look from where its start could still have been.
        start = max(0, self._offsets[-1] - max(map(len, self.decoding.stop)) + 1)
        found = [at for s in self.decoding.stop if (at := text.find(s, start)) >= 0]
        self._cut = min(found, default=None)
        return self._cut is not None

    def visible(self) -> str:
        """The text so far that no later token can take back: short of a stop string's start."""
        if self._cut is not None:
            return self._running.text[: self._cut]
        if self.finish is not None:
            return self._running.whole()
        text = self._running.text
        held = 0
        for stop in self.decoding.stop:
            for size in range(min(len(stop) - 1, len(text)), held, -1):
                if text.endswith(stop[:size]):
                    held = size
                    break
        return text[: len(text) - held]

    def answer(self) -> Answer:
        """The answer, whole where `finish` is set. Raises `ModelError` where there can be none."""
        if self.failure is not None:
            raise self.failure
        tokens = self.tokens
        if self._cut is not None:
            pairs = zip(tokens, self._offsets, strict=True)
            tokens = [token for token, offset in pairs if offset < self._cut]
        return Answer(
            text=self.visible(),
            tokens=tuple(tokens),
            finish_reason=self.finish or "error",
            prompt_tokens=len(self._prompt_ids),
            timing=Timing(self.load_s, self._first_s, self._last_s),
            label_scores=self.label_scores,
            head=self.head,
            frames=self.frames,
        )
