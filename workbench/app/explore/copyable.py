"""What stands in Explore and can be copied, by name: the answer first, then prompt and sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.explore.controller import InView
    from workbench.app.explore.widgets import ExploreWidgets
    from workbench.sample import Sample


def copyable(view: InView, widgets: ExploreWidgets) -> dict[str, str]:
    """Each text in view by its name; without what is empty, or not there yet.

    The texts are as the model, the user or the data wrote them.
    """
    if view.sample is None or not view.built:
        return {}
    answer, panel = widgets.answer, widgets.panel
    said = answer.answer.text if answer.answer else "".join(t.text for t in answer.tokens)
    found = {"answer": said, "prompt": panel.text, "system prompt": panel.system}
    found |= dict(_of_sample(view.sample))
    recorded = view.run.lines.get(view.sample.uid)
    found["answer of the run"] = recorded.text if recorded else ""
    found["UID"] = view.sample.uid
    return {name: text for name, text in found.items() if text.strip()}


def _of_sample(sample: Sample) -> Iterator[tuple[str, str]]:
    taken = {"answer", "prompt", "system prompt"}
    for role, text in sample.texts.items():
        yield (f"{role} of the sample" if role in taken else role), text
    yield "label", sample.label or ""
    for number, why in enumerate(sample.explanations, 1):
        yield ("why" if number == 1 else f"why {number}"), why
    others = [text for text in sample.references if text != sample.label]
    yield "also right", "\n".join(others)
    yield "error", sample.error or ""
