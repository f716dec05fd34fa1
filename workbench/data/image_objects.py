"""The image in an object, as rows and conversations hold it.

Known: `{"bytes", "path"}` (the `datasets` library), `{"url"}`, OpenAI's `{"type": "image_url",
"image_url": {"url"}}`, `{"type": "image", "image"}`, Anthropic's `{"source": {"data"}}`, COCO's
`{"file_name"}`. Guarantee: nothing is opened or fetched; a text may be a path, a URL or base64.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

KEYS = ("bytes", "path", "url", "image_url", "image", "source", "file_name", "data")
DEEP = 3  # objects in one another


def image_in(value: Mapping[str, Any], depth: int = DEEP) -> bytes | str | None:
    """The bytes, or the text that names the image; `None` if the object has neither."""
    for key in KEYS:
        found = value.get(key)
        if isinstance(found, Mapping) and depth > 1:
            found = image_in(found, depth - 1)
        if found and isinstance(found, (bytes, str)):
            return found
    return b"" if value.get("bytes") == b"" else None  # which is said to be empty


def flat(values: Sequence[Any]) -> Iterator[Any]:
    """The items of a list, and of the lists in it, in their order."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from flat(value)
        else:
            yield value
