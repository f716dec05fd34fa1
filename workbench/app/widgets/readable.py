"""The last step before the screen: colours by meaning become the theme's, and text can be read.

What is drawn by hand names its colours by meaning, in the terminal's own words (`lists/palette.py`
lists them). They become the colours of the theme here, line by line as it is drawn, so that no
widget keeps the colours of a theme that was left, and no screen can forget to follow.
Guarantee: text that comes out of `Readable` has a contrast of at least `BODY` against the ground
that it stands on, whatever theme, selection or opacity is in force, and a sign one of at least
`SIGN`. Lines, bars and pictures keep their colours.
Not for: themes that leave all colours to the terminal (`ansi-dark`, `ansi-light`): nobody knows
those, so names go out as they are and only text on a coloured ground is made plain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from unicodedata import combining

from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as ThemeColor
from textual.color import ColorParseError
from textual.filter import LineFilter

BODY = 4.5  # WCAG 2.2, success criterion 1.4.3: text
SIGN = 3.0  # and 1.4.11: what is no text but must be seen

Rgb = tuple[int, int, int]

# The number of each of the terminal's colours, and the theme's colours that stand for it.
_ROLES: tuple[tuple[str, ...], ...] = (
    ("background",),  # black
    ("text-error", "error"),  # red
    ("text-success", "success"),  # green
    ("text-warning", "warning"),  # yellow
    ("text-primary", "primary"),  # blue
    ("text-accent", "accent"),  # magenta
    ("text-secondary", "secondary"),  # cyan
    ("foreground",),  # white
)
_DIM = 0.62  # how much of itself a dimmed colour keeps
_KEEPS_COLOUR = (
    (0x2500, 0x259F),  # lines, blocks: borders, bars, half-cells
    (0x2800, 0x28FF),  # braille: plots
    (0x1FB00, 0x1FBFF),  # smaller blocks
    (0x10EEEE, 0x10EEEE),  # kitty's placeholder: its colour is the picture's number
)


def luminance(rgb: Rgb) -> float:
    """The relative luminance of WCAG 2.2, 0 to 1."""
    linear = [c / 255 for c in rgb]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in linear)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of WCAG 2.2, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(8192)
def lifted(text: Rgb, ground: Rgb, floor: float) -> Rgb:
    """`text`, made lighter or darker until its contrast against `ground` is at least `floor`.

    Any floor up to 4.58 can be met: black or white has that much against every ground.
    """
    if contrast(text, ground) >= floor:
        return text
    lighter = luminance(text) >= luminance(ground)
    ends: tuple[Rgb, Rgb] = ((255, 255, 255), (0, 0, 0))
    end = ends[0] if lighter else ends[1]
    if contrast(end, ground) < floor:
        end = ends[1] if lighter else ends[0]
    for step in range(1, 20):
        mixed = blend(text, end, step / 20)
        if contrast(mixed, ground) >= floor:
            return mixed
    return end


def blend(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` with that share of `other`."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(one, other, strict=True))
    return (r, g, b)


@lru_cache(8192)
def floor_of(text: str) -> float:
    """The contrast that a text needs: 0 for blanks, lines and pictures."""
    floor = 0.0
    for character in text:
        if character.isalnum() and not _keeps_colour(character):
            return BODY
        if not character.isspace() and not _keeps_colour(character):
            floor = SIGN
    return floor


def _keeps_colour(character: str) -> bool:
    # Marks say a letter's accent or, behind kitty's placeholder, which part of the picture it is.
    if combining(character):
        return True
    point = ord(character)
    return any(first <= point <= last for first, last in _KEEPS_COLOUR)


class Readable(LineFilter):
    """Names of colours become those of one theme; what is text gets the contrast that it needs."""

    def __init__(self, theme: Mapping[str, str], *, terminal: bool = False) -> None:
        """A filter for one theme.

        Args:
            theme: The app's theme variables.
            terminal: The theme leaves its colours to the terminal.
        """
        super().__init__()
        self._terminal = terminal
        ground = _first(theme, ("background",)) or (0, 0, 0)
        fore = _first(theme, ("foreground",)) or (255, 255, 255)
        self._fore, self._ground = fore, ground
        self._named = [_first(theme, names) or fore for names in _ROLES]
        self._style = lru_cache(4096)(self._find_style)

    def apply(self, segments: Sequence[Segment], background: ThemeColor) -> list[Segment]:  # type: ignore[override]
        """One line as it goes to the screen."""
        ground, out = background.rgb, []
        for segment in segments:
            text, style, _ = segment
            if style is not None:
                floor = floor_of(text)
                # Of a picture each cell has colours of its own: nothing is to be found for them.
                if floor or not is_final(style):
                    segment = Segment(text, self._style(style, ground, floor))
            out.append(segment)
        return out

    def _find_style(self, style: Style, under: Rgb, floor: float) -> Style:
        if self._terminal:
            return _terminal_style(style, floor)
        text = self._rgb(style.color, self._fore)
        ground = self._rgb(style.bgcolor, under)
        if style.dim:
            text = blend(ground, text, _DIM)
        if style.reverse:  # the text has the colour of the ground, so that is what must give way
            ground = lifted(ground, text, floor) if floor else ground
        elif floor:
            text = lifted(text, ground, floor)
        fore = Color.from_rgb(*text)
        back = None if style.bgcolor is None and not style.reverse else Color.from_rgb(*ground)
        return style + Style(color=fore, bgcolor=back, dim=False)

    def _rgb(self, colour: Color | None, otherwise: Rgb) -> Rgb:
        """What a colour is in this theme; `otherwise` where it is the default."""
        if colour is None or colour.type is ColorType.DEFAULT:
            return otherwise
        if colour.triplet is not None:
            return (colour.triplet.red, colour.triplet.green, colour.triplet.blue)
        number = colour.number or 0
        if number >= 16:
            found = colour.get_truecolor()
            return (found.red, found.green, found.blue)
        return self._named[number % 8]


def is_final(style: Style) -> bool:
    """Whether both colours are said as they are to be drawn, as those of a picture's cells are."""
    fore, back = style.color, style.bgcolor
    if fore is None or back is None or style.dim or style.reverse:
        return False
    return fore.type is back.type is ColorType.TRUECOLOR


def _terminal_style(style: Style, floor: float) -> Style:
    """Text on a coloured ground in black or white; the rest is the terminal's."""
    if not floor or style.bgcolor is None or style.bgcolor.type is ColorType.DEFAULT:
        return style
    found = style.bgcolor.get_truecolor()
    ground = luminance((found.red, found.green, found.blue))
    # Where the two have the same contrast; a terminal's own blue or green is not far from xterm's.
    plain = "black" if ground > 0.179 else "bright_white"
    return style + Style(color=plain, dim=False, reverse=False)


def _first(theme: Mapping[str, str], names: Sequence[str]) -> Rgb | None:
    """The first of these variables that is a colour of its own."""
    for name in names:
        try:
            found = ThemeColor.parse(theme.get(name, ""))
        except ColorParseError:
            continue
        if found.ansi is None and found.a == 1:
            return found.rgb
    return None
