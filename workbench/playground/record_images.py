"""Messages with their images, out of a record or a file that says where the images lie.

Guarantee: torch-free; an image whose hash is named is that image or is refused. One that is no
dataset's is taken from the images that were kept (`sessions.kept_images`) before its file is
looked at, since the file may be gone or another one by now. Each sample is opened once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sessions import kept_images
from workbench.errors import DataError, UsageError
from workbench.sample import ImageRef, Message, Sample


class MessageFinder:
    """Reads messages.

    Attributes:
        samples: Those whose images were found, by UID.
        places: Where the other images came from, as the record says it.
        revisions: `Source.revision` of each sample's dataset, by UID.
    """

    def __init__(self, what: str, folder: Path | None = None) -> None:
        """Begin.

        Args:
            what: Whose messages they are, for what is said of them (`record 01k…`).
            folder: Relative paths start here.
        """
        self.samples: dict[str, Sample] = {}
        self.places: dict[ImageRef, Mapping[str, str]] = {}
        self.revisions: dict[str, str] = {}
        self._what, self._folder = what, folder or Path()

    def message(self, turn: Mapping[str, Any]) -> Message:
        """One turn: `{"role", "content"}`, content a text or a list of parts.

        Raises:
            DataError: An image is gone, or another one than is meant.
            UsageError: A part that nobody can understand.
        """
        content = turn.get("content")
        parts: Sequence[Any] = [content] if isinstance(content, str) else content or ()
        return Message(turn.get("role", "user"), tuple(self._part(part) for part in parts))

    def _part(self, part: Any) -> str | ImageRef:
        if isinstance(part, str):
            return part
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text":
            return str(part.get("text", ""))
        if kind == "image_url":
            return self._openai(part)
        if kind != "image":
            raise UsageError(
                f"{self._what} has a part of type {kind!r}", hint="text, image or image_url"
            )
        image = self._image(part)
        wanted = part.get("sha256")
        if wanted and image.sha256() != wanted:
            name = part.get("name") or part.get("path") or part.get("uid")
            raise DataError(
                f"the image {name} of {self._what} is not the one that was shown",
                hint="it changed since, and was not kept; ask the prompt again with wb prompt",
                kind="image_changed",
            )
        return image

    def _openai(self, part: Mapping[str, Any]) -> ImageRef:
        """`{"type": "image_url", "image_url": {"url": ...}}`, a file's path taken as well."""
        inner = part.get("image_url")
        url = inner.get("url") if isinstance(inner, Mapping) else inner
        if not isinstance(url, str) or not url:
            raise UsageError(f"{self._what} has an image_url without a url")
        name = str(part.get("name") or "")
        if url.startswith("data:"):
            from workbench.images.decode import data_url_bytes

            return ImageRef(data=data_url_bytes(url), name=name)
        if "://" in url and not url.startswith("file://"):
            return ImageRef(url=url, name=name)
        path = self._folder / url.removeprefix("file://")
        return ImageRef(path=path.resolve(), name=name or path.name)

    def _image(self, part: Mapping[str, Any]) -> ImageRef:
        name = str(part.get("name") or "")
        if isinstance(uid := part.get("uid"), str) and isinstance(index := part.get("index"), int):
            images = self._sample(uid).images
            if 0 <= index < len(images):
                return images[index]
            raise DataError(f"{uid} has no image {index} any more")
        place = {k: v for k in ("path", "url") if isinstance(v := part.get(k), str)}
        if (data := kept_images.find(str(part.get("sha256") or ""))) is not None:
            kept = ImageRef(data=data, name=name)
            self.places[kept] = place
            return kept
        if "path" in place:
            path = self._folder / place["path"]
            return ImageRef(path=path.absolute(), name=name or path.name)
        if "url" in place:
            return ImageRef(url=place["url"], name=name)
        raise DataError(
            f"{self._what} does not say where its image {name!r} is",
            hint="only images of a dataset, from a file, or kept here can be shown again",
        )

    def _sample(self, uid: str) -> Sample:
        if uid not in self.samples:
            from sessions.uid import Uid
            from workbench.data.source import open_source

            parsed = Uid.parse(uid)
            source = open_source(parsed.dataset, parsed.split)
            self.samples[uid] = source.get(uid)
            self.revisions[uid] = source.revision
        return self.samples[uid]
