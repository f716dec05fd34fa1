"""A conversation as a processor takes it: chat text, pictures, and answers as token ids.

Guarantee: text from data cannot speak as the chat template does. A special token spelled out in a
sample (`<|im_end|>`, `<image>`) is broken up by one space, so that it neither ends a turn nor
counts as an image; in what the assistant says, a whole place (`<|box_start|>(1,2),(3,4)<|box_end|>`
behind its name) keeps the tokens that mark it. Shared by the families; each adds what is its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.errors import ModelError, PromptTooLong
from workbench.grounding.writing import MARKED
from workbench.models.activity import bounded
from workbench.sample import Conversation, ImageRef

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

TEMPLATE_S = 30.0  # a template takes milliseconds; one with a loop would keep everyone waiting


def special_pattern(tokenizer: Any, processor: Any) -> re.Pattern[str]:
    """Matches every special token's spelling, the processor's image placeholders included."""
    words = {
        token.content for token in tokenizer.added_tokens_decoder.values() if token.special
    } | {getattr(processor, f"{kind}_token", None) for kind in ("image", "video", "boi", "eoi")}
    longest_first = sorted((str(w) for w in words if w), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def escape_special_tokens(text: str, pattern: re.Pattern[str]) -> str:
    """`text` with a space after the first character of each special token in it."""
    while pattern.search(text):
        text = pattern.sub(lambda match: match[0][0] + " " + match[0][1:], text)
    return text


def escape_answer(text: str, pattern: re.Pattern[str]) -> str:
    """As `escape_special_tokens`, of what the assistant says: places keep their marks."""
    out, start = "", 0
    for place in MARKED.finditer(text):
        name = re.split(r"<\|object_ref_end\|>|</ref>", place[0], maxsplit=1)[0]
        inside = re.sub(r"^(?:<\|object_ref_start\|>|<ref>)", "", name)
        if not pattern.search(inside):
            out += escape_special_tokens(text[start : place.start()], pattern) + place[0]
            start = place.end()
    return out + escape_special_tokens(text[start:], pattern)


def chat_messages(conversation: Conversation, pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    """The messages as chat templates read them, pictures as placeholders."""
    return [
        {
            "role": message.role,
            "content": [
                {"type": "image"}
                if isinstance(part, ImageRef)
                else {"type": "text", "text": escape(part, pattern)}
                for part in message.parts
            ],
        }
        for message in conversation
        for escape in (escape_answer if message.role == "assistant" else escape_special_tokens,)
    ]


def render_chat(loaded: LoadedModel, conversation: Conversation, *, open_turn: bool = True) -> str:
    """The prompt's text with the assistant's turn opened.

    A processor without a template gets its image placeholders and then the text parts, as the
    captioners and base models that ship none expect.

    Args:
        loaded: Whose template it is.
        conversation: The turns.
        open_turn: Open the assistant's turn behind them.

    Raises:
        ModelError: The template refuses the conversation (a role that it does not know, say), or
            does not end within `TEMPLATE_S`.
    """
    pattern = special_pattern(loaded.tokenizer, loaded.processor)
    template = getattr(loaded.processor, "chat_template", None) or loaded.tokenizer.chat_template
    if not template:
        token = getattr(loaded.processor, "image_token", "")
        images = sum(len(message.images) for message in conversation)
        text = "\n".join(escape_special_tokens(m.text, pattern) for m in conversation if m.text)
        return str(token) * images + text
    messages = chat_messages(conversation, pattern)

    def render() -> str:
        return loaded.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=open_turn, chat_template=template
        )

    try:
        return bounded(f"rendering the chat template of {loaded.path.name}", TEMPLATE_S, render)
    except WbError:
        raise
    except Exception as error:  # jinja raises whatever a template asks it to
        raise ModelError(
            f"the chat template of {loaded.path.name} refused the conversation: {error}",
            hint="leave out the system message, or alternate user and assistant",
        ) from error


def answer_ids(
    loaded: LoadedModel, answers: Sequence[str] | None, rows: int, end_of_turn: bool
) -> list[list[int]]:
    """Each answer's token ids, tokenised apart from the prompt, as generation would append them.

    Args:
        loaded: Whose tokenizer it is.
        answers: One for each row, or none at all.
        rows: How many rows there are.
        end_of_turn: Append the end-of-turn token.
    """
    if answers is None:
        return [[] for _ in range(rows)]
    if len(answers) != rows:
        raise ValueError(f"{len(answers)} answers for {rows} conversations")
    pattern = special_pattern(loaded.tokenizer, loaded.processor)
    end = [turn_end(loaded)] if end_of_turn else []
    return [[*text_ids(loaded, escape_answer(a, pattern)), *end] for a in answers]


def text_ids(loaded: LoadedModel, text: str) -> list[int]:
    """The tokens of an answer's words, as they would be generated.

    Where a prompt ends within a line, the answer's first token holds the space before it: a
    family says so by its `answer_prefix`.
    """
    prefix = getattr(loaded.family, "answer_prefix", "")
    spaced = text if not text or text[0].isspace() else prefix + text
    return loaded.tokenizer(spaced, add_special_tokens=False)["input_ids"]


def turn_end(loaded: LoadedModel) -> int:
    """The token that closes the assistant's turn."""
    if loaded.tokenizer.eos_token_id is not None:
        return loaded.tokenizer.eos_token_id
    if not loaded.end_ids:
        raise ModelError(f"{loaded.path.name} names no end-of-turn token")
    return loaded.end_ids[0]


def check_length(loaded: LoadedModel, length: int, new: int = 0) -> None:
    """Refuse what does not fit the context.

    Args:
        loaded: Whose context it is.
        length: Tokens of the prompt, image tokens included.
        new: Tokens that may follow.

    Raises:
        PromptTooLong: It names both lengths.
    """
    context, virtual = loaded.context_length, loaded.virtual_tokens
    if context is None or virtual + length + new <= context:
        return
    asked = f" and {new} new ones were asked for" if new else ""
    asked += f" behind an adapter's {virtual} virtual ones" if virtual else ""
    raise PromptTooLong(
        f"the prompt has {length} tokens{asked}; the model reads {context}",
        hint="use fewer --shots, smaller images, a shorter text"
        + (" or a lower --max-new-tokens" if new else ""),
    )
