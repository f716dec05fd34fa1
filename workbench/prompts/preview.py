"""One prompt as it would be put: for whoever adds a dataset, before anything is asked.

Guarantee: an image is told by its name, never by its bytes, secrets in URLs are struck out, and a
long text is cut.
"""

from __future__ import annotations

from typing import Any

from sessions.errors import WbError
from sessions.redact import without_secrets
from workbench.data.source import Source
from workbench.prompts.pool import Template, default_template
from workbench.prompts.wording import miscounts
from workbench.sample import ImageRef, Message, Sample

MAX_TEXT = 600  # characters of a prompt that are shown
TRIED = 20  # first samples of which one must be sound


def preview(source: Source) -> dict[str, Any] | None:
    """The default template, filled for the first sound sample of a split; `None` without one.

    Returns:
        `uid`, `template` (its name), `text` (with `[image NAME]` for images), `unseen` (see
        there), `miscounts` (it speaks of another number of images) and `error`,
        where the template does not fit.
    """
    for ordinal in range(min(TRIED, TRIED if source.length is None else source.length)):
        sample = source.at(ordinal)
        if sample.error is None or sample.texts or sample.images:
            break
    else:
        return None
    template = default_template(source.task, sample)
    body: dict[str, Any] = {"uid": sample.uid, "template": template.name}
    body["unseen"] = unseen(template, sample)
    body["miscounts"] = miscounts(template, sample)
    try:
        return body | {"text": _shown(template.render(sample)), "error": None}
    except WbError as error:
        return body | {"text": "", "error": error.message}


def unseen(template: Template, sample: Sample) -> list[str]:
    """The roles of a sample's texts that a template does not show; a caption asked for is none."""
    wanted = {"caption"} if template.task == "caption" else set()
    return [role for role in sample.texts if role not in {*template.shown_slots, *wanted}]


def unseen_of(template: Template, source: Source) -> list[str]:
    """As `unseen`, of the first sample of a source that can be read."""
    for ordinal in range(min(TRIED, TRIED if source.length is None else source.length)):
        try:
            return unseen(template, source.at(ordinal))
        except WbError:
            continue
    return []


def _shown(messages: tuple[Message, ...]) -> str:
    parts = (part for message in messages for part in message.parts)
    text = "\n".join(f"[image {name_of(p)}]" if isinstance(p, ImageRef) else p for p in parts)
    text = without_secrets(text)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def name_of(ref: ImageRef) -> str:
    """What to call an image in a line: its name without folders, never its bytes."""
    name = without_secrets(ref.name) if not ref.name.startswith("data:") else "in the table"
    return name[-80:] or "without a name"
