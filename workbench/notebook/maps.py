"""A map that shows itself: the heat over each image, where its peak is, how it was made.

Guarantee: a `Map` is an `Explanation` with the images that it lies on; nothing is computed here,
the engine explains and `workbench.explain.overlay` paints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from workbench import markup
from workbench.explain.colormaps import DEFAULT_COLORMAP, colour
from workbench.explain.overlay import DEFAULT_OPACITY, overlay
from workbench.explain.result import Explanation, HeatMap
from workbench.images.in_html import enough, img
from workbench.notebook.answers import Said
from workbench.notebook.display import Live, Shown, interruptible
from workbench.sample import ImageRef
from workbench.text import clean

if TYPE_CHECKING:
    from PIL import Image

_MOST_MAPS = 40


@dataclass(frozen=True, eq=False, repr=False)
class Map(Shown, Explanation):
    """Where one token of an answer comes from.

    Attributes:
        uid: The sample, `None` for images of the user's own.
        refs: The images of the prompt, one per map.
        opacity: 0 shows the image alone, 1 the heat alone.
        colormap: One of `workbench.explain.colormaps.COLORMAPS`.
    """

    uid: str | None = None
    refs: tuple[ImageRef, ...] = ()
    opacity: float = DEFAULT_OPACITY
    colormap: str = DEFAULT_COLORMAP

    def overlays(self) -> list[Image.Image]:
        """The heat over each image, of its own size. Raises `ImageError`."""
        look = {"opacity": self.opacity, "colormap": self.colormap}
        pairs = zip(self.refs, self.images, strict=True)
        return [overlay(ref.load(), heat, **look) for ref, heat in pairs]

    def _html(self) -> str:
        figures = [self._figure(number) for number in range(len(self.images))]
        return (
            markup.heading(self.uid or "map", f"token {self.token} {_quoted(self.token_text)}")
            + markup.row(figures)
            + markup.block(legend(self.colormap))
            + markup.facts(
                [
                    ("method", self._method()),
                    ("answer", markup.prose(self.answer)),
                    ("note", markup.esc("; ".join(self.notes))),
                ]
            )
        )

    def _method(self) -> str:
        where = f" at {markup.badge(self.layer)}" if self.layer else ""
        versus = f" against {_quoted(self.contrast)}" if self.contrast else ""
        return f"{markup.badge(self.method)}{where}, {markup.esc(self.target)}{versus}"

    def _figure(self, number: int, width: int = 280) -> str:
        """One image with its heat, a ring at the peak, and the figures beneath."""
        from workbench.errors import ImageError

        heat = self.images[number]
        top = float(heat.grid.max())
        words = f"image {number + 1} · heat {top:.2f} · peak {heat.peak[0]},{heat.peak[1]}"
        try:
            picture = self._painted(number, enough(width))
        except (ImageError, IndexError) as error:
            return markup.block(markup.badge(f"no image: {error}", markup.BAD))
        ring = _ring(heat) if top > 0 else ""
        drawn = img(picture, width=width, alt=f"heat over {words}", over=ring)
        return f"<div>{drawn}{markup.muted(markup.esc(words))}</div>"

    def _painted(self, number: int, side: int) -> Image.Image:
        """Heat over an image, large enough to show it: a small one is enlarged first."""
        from PIL import Image

        from workbench.images.decode import thumbnail

        picture = thumbnail(self.refs[number], (side, side))
        times = max(1, side // max(picture.size))
        size = (picture.width * times, picture.height * times)
        picture = picture.resize(size, Image.Resampling.NEAREST)
        heat = self.images[number]
        return overlay(picture, heat, opacity=self.opacity, colormap=self.colormap)

    def _plain(self) -> str:
        places = (
            f"image {n}: heat {float(heat.grid.max()):.2f} at {heat.peak[0]},{heat.peak[1]}"
            for n, heat in enumerate(self.images, 1)
        )
        head = f"token {self.token} {self.token_text!r}, {self.method} {self.layer}".strip()
        return clean(f"{head} · {' · '.join(places)}", newlines=False)


class Maps(Shown, Sequence[Map]):
    """The maps of several tokens of one answer, a row each."""

    def __init__(self, maps: Sequence[Map]) -> None:
        self._maps = tuple(maps)

    def __getitem__(self, index: Any) -> Any:
        return self._maps[index]

    def __len__(self) -> int:
        return len(self._maps)

    def _html(self) -> str:
        rows = [
            (
                markup.muted(str(one.token)),
                f"<b>{_quoted(one.token_text)}</b>",
                markup.row(one._figure(n, 150) for n in range(len(one.images))),
            )
            for one in self._maps[:_MOST_MAPS]
        ]
        if not rows:
            return markup.block("no maps")
        first = self._maps[0]
        return (
            markup.heading(first.uid or "maps", f"{len(self)} tokens")
            + markup.table(("", "token", "heat"), rows)
            + markup.block(legend(first.colormap))
            + markup.facts([("method", first._method()), ("answer", markup.prose(first.answer))])
        )

    def _plain(self) -> str:
        return "\n".join(one._plain() for one in self._maps)


def _ring(heat: HeatMap) -> str:
    (x, y), (width, height) = heat.peak, heat.size
    at = f"left:{(x + 0.5) / width:.4%};top:{(y + 0.5) / height:.4%}"
    look = "width:14px;height:14px;margin:-9px 0 0 -9px;border:2px solid white;border-radius:50%"
    shade = "box-shadow:0 0 0 1px black,inset 0 0 0 1px black"
    return f'<div style="position:absolute;{at};{look};{shade}"></div>'


def legend(colormap: str) -> str:
    """The colours from cold to hot."""
    import numpy as np

    stops = colour(np.linspace(0, 1, 9), colormap)
    colours = ",".join(f"rgb({r},{g},{b})" for r, g, b in stops.tolist())
    strip = (
        '<span style="display:inline-block;width:10em;height:.7em;margin:0 .5em;'
        f'background:linear-gradient(to right,{colours})"></span>'
    )
    words = "over all images of the prompt; the ring is the peak"
    return f"{markup.muted('0')}{strip}{markup.muted('1')} {markup.muted(words)}"


def _quoted(text: str | None) -> str:
    return markup.esc(repr(text), 80)


def explain(
    said: Said,
    token: int | str | Sequence[int],
    knobs: dict[str, Any],
    *,
    opacity: float,
    colormap: str,
    record: bool,
) -> Map | Maps:
    """Ask the engine where tokens of an answer come from.

    Raises:
        UsageError: The answer does not say what was asked, or a knob cannot be meant.
        KeyboardInterrupt: The cell was interrupted; the engine has stopped.
        WbError: As the engine raises: a family that cannot be explained says so.
    """
    from sessions.session_log import current_session
    from workbench.errors import Cancelled, UsageError
    from workbench.models.remote_model import refuse_weights
    from workbench.playground.explain import Explained
    from workbench.playground.explain import explain as explain_answer
    from workbench.serving.client import Engine

    question = said.question
    if question is None:
        raise UsageError("this answer does not know its question", hint="explain what ask gave")
    refuse_weights(question.spec, "Grad-CAM")
    live = Live()

    def tell(stage: str, share: float) -> None:
        live.draw(lambda: markup.muted(f"{markup.esc(stage, 80)} {share:.0%}"))

    with Engine.connect(start=True) as engine, interruptible() as pressed:
        try:
            reply = explain_answer(
                engine,
                Explained(question, said, token, knobs, _prompt_id(said)),
                log=current_session() if record else None,
                cancelled=pressed,
                on_progress=tell,
            )
        except Cancelled:
            if pressed():
                raise KeyboardInterrupt("interrupted") from None
            raise
        finally:
            live.clear()
    replies = reply.get("tokens") or [reply]
    refs = tuple(ref for message in question.messages for ref in message.images)
    maps = [_map(one, question.uid, refs, opacity, colormap) for one in replies]
    return Maps(maps) if "tokens" in reply else maps[0]


def _map(
    reply: dict[str, Any],
    uid: str | None,
    refs: tuple[ImageRef, ...],
    opacity: float,
    colormap: str,
) -> Map:
    read = Explanation.from_json(reply)
    values = {f.name: getattr(read, f.name) for f in fields(Explanation)}
    return Map(**values, uid=uid, refs=refs, opacity=opacity, colormap=colormap)


def _prompt_id(said: Said) -> str | None:
    """The line of the session that holds the answer, `None` where none does."""
    return said.record.id if said.record is not None and said.session else None
