"""An answer that shows itself: the images asked about, the words, how sure each token was.

Guarantee: a `Said` is an `Answer` with the question and the line of the session beside it; while
it is being said it grows under the cell, and an interrupt ends it in the engine within a token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sessions.verdict import answer_right
from workbench import markup
from workbench.grounding.answered import AnsweredRegions, recorded_regions
from workbench.grounding.drawing import legend_html, overs_html
from workbench.images.in_html import images_row
from workbench.models.head_config import head_words
from workbench.notebook.display import Live, Shown, interruptible
from workbench.notebook.samples import block_of_code
from workbench.sample import Answer, ImageRef, Token
from workbench.serving.protocol import loading_words
from workbench.text import clean, counted

if TYPE_CHECKING:
    from sessions.errors import WbError
    from sessions.records import PromptRecord
    from sessions.session_log import SessionLog
    from workbench.playground.question import Question

_MOST_TOKENS = 400


@dataclass(frozen=True, repr=False)
class Said(Shown, Answer):
    """What a model said to a question.

    Attributes:
        question: What was asked, of whom.
        record: The line of the session.
        session: Which session keeps that line, `None` where none does.
    """

    question: Question | None = None
    record: PromptRecord | None = None
    session: str | None = None

    @property
    def uid(self) -> str | None:
        """The sample that it is about."""
        return self.record.uid if self.record else None

    @property
    def label(self) -> str | None:
        """The label that the answer was read as, `None` where unparsed or not a label task."""
        return self.record.label if self.record else None

    @property
    def right(self) -> bool | None:
        """Whether that is the sample's label; `None` where there is none to compare with."""
        return answer_right(self.record) if self.record is not None else None

    @property
    def places(self) -> AnsweredRegions | None:
        """The boxes and points of the answer, `None` where it says and was asked for none."""
        body = self.record.grounding if self.record is not None else None
        return recorded_regions(body, max(1, len(self._last_images)))

    @property
    def _last_images(self) -> tuple[ImageRef, ...]:
        """Those that the answer is about: of the last turn that shows any."""
        turns = self.question.messages if self.question else ()
        return next((turn.images for turn in reversed(turns) if turn.images), ())

    def pictures(self, width: int) -> str:
        """The images asked about, the answer's places and gold over them, and what is which."""
        shown = [ref for m in self.question.messages for ref in m.images] if self.question else []
        places, last = self.places, self._last_images
        gold = places.gold if places is not None else ()
        overs = overs_html(places, gold, last)
        before = [""] * (len(shown) - len(last))  # of examples and earlier turns
        legend = legend_html(places, gold)
        return images_row(shown, width=width, overs=[*before, *overs]) + (
            markup.block(legend) if legend else ""
        )

    def _html(self) -> str:
        question = self.question
        words = question.messages[-1].text if question and question.messages else ""
        return (
            markup.heading(self.uid or "answer", self._who())
            + self.pictures(200)
            + markup.block(markup.muted(markup.prose(words)))
            + markup.block(tokens_html(self.tokens, self.text), "font-size:1.1em")
            + markup.facts(self._facts())
            + markup.block(markup.muted(markup.esc(" · ".join(self._figures()))))
            + markup.folded("tokens", tokens_table(self.tokens))
            + markup.folded("the whole prompt", self._prompt())
        )

    def _who(self) -> str:
        record = self.record
        if record is None:
            return ""
        name = record.model + (f" + {record.adapter}" if record.adapter else "")
        return markup.esc(name, 200)

    def _facts(self) -> list[tuple[str, str]]:
        record = self.record
        rows: list[tuple[str, str]] = []
        judged = self.right is not None or (record is not None and record.label is not None)
        if judged and record is not None:
            read = markup.badge("unparsed") if record.label is None else markup.badge(record.label)
            gold = f", label {markup.badge(record.target)}" if record.target is not None else ""
            rows.append(("read as", f"{read}{gold} {markup.verdict(self.right)}"))
        if self.head:
            rows.append(("head", markup.esc(head_words(self.head))))
        if self.label_scores:
            rows.append(("label scores", scores_table(self.label_scores)))
        return rows

    def _figures(self) -> list[str]:
        found = [
            counted(len(self.tokens), "token"),
            f"{self.timing.total_s:.2f} s",
            self.finish_reason,
        ]
        if self.tokens_per_s:
            found.insert(1, f"{self.tokens_per_s:.0f} tokens/s")
        if self.record is not None:
            found += [f"{name} {value}" for name, value in self._knobs()]
            found += [f"template {self.record.template}"] if self.record.template else []
        return found

    def _knobs(self) -> list[tuple[str, object]]:
        knobs = self.record.decoding if self.record else {}
        names = ("temperature", "seed") if knobs.get("temperature") else ("temperature",)
        return [(name, knobs[name]) for name in names if name in knobs]

    def _prompt(self) -> str:
        if self.question is None:
            return ""
        turns = (
            f"{m.role}: {f'[{len(m.images)} images] ' if m.images else ''}{m.text}"
            for m in self.question.messages
        )
        return block_of_code("\n\n".join(turns))

    def _plain(self) -> str:
        read = f" · read as {self.label or 'unparsed'}" if self.right is not None else ""
        mark = {True: " ✓", False: " ✗", None: ""}[self.right]
        about = f"{self.uid}: " if self.uid else ""
        return clean(f"{about}{self.text}{read}{mark}", newlines=False)


def tokens_html(tokens: Sequence[Token], text: str = "") -> str:
    """An answer token by token: what was improbable is tinted, the figures are in the tooltip.

    Where the tokens do not make up the text (beams, a server that tells none) the text is shown.
    """
    joined = "".join(token.text for token in tokens)
    if not tokens or len(tokens) > _MOST_TOKENS or (text and not joined.startswith(text)):
        return markup.prose(text or joined)
    parts, left = [], len(text) or len(joined)
    for token in tokens:
        if left <= 0:  # the end of the turn is a token and no text
            break
        shown = token.text[:left]
        left -= len(token.text)
        doubt = 1 - math.exp(token.logprob) if token.logprob is not None else 0.0
        tint = f"background:rgba(255,149,0,{min(max(doubt, 0), 1) * 0.75:.2f})"
        tip = f' title="{markup.esc(_tip(token), 400)}"' if token.logprob is not None else ""
        parts.append(f'<span{tip} style="{tint};border-radius:.2em">{markup.esc(shown)}</span>')
    style = "white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<span style="{style}">{"".join(parts)}</span>'


def _tip(token: Token) -> str:
    logprob = token.logprob or 0.0
    lines = [f"{token.text!r}  p {math.exp(logprob):.3f}  logprob {logprob:.3f}"]
    lines += [f"{text!r}  {math.exp(value):.3f}" for text, value in token.top if text != token.text]
    return "\n".join(lines)


def tokens_table(tokens: Sequence[Token]) -> str:
    """Each token with its probability and the alternatives; empty where none were told."""
    if not tokens or all(token.logprob is None for token in tokens):
        return ""
    rows = []
    for number, token in enumerate(tokens[:_MOST_TOKENS]):
        logprob = token.logprob
        others = [(text, value) for text, value in token.top if text != token.text]
        rows.append(
            (
                str(number),
                f"<code>{markup.esc(repr(token.text), 60)}</code>",
                ""
                if logprob is None
                else f"{markup.bar(math.exp(logprob))} {math.exp(logprob):.3f}",
                "" if logprob is None else f"{logprob:.3f}",
                markup.muted(
                    " ".join(f"{markup.esc(repr(t), 40)} {math.exp(v):.3f}" for t, v in others)
                ),
            )
        )
    more = len(tokens) - _MOST_TOKENS
    table = markup.table(("", "token", "probability", "logprob", "or else"), rows)
    return table + (markup.muted(f"and {more} more") if more > 0 else "")


def scores_table(scores: Mapping[str, float]) -> str:
    """Labels by log-likelihood, the best first; the bar is the share among these labels."""
    pairs = sorted(scores.items(), key=lambda item: -item[1])
    best = pairs[0][1]
    weights = [math.exp(score - best) for _, score in pairs]
    total = sum(weights)
    rows = [
        (markup.esc(word, 80), f"{score:.3f}", f"{markup.bar(w / total)} {w / total:.3f}")
        for (word, score), w in zip(pairs, weights, strict=True)
    ]
    return markup.table(("label", "log-likelihood", "share"), rows)


def told(
    answer: Answer, question: Question | None, record: PromptRecord | None, log: SessionLog | None
) -> Said:
    """An answer with what was asked and where it stands on record."""
    values = {f.name: getattr(answer, f.name) for f in fields(Answer)}
    return Said(**values, question=question, record=record, session=log.id if log else None)


def warn(problem: WbError) -> None:
    """Tell what could not be kept of a question; it is asked all the same."""
    import warnings

    warnings.warn(clean(problem.message, newlines=False), stacklevel=2)


def say(question: Question, log: SessionLog | None, *, stream: bool = True) -> Said:
    """Ask the engine, drawing the answer under the cell as it grows.

    Args:
        question: What to ask.
        log: Where the record goes; `None` keeps none.
        stream: Draw it as it grows; once said it is taken away, and the answer shows itself.

    Raises:
        KeyboardInterrupt: The cell was interrupted: the engine has stopped, what was said is on
            record and stays drawn.
        WbError: As the engine raises; what was said until then is on record and stays drawn.
    """
    from sessions.errors import WbError
    from sessions.records import PromptRecord
    from workbench.playground.ask import ask
    from workbench.serving.client import Engine

    live = Live(stream)
    tokens: list[Token] = []
    answer, record = Answer(""), None
    kept = "it is on record" if log is not None else "it is not on record"
    so_far = f"this was said so far, and {kept}"

    def tell(stage: str, share: float) -> None:
        live.draw(lambda: markup.muted(markup.esc(loading_words(stage, share), 100)))

    with Engine.connect(start=True, specs=[question.spec]) as engine, interruptible() as pressed:
        try:
            for event in ask(
                engine, question, log=log, cancelled=pressed, on_progress=tell, on_problem=warn
            ):
                if isinstance(event, Token):
                    tokens.append(event)
                    live.draw(lambda: markup.block(tokens_html(tokens)), now=len(tokens) == 1)
                elif isinstance(event, Answer):
                    answer = event
                elif isinstance(event, PromptRecord):
                    record = event
        except WbError:
            if tokens:
                words = f"it broke off: {so_far}"
                drawn = markup.block(tokens_html(tokens)) + markup.block(
                    markup.badge(words, markup.BAD)
                )
                live.draw(lambda: drawn, now=True)
            else:
                live.clear()
            raise
        except BaseException:
            live.clear()
            raise
        said = told(answer, question, record, log)
        if pressed():
            words = f"interrupted: {so_far}"
            live.draw(
                lambda: said._html() + markup.block(markup.badge(words, markup.BAD)), now=True
            )
        else:
            live.clear()
    return said
