"""Everything known about a sample, as `wb inspect` tells it, for the panel on `i`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.text import clean

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.sample import Sample


def details_of(source: Source, sample: Sample) -> dict[str, Any]:
    """What `wb inspect --json` prints. Reads the images: for worker threads."""
    from workbench.data.export import describe

    body = describe(sample) | {"revision": source.revision}
    where = getattr(source, "row_of", None)
    if where is not None:
        file, row = where(sample.uid)
        body["row"] = {"file": file, "number": row}
    return body


def details_text(body: Mapping[str, Any]) -> str:
    """Names and values in two columns, one fact to a line; cleaned."""
    facts = [(clean(name, newlines=False), clean(value)) for name, value in _facts(body)]
    width = min(16, max(len(name) for name, _ in facts))
    lines: list[str] = []
    for name, value in facts:
        first, *rest = value.split("\n")
        lines.append(f"{name:<{width}}  {first}")
        lines += [f"{'':<{width}}  {line}" for line in rest]
    return "\n".join(lines)


def _facts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "uid", body["uid"]
    yield "task", body["task"]
    yield from body["texts"].items()
    if body["label"] is not None:
        yield "label", body["label"]
    if body["labels"]:
        yield "labels", ", ".join(body["labels"])
    for text in body["references"]:
        if text != body["label"]:
            yield "reference", text
    for text in body["explanations"]:
        yield "explanation", text
    for image in body["images"]:
        yield from _image(image)
    for name, value in body["metadata"].items():
        yield from _metadata(name, value)
    if "row" in body:
        yield "row", f"{body['row']['number']} of {body['row']['file']}"
    yield "revision", str(body["revision"])
    if body["error"]:
        yield "error", body["error"]


def _image(image: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if image.get("error"):
        yield "image", f"{image['name']}: {image['error']}"
        return
    size = f"{image['width']}×{image['height']}"
    words = (image.get("name"), size, image.get("format"), image.get("mode"), image["source"])
    yield "image", " ".join(str(word) for word in words if word)
    yield "", f"sha256 {image['sha256']}"


def _metadata(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """One fact per line; what is nested as JSON, the boxes of objects one by one."""
    import json

    if name == "objects" and isinstance(value, list):
        for number, group in enumerate(value, 1):
            for item in group if isinstance(group, list) else [group]:
                known = item if isinstance(item, dict) else {"name": item}
                yield f"object in {number}", f"{known.get('name')} {known.get('box', '')}"
        return
    yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
