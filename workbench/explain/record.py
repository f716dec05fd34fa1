"""An explanation as the session log keeps it. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sessions.records import GradcamRecord


def gradcam_record(
    reply: Mapping[str, Any],
    *,
    uid: str | None,
    prompt_id: str | None = None,
    dataset_revision: str | None = None,
    revision: str | None = None,
    messages: Sequence[Mapping[str, Any]] = (),
) -> GradcamRecord:
    """The line for one explained token.

    The heat itself is left out (it is made again in a moment, and would be most of the file);
    grid, peak, size and scale stay.

    Args:
        reply: As `workbench.explain.request.explain_request` gives it.
        uid: The sample.
        prompt_id: The `PromptRecord` whose answer it explains.
        dataset_revision: Of the sample's dataset.
        revision: Of a hub model.
        messages: The prompt as the record holds it, images by hash.
    """
    return GradcamRecord(
        uid=uid,
        prompt_id=prompt_id,
        dataset_revision=dataset_revision,
        model=str(reply.get("model") or ""),
        revision=revision,
        identity=reply.get("identity"),
        adapter=reply.get("adapter"),
        quantization=str(reply.get("quantization") or "none"),
        dtype=str(reply.get("dtype") or "auto"),
        messages=tuple(messages),
        answer_text=str(reply.get("answer") or ""),
        token=int(reply["token"]),
        token_text=str(reply.get("token_text") or ""),
        method=str(reply["method"]),
        layer=str(reply["layer"]),
        target=reply.get("target"),
        contrast=reply.get("contrast"),
        head=reply.get("head"),
        images=tuple({k: v for k, v in i.items() if k != "heat"} for i in reply["images"]),
        timing={"total_s": reply.get("seconds", 0.0)},
    )
