"""Ask the engine: answers, heatmaps, loading; a model elsewhere is asked by the same calls.

Guarantee: torch-free, and httpx is imported with the first call; an engine that dies on the way
gives an `EngineError` of kind `engine_died` whose hint says how to go on, never a hang. Safe to
use from several threads at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.inference.decoding import Decoding
from workbench.models.remote_model import is_remote, refuse_weights
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, ImageRef, Message, Timing, Token
from workbench.serving.connection import Cancelled, Connection, OnProgress
from workbench.serving.protocol import (
    FeatureReply,
    absolute,
    chat_body,
    data_url,
    messages_json,
    read_answer,
    read_token,
)

if TYPE_CHECKING:
    from workbench.serving.remote.client import RemoteEngine


class Engine(Connection):
    """A connected engine, and the servers elsewhere that a model's name names.

    Attributes:
        pid: Its process; 0 where none was needed, since all that is asked is elsewhere.
    """

    def __init__(self, pid: int = 0) -> None:
        super().__init__(pid)
        self._remote: RemoteEngine | None = None

    # -- asking -------------------------------------------------------------------------------

    def chat(
        self,
        messages: Sequence[Message],
        spec: ModelSpec,
        decoding: Decoding,
        *,
        labels: Sequence[str] | None = None,
        cancelled: Cancelled | None = None,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Token | Answer]:
        """Tokens as they come, then the whole `Answer`.

        Closing the iterator, or `cancelled` turning true, stops the generation within a token;
        the latter still gives an answer of what was said, with finish reason `cancelled`.

        Args:
            messages: The conversation; images are sent as bytes.
            spec: The model and adapter; loaded or swapped to where it is not at hand.
            decoding: The knobs.
            labels: Words to score.
            cancelled: Asked at least twice a second.
            on_progress: Told the stage and share of a load.

        Raises:
            ImageError, PromptTooLong, UnknownName, ModelError, ...: As in process.
            EngineError: The engine is gone or refuses.
        """
        if is_remote(spec.model):
            yield from self.remote().chat(
                *(messages, spec, decoding),
                labels=labels,
                cancelled=cancelled,
                on_progress=on_progress,
            )
            return
        started = time.perf_counter()
        body = chat_body(messages, spec, decoding, labels)
        tokens: list[Token] = []
        answered_by: dict[str, Any] = {}
        for event in self._events("/v1/chat/completions", body, cancelled):
            if event is None:
                break
            own = event.get("wb") or {}
            answered_by = own.get("answered_by") or answered_by
            if progress := own.get("progress"):
                if on_progress is not None:
                    on_progress(progress["stage"], progress["share"])
                continue
            for choice in event.get("choices", ()):
                for entry in (choice.get("logprobs") or {}).get("content") or ():
                    tokens.append(read_token(entry))
                    if decoding.num_beams == 1:
                        yield tokens[-1]
            if answer := own.get("answer"):
                yield replace(read_answer(answer, tokens), answered_by=answered_by)
                return
        spent = time.perf_counter() - started
        yield Answer(
            "".join(token.text for token in tokens),
            tuple(tokens),
            "cancelled",
            timing=Timing(total_s=spent),
            answered_by=answered_by,
        )

    def explain(
        self,
        messages: Sequence[Message],
        answer_text: str,
        spec: ModelSpec,
        *,
        token: int | str | Sequence[int] = 0,
        cancelled: Cancelled | None = None,
        on_progress: OnProgress | None = None,
        **knobs: Any,
    ) -> dict[str, Any]:
        """A heatmap for a token of an answer, as `wb gradcam --json` prints it.

        Args:
            messages: The conversation that was answered.
            answer_text: What was answered.
            spec: The model that answered.
            token: Which token of the answer, several, or `"all"`.
            cancelled: Asked at least twice a second.
            on_progress: Told the stage and share of a load.
            knobs: `method`, `layer`, `target`, `contrast`, `answer_ids`, ... of
                `workbench.explain`; those that are `None` are left to their defaults.

        Raises:
            Cancelled: `cancelled` said so.
            ModelError: The model is elsewhere, which keeps its weights to itself.
            WbError: As `workbench.explain` raises; `EngineError` where the engine is gone.
        """
        refuse_weights(spec, "a heatmap")
        body = {
            "spec": absolute(spec).to_json(),
            "messages": messages_json(messages),
            "answer_text": answer_text,
            "token": token,
            **{key: value for key, value in knobs.items() if value is not None},
        }
        return self._result("/wb/explain", body, cancelled, on_progress)

    def features(
        self,
        images: Sequence[ImageRef],
        spec: ModelSpec,
        *,
        cancelled: Cancelled | None = None,
        on_progress: OnProgress | None = None,
    ) -> FeatureReply:
        """What the model's vision tower makes of each picture, one vector for each.

        Args:
            images: 1 to 256; sent as bytes.
            spec: The model, with its adapter.
            cancelled: Asked at least twice a second.
            on_progress: Told the stage and share of a load.

        Raises:
            Cancelled: `cancelled` said so.
            ImageError: A picture's bytes cannot be had.
            ModelError: The model is elsewhere, or has no vision tower that is known here.
            EngineError: The engine is gone.
        """
        refuse_weights(spec, "image features")
        body = {"spec": absolute(spec).to_json(), "images": [data_url(ref) for ref in images]}
        return FeatureReply.from_json(self._result("/wb/features", body, cancelled, on_progress))

    # -- elsewhere ----------------------------------------------------------------------------

    def remote(self) -> RemoteEngine:
        """Who asks the servers elsewhere; connected to none before it is asked."""
        if self._remote is None:
            from workbench.serving.remote.client import RemoteEngine

            self._remote = RemoteEngine()
        return self._remote

    def close(self) -> None:
        """Drop the connections; the engine stays."""
        remote, self._remote = self._remote, None
        if remote is not None:
            remote.close()
        super().close()

    # -- looking after it ---------------------------------------------------------------------

    def load(
        self,
        spec: ModelSpec,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        adapters: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Load a model or swap an adapter now; returns what `status()["model"]` says of it.

        Args:
            spec: What to load; its adapter is on afterwards.
            on_progress: Told what is being done and the share.
            cancelled: Asked at least twice a second; nothing is loaded then.
            adapters: (name, folder or run) of each to be kept beside it, so that a request for
                one reads no file; an empty name leaves it its folder.
        """
        refuse_weights(spec, "loading")
        kept = [
            {"name": name, "path": absolute(replace(spec, adapter=path)).adapter}
            for name, path in adapters
        ]
        body = {"spec": absolute(spec).to_json(), "adapters": kept}
        return self._result("/wb/load", body, cancelled, on_progress)["model"]

    def release_gpu(self) -> None:
        """Let the model go after what is under way; the next request loads it again."""
        self._result("/wb/release", {}, None, None)

    def models(self) -> list[str]:
        """Names that can be asked for."""
        return [model["id"] for model in self._json("GET", "/v1/models")["data"]]

    def cancel(self, request_id: str) -> bool:
        """Stop a request by its id; whether there was one."""
        return bool(self._json("POST", f"/wb/cancel/{request_id}")["cancelled"])
