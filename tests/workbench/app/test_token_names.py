"""Tokens that differ look different, and the line under a heat map fits its width."""

import numpy as np
import pytest
from rich.console import Console

from workbench.app.explore.answer import alternatives
from workbench.app.explore.heat_bar import caption
from workbench.app.explore.token_name import token_name
from workbench.app.widgets.frames import HeatLook
from workbench.explain.colormaps import colour
from workbench.sample import Token

ALIKE = ["Yes", " Yes", "  Yes", "Yes ", "Yes\n", "Yes\n\n", "Yes\t", "Yes\u200b", "Yes\xa0", ""]


def test_no_two_tokens_have_one_name():
    assert len({token_name(text) for text in ALIKE}) == len(ALIKE)
    assert token_name(" Yes") == "␣Yes" and token_name("of the") == "of the"
    assert "\x1b" not in token_name("\x1b[31mred")


def test_alternatives_that_differ_by_a_blank_are_told_apart():
    token = Token(1, " Yes", -0.1, ((" Yes", -0.1), ("Yes", -2.5), (" yes", -4.0)))
    assert alternatives(token).plain == "‹␣Yes› 0.90   Yes 0.08   ␣yes 0.02"


HEAT = {
    "token_text": " False",
    "method": "elementwise",
    "target": "margin",
    "contrast": " True",
    "layer": "model.vision_tower.encoder.layers.26",
    "notes": ["the prompt was cut"],
}


@pytest.mark.parametrize("width", [160, 110, 96, 80, 66, 50])
def test_the_line_under_a_heat_map_is_whole_at_any_width(width):
    line = caption(HEAT, HeatLook(), width)
    assert line.cell_len <= width, line.plain
    words = line.plain
    assert "‹␣False›" in words and "elementwise" in words and "layers.26" in words
    assert ("c turbo" in words) == (width >= 80)
    bars = [line.get_style_at_offset(Console(), words.index(bar)).color for bar in ("▁", "▇")]
    low, high = (colour(np.array([at]), "turbo")[0].tolist() for at in (0, 1))
    assert list(bars[0].triplet) == low, "the scale begins with the colour of the coldest"
    assert bars[1].triplet.red > 100 > bars[1].triplet.blue, "and ends near that of the hottest"
    assert ("heat low ▁▂▃▄▅▆▇█ high" in words) == (width >= 96)
