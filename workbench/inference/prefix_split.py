"""Where a prompt can be cut, so that what stands before is read once for many prompts.

The rule: between two turns, where the template writes the same text for the turns before whatever
follows, or behind the last picture; and where both parts apart have the tokens of the whole. So no
image is cut and no word. What is too short to be worth it is not cut off.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.errors import ModelError
from workbench.models.chat import render_chat, special_pattern
from workbench.models.prompt import Prompt, images_of, text_ids
from workbench.sample import Conversation, ImageRef

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

# With fewer tokens, and no image, one more forward costs more than it saves.
MIN_TOKENS = 32


@dataclass(frozen=True)
class SplitPoint:
    """A place between two turns.

    Attributes:
        head: What stands before it.
        ids: The tokens of that, one for each picture.
        rest: Where the text behind it begins.
        key: Hash of the tokens and of the pictures' bytes: same key, same keys and values.
    """

    head: Prompt
    ids: tuple[int, ...]
    rest: int
    key: str

    def behind(self, prompt: Prompt) -> Prompt:
        """What follows on the head in a prompt that was cut here."""
        images = prompt.images[len(self.head.images) :]
        return Prompt(prompt.text[self.rest :], images, starts=False)


class SplitPlan:
    """A conversation as a prompt, with its cuts."""

    def __init__(
        self,
        loaded: LoadedModel,
        conversation: Conversation,
        memo: dict[str, tuple[int, ...]] | None = None,
    ) -> None:
        """A prompt, rendered.

        Args:
            loaded: The model.
            conversation: It ends before the assistant's turn.
            memo: The tokens of heads by their text, where many prompts have the same.

        Raises:
            ModelError: The template refuses the conversation.
        """
        self._loaded = loaded
        self._memo = {} if memo is None else memo
        self._conversation = conversation
        text = loaded.family.prompt(loaded, conversation)
        self.prompt = Prompt(text, images_of(conversation))

    @cached_property
    def last(self) -> SplitPoint | None:
        """Before the last turn: the examples and the system's words, before the question."""
        return self._cut(len(self._conversation) - 1)

    @cached_property
    def cuts(self) -> tuple[SplitPoint, ...]:
        """All of them, the longest head last."""
        turns = range(1, len(self._conversation) - 1)
        found = [*(self._cut(count) for count in turns), self.last]
        return tuple(cut for cut in found if cut is not None)

    @cached_property
    def behind_pictures(self) -> SplitPoint | None:
        """Behind the last picture and the special tokens that close it, before the words.

        Reads the pictures' bytes, so it is for prompts of which others may have the same pictures.
        """
        token = str(getattr(self._loaded.processor, "image_token", None) or "")
        place = self.prompt.text.rfind(token) if token and self.prompt.images else -1
        if place < 0:
            return None
        special = special_pattern(self._loaded.tokenizer, self._loaded.processor)
        place += len(token)
        while closing := special.match(self.prompt.text, place):
            place = closing.end()
        return self._split(self.prompt.text[:place], self.prompt.images)

    @cached_property
    def _ids(self) -> list[int]:
        return text_ids(self._loaded, self.prompt.text)

    def _cut(self, turns: int) -> SplitPoint | None:
        if turns < 1:
            return None
        head = self._conversation[:turns]
        try:
            text = render_chat(self._loaded, head, open_turn=False)
        except ModelError:  # a template that wants a question at the end, say
            return None
        rest = self.prompt.text[len(text) :]
        if not self.prompt.text.startswith(text) or self._opens_with_image(rest):
            return None
        return self._split(text, images_of(head))

    def _split(self, text: str, images: Sequence[ImageRef]) -> SplitPoint | None:
        """The place behind a text that the prompt begins with, and behind its images."""
        rest = self.prompt.text[len(text) :]
        if not rest:
            return None
        behind = text_ids(self._loaded, rest, starts=False)
        split = len(self._ids) - len(behind)
        if split < 1 or self._ids[split:] != behind:
            return None
        ids = tuple(self._ids[:split])
        if len(ids) < MIN_TOKENS and not images:
            return None
        # Some tokenizers put the space between two turns into the second one's first word.
        for said in (text, text.rstrip(" ")):
            if said not in self._memo:
                self._memo[said] = tuple(text_ids(self._loaded, said))
            if self._memo[said] == ids:
                pictures = tuple(_pinned(image) for image in images)
                return SplitPoint(Prompt(said, pictures), ids, len(text), _key(ids, pictures))
        return None

    def _opens_with_image(self, rest: str) -> bool:
        """Whether an unknown processor could write words there that join those before.

        Those that we know write an image's own tokens first, which join nothing.
        """
        token = getattr(self._loaded.processor, "image_token", None)
        return self._loaded.family.causal is None and bool(token) and rest.startswith(str(token))


def _pinned(image: ImageRef) -> ImageRef:
    """The image with its bytes in hand: what is hashed is what is read."""
    if image.data is not None:
        return image
    from workbench.images.decode import name_of

    return replace(image, data=image.read(), path=None, url=None, name=name_of(image))


def _key(ids: Sequence[int], images: Sequence[ImageRef]) -> str:
    digest = hashlib.sha256(array("q", ids).tobytes())
    for image in images:
        digest.update(hashlib.sha256(image.data or b"").digest())
    return digest.hexdigest()
