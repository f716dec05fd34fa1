"""Half-cell blocks: two pixels per cell, the shape kept, true colours or the palette."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from workbench.images.terminal.halfcell import (
    HalfcellImage,
    fit,
    halfcell_segments,
    render_halfcells,
)


def test_each_cell_holds_the_pixel_above_and_the_one_below():
    image = Image.new("RGB", (2, 4))
    image.putdata([(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)] * 2)
    rows = render_halfcells(image, 2, 2)
    assert rows == [
        [("▀", (1, 1, 1), (3, 3, 3)), ("▀", (2, 2, 2), (4, 4, 4))],
        [("▀", (1, 1, 1), (3, 3, 3)), ("▀", (2, 2, 2), (4, 4, 4))],
    ]


@pytest.mark.parametrize(
    ("size", "room", "cells"),
    [
        ((400, 100), (80, 24), (80, 10)),
        ((100, 400), (80, 24), (12, 24)),
        ((64, 64), (80, 20), (40, 20)),
        ((1, 5000), (80, 24), (1, 24)),
        ((5000, 1), (80, 24), (80, 1)),
        ((10, 10), (0, 5), (0, 0)),
    ],
)
def test_the_shape_is_kept_within_the_room(size, room, cells):
    assert fit(size, *room) == cells


def test_no_room_draws_nothing():
    assert render_halfcells(Image.new("RGB", (5, 5)), 0, 3) == []


def test_without_truecolor_the_nearest_of_the_fixed_colours_is_taken():
    image = Image.new("RGB", (4, 2))
    image.putdata([(255, 0, 0), (0, 0, 0), (255, 255, 255), (129, 128, 127)] * 2)
    colors = [cell[1] for cell in render_halfcells(image, 4, 1, truecolor=False)[0]]
    assert colors == [196, 16, 231, 244]


def test_the_palette_is_never_further_than_the_best_of_its_two_parts():
    levels = [0, 95, 135, 175, 215, 255]
    palette = {
        16 + 36 * r + 6 * g + b: (levels[r], levels[g], levels[b])
        for r in range(6)
        for g in range(6)
        for b in range(6)
    }
    palette |= {232 + i: (8 + 10 * i,) * 3 for i in range(24)}
    table = np.array(list(palette.values()))
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (2, 200, 3), dtype=np.uint8)
    row = render_halfcells(Image.fromarray(pixels), 200, 1, truecolor=False)[0]
    for x, (_, index, _) in enumerate(row):
        error = ((table - pixels[0, x].astype(int)) ** 2).sum(1)
        chosen = ((np.array(palette[index]) - pixels[0, x].astype(int)) ** 2).sum()
        assert chosen <= error.min() * 1.35 + 30  # the grey is chosen by the mean alone


def test_segments_join_neighbours_of_one_style():
    segments = halfcell_segments(Image.new("RGB", (30, 4), "red"), 30, 2)
    assert [len(row) for row in segments] == [1, 1]
    assert segments[0][0].text == "▀" * 30


def test_the_renderable_fits_its_console():
    out = io.StringIO()
    console = Console(file=out, width=20, force_terminal=True, color_system="truecolor")
    console.print(HalfcellImage(Image.new("RGB", (400, 100), (1, 2, 3)), 60, 20))
    assert out.getvalue().count("▀") == 20 * 3  # 5 rows of pixels need 3 rows of cells
    assert "38;2;1;2;3" in out.getvalue()
