"""What a model is shown in a batch, as one HTML page or as lines of text.

Guarantee: the page is one file: pictures are inside it as PNG, there is no script, and whatever
data says is text and never markup.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from training.seen import Seen, SeenPicture, SeenRow, SeenToken
from workbench.text import clean

if TYPE_CHECKING:
    from PIL import Image

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
h2 { border-top: 1px solid #ccc; padding-top: 1rem; font-size: 1.1rem; }
figure { display: inline-block; margin: .5rem 1rem .5rem 0; vertical-align: top; }
figure img { image-rendering: pixelated; max-width: 448px; border: 1px solid #ccc; }
figcaption, .facts { color: #555; font-size: .9rem; }
.tokens { font: 13px/1.9 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
.tokens span { border-radius: 3px; padding: 1px 2px; margin-right: 1px; }
.prompt { background: #eee; } .image { background: #cfe3ff; } .padding { background: #fff;
  border: 1px dashed #bbb; color: #777; } .answer { color: #062; }
"""


def words_of(token: SeenToken) -> str:
    """A token's text with its white space to be seen."""
    return clean(token.text.replace("\n", "⏎").replace("\t", "⇥")) or f"#{token.id}"


def runs(row: SeenRow) -> Iterator[tuple[str, list[SeenToken]]]:
    """The tokens of a row by kind; one after another of the same kind are together."""
    for kind, group in groupby(row.tokens, lambda token: token.kind):
        yield kind, list(group)


def facts_of(row: SeenRow) -> str:
    """The counts of a row in one line."""
    n = row.counts
    return (
        f"{n['tokens']} tokens: {n['image']} of images, {n['prompt']} of the prompt, {n['loss']} "
        f"in the loss ({row.share:.1%} of the batch's); {n['padding']} of padding"
    )


def head_of(seen: Seen) -> list[str]:
    """What holds for all rows, a line each."""
    n = seen.counts
    real = n["tokens"] or 1
    limit = f"{seen.limit} tokens" if seen.limit else "none that is known"
    out = [
        f"{clean(seen.model)} ({seen.family}), {len(seen.rows)} samples of batches of "
        f"{seen.batch_size}",
        f"{n['tokens']} tokens: {n['image'] / real:.1%} of images, {n['loss'] / real:.1%} in the "
        f"loss; {n['padding']} of padding beside them",
        f"truncated: nothing, ever; the limit is {limit}, left out as a whole: {len(seen.refused)}",
    ]
    out += [f"left out {clean(uid)}: {clean(why)}" for uid, why in list(seen.refused.items())[:20]]
    return out


def page(seen: Seen) -> str:
    """The page."""
    head = "".join(f"<p class=facts>{html.escape(line)}</p>" for line in head_of(seen))
    most = max((token.share for row in seen.rows for token in row.tokens), default=0.0)
    rows = "".join(_row(number, row, most) for number, row in enumerate(seen.rows, 1))
    title = html.escape(f"What {clean(seen.model)} is shown")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{head}{_legend()}{rows}"
        "</body></html>\n"
    )


def _legend() -> str:
    named = {
        "prompt": "prompt, not in the loss",
        "image": "image tokens, not in the loss",
        "padding": "padding, masked",
    }
    spans = [f'<span class="{kind}">{words}</span>' for kind, words in named.items()]
    green = '<span class="answer" style="background:rgba(20,160,80,.6)">in the loss</span>'
    return f'<p class="tokens">{" ".join([*spans, green])}</p>'


def _row(number: int, row: SeenRow, most: float) -> str:
    figures = "".join(
        _figure(picture, f"image {i}, {image.size[0]}x{image.size[1]}, {image.tokens} tokens")
        for i, image in enumerate(row.images, 1)
        for picture in image.pictures
    )
    tokens = "".join(_run(kind, group, most) for kind, group in runs(row))
    return (
        f"<h2>{number}. {html.escape(clean(row.uid))}</h2>"
        f"<p class=facts>{html.escape(clean(row.template))}. {html.escape(facts_of(row))}</p>"
        f'{figures}<p class="tokens">{tokens}</p>'
    )


def _figure(picture: SeenPicture, what: str) -> str:
    data = base64.b64encode(png(picture.drawn())).decode()
    words = html.escape(f"{what}: {picture.words()}")
    return (
        f'<figure><img alt="{words}" src="data:image/png;base64,{data}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _run(kind: str, tokens: list[SeenToken], most: float) -> str:
    if kind in ("padding", "image"):
        return f'<span class="{kind}">{html.escape(words_of(tokens[0]))} ×{len(tokens)}</span>'
    out = []
    for token in tokens:
        depth = 0.2 + 0.6 * token.share / most if token.share and most else 0.0
        style = f' style="background:rgba(20,160,80,{depth:.2f})"' if depth else ""
        title = f"id {token.id}, {token.share:.2%} of the loss"
        text = html.escape(words_of(token))
        out.append(f'<span class="{kind}"{style} title="{title}">{text}</span>')
    return "".join(out)


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()
