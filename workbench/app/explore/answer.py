"""The answer as it streams, token by token, with a cursor on one token and its alternatives.

Guarantee: what the model wrote is cleaned and never read as markup. Each token keeps its place,
so that the cursor, its probability and its heat speak of the same token.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.reactive import reactive

from workbench.app.explore.token_name import token_name
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.steady import SteadyText, TitledPanel
from workbench.reports.silence import answered_nothing
from workbench.text import clean

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.sample import Answer, Token

_FOOT_LINES = 2
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def shown_token(text: str) -> str:
    """A token as it is drawn: cleaned; a line break stays one, behind a sign."""
    return clean(text).replace("\n", "⏎\n").replace("\t", "  ")


def probability(logprob: float | None) -> str:
    """A log-probability as a probability with two or three digits."""
    if logprob is None:
        return "–"
    p = math.exp(min(0.0, logprob))
    return f"{p:.2f}" if p >= 0.005 else f"{p:.0e}"


class TokenText(SteadyText):
    """The tokens as running text; a click puts the cursor on one."""

    def on_click(self, event: events.Click) -> None:
        """Which token was clicked is in the text's own metadata."""
        number = event.style.meta.get("token") if event.style else None
        if isinstance(number, int):
            self.post_message(AnswerPanel.TokenClicked(number))


class AnswerPanel(TitledPanel):
    """The answer, its speed, the token under the cursor; earlier answers stand below."""

    HELP_TITLE = "Answer"
    DEFAULT_CSS = f"""
    AnswerPanel {{ height: 1fr; min-height: 3; padding: 0 1; }}
    AnswerPanel #answer-scroll {{ height: auto; max-height: 1fr; scrollbar-size-vertical: 1; }}
    AnswerPanel TokenText {{ height: auto; }}
    AnswerPanel #alternatives {{ height: auto; max-height: {_FOOT_LINES}; color: $text-muted; }}
    AnswerPanel #head {{ height: auto; max-height: {_FOOT_LINES}; }}
    AnswerPanel #verdict {{ height: auto; max-height: {_FOOT_LINES}; }}
    """

    cursor: reactive[int] = reactive(-1, init=False)

    class CursorMoved(Message):
        """The cursor stands on another token."""

        def __init__(self, token: int) -> None:
            super().__init__()
            self.token = token

    class TokenClicked(Message):
        """A token was clicked."""

        def __init__(self, token: int) -> None:
            super().__init__()
            self.token = token

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tokens: list[Token] = []
        self.answer: Answer | None = None
        self.failure = ""
        self.note = ""
        self.source = ""
        self.waiting = ""
        self._turn = 0
        self._timer: Timer | None = None
        self._facts: str | None = None  # what stands in the title

    def compose(self) -> ComposeResult:
        """Text, alternatives, what the head says, verdict."""
        with VerticalScroll(id="answer-scroll", can_focus=False):
            yield TokenText("", id="answer-text")
        yield SteadyText("", id="alternatives")
        yield SteadyText("", id="head")
        yield SteadyText("", id="verdict")

    # -- content ---------------------------------------------------------------------------

    def begin(self, what: str) -> None:
        """A new answer is on its way; `what` stands beside the moving sign until it is there."""
        self._empty()
        self.waiting = what
        self.set_reactive(AnswerPanel.cursor, -1)
        self._put("#verdict", Text(""))
        if self._timer is None:
            self._timer = self.set_interval(0.1, self._spin)
        self._draw()

    def say(self, what: str, more: str = "") -> None:
        """Change the words beside the moving sign; `more` stands below until tokens come."""
        self.waiting = what
        self._put("#verdict", Text(clean(more, newlines=False), style="dim"))
        self._draw()

    def add(self, tokens: list[Token], per_s: float) -> None:
        """Tokens that came, and how fast they come."""
        if not self.tokens:
            self._put("#verdict", Text(""))
        self.tokens += tokens
        self.waiting = f"{per_s:.0f} tok/s" if per_s else "…"
        self._draw()
        self.query_one("#answer-scroll", VerticalScroll).scroll_end(animate=False)

    def _empty(self) -> None:
        self.tokens, self.answer, self.failure, self.note, self.source = [], None, "", "", ""

    def finish(
        self,
        answer: Answer,
        *,
        verdict: Text | None = None,
        failure: str = "",
        note: str = "",
        source: str = "",
    ) -> None:
        """The whole answer, or what came of it before it failed, and why it did.

        Args:
            answer: What was said.
            verdict: What it was read as; stands below the answer.
            failure: Why it failed.
            note: What else is to be known of it, right under its text.
            source: Whose it is, where nobody asked it here; in the title, with what is known of
                it, in the place of its speed and length.
        """
        self._stop()
        self.answer, self.failure, self.note, self.source = answer, failure, note, source
        self.tokens = list(answer.tokens)
        self._put("#verdict", verdict or Text(""))
        self.query_one("#answer-scroll", VerticalScroll).scroll_home(animate=False)
        if self.tokens:
            self.set_reactive(AnswerPanel.cursor, 0)
        self._draw()

    def clear(self, note: str = "") -> None:
        """Nothing was asked of this sample yet."""
        self._stop()
        self._empty()
        self.set_reactive(AnswerPanel.cursor, -1)
        self._put("#verdict", Text(note, style="dim"))
        self._draw()

    def stopped(self, why: str, failure: str = "") -> None:
        """It ended without an answer: cancelled, or failed.

        Args:
            why: What became of it, in a line.
            failure: Why it failed, in whole sentences.
        """
        self._stop()
        self.failure = failure
        self._put("#verdict", Text(clean(why), style="dim"))
        self._draw()

    def _stop(self) -> None:
        self.waiting = ""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    # -- the cursor ------------------------------------------------------------------------

    def move(self, by: int) -> bool:
        """Move the cursor by tokens; false where there is none to move to."""
        if not self.tokens or self.answer is None:
            return False
        at = max(0, min(self.cursor + by, len(self.tokens) - 1))
        if at == self.cursor:
            return False
        self.cursor = at
        return True

    def watch_cursor(self, cursor: int) -> None:
        """Draw the cursor and tell the screen."""
        self._draw()
        if cursor >= 0:
            self.post_message(self.CursorMoved(cursor))

    def on_answer_panel_token_clicked(self, event: AnswerPanel.TokenClicked) -> None:
        """The cursor goes where the mouse is."""
        event.stop()
        if self.answer is not None and event.token < len(self.tokens):
            self.cursor = event.token

    # -- drawing ---------------------------------------------------------------------------

    def _spin(self) -> None:
        self._turn += 1
        self._headline()

    def _headline(self) -> None:
        if self.waiting:
            facts = f" {_SPINNER[self._turn % len(_SPINNER)]} {self.waiting}"
        else:
            said = self.source or (answer_facts(self.answer) if self.answer is not None else "")
            facts = f" · {said}" if said else ""
        if facts != self._facts:
            self._facts = facts
            self.retitle(Text(f"Answer{clean(facts, newlines=False)}"))

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self._headline()
        text = tokens_text(self.tokens, self.cursor)
        if self.answer is not None and not self.tokens:
            text = Text(clean(self.answer.text))
        if self.answer is not None and not self.answer.text.strip() and not self.failure:
            count = None if self.source else len(self.tokens)
            nothing = answered_nothing(count, self.answer.finish_reason)
            text.append("\n" if text.plain else "").append(nothing, PALETTE.dim)
        if self.failure:
            text.append("\n" if text.plain else "")
            text.append(f"failed: {clean(self.failure)}", PALETTE.bad)
        if self.note:
            text.append("\n" if text.plain else "").append(clean(self.note), PALETTE.dim)
        token = self.tokens[self.cursor] if 0 <= self.cursor < len(self.tokens) else None
        self._put("#answer-text", text)
        self._put("#alternatives", alternatives(token))
        self._put("#head", head_line(self.answer))

    def _put(self, name: str, text: Text) -> None:
        """Show a text; an empty one takes no line."""
        field = self.query_one(name, SteadyText)
        if field.display != bool(text.plain):
            field.display = bool(text.plain)
        field.update(text)
        self._fit()

    def on_resize(self) -> None:
        """Another size leaves another number of lines to the text."""
        self._fit()

    def _fit(self) -> None:
        """Leave the lines below a long text their room: what it was read as, why it ended."""
        size = self.content_size
        if not size.height:
            return
        names = ("#alternatives", "#head", "#verdict")
        feet = [self.query_one(name, SteadyText) for name in names]
        below = sum(
            min(_FOOT_LINES, foot.get_content_height(size, size, size.width))
            for foot in feet
            if foot.display
        )
        self.query_one("#answer-scroll").styles.max_height = max(1, size.height - below)


def answer_facts(answer: Answer) -> str:
    """Speed, length and how it ended, in a few words."""
    timing = answer.timing
    parts = [f"{len(answer.tokens)} tok"]
    if answer.tokens_per_s:
        parts.append(f"{answer.tokens_per_s:.0f} tok/s")
    parts.append(f"{timing.total_s:.1f} s")
    if timing.load_s > 0.05:
        parts.append(f"load {timing.load_s:.1f} s")
    if answer.finish_reason != "stop":
        parts.append(answer.finish_reason)
    return " · ".join(parts)


def tokens_text(tokens: list[Token], cursor: int) -> Text:
    """The tokens as running text; doubtful ones are coloured, the one at the cursor underlined."""
    text = Text(overflow="fold")
    for number, token in enumerate(tokens):
        shown = shown_token(token.text) or "·"
        style = Style(meta={"token": number})
        p = 1.0 if token.logprob is None else math.exp(min(0.0, token.logprob))
        if p < 0.5:
            style += PALETTE.bad
        elif p < 0.9:
            style += PALETTE.warn
        if number == cursor:
            style += Style(underline=True, bold=True, reverse=True)
        text.append(shown, style)
    return text


def alternatives(token: Token | None) -> Text:
    """`‹␣False› 0.93  False 0.04  …`: the blank before a word makes another token."""
    if token is None:
        return Text("")
    line = Text(no_wrap=False)
    line.append(f"‹{token_name(token.text)}› {probability(token.logprob)}", Style(bold=True))
    for text, logprob in token.top:
        if text != token.text:
            line.append(f"   {token_name(text)} {probability(logprob)}")
    return line


def head_line(answer: Answer | None) -> Text:
    """What the model's classification head says, where it has one: `head  true 0.93 · …`."""
    if answer is None or not answer.head:
        return Text("")
    from workbench.models.head_config import head_words

    line = Text("head  ", "dim")
    line.append(clean(head_words(answer.head), newlines=False))
    return line
