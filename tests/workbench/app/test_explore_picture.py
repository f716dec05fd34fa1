"""The picture is always that of the text: on a move the old one goes before the new one comes.

Decoding and reading wait for an event of the test, so that nothing here depends on time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.app.explore_bench import Bench, bench
from workbench.data.adding import add
from workbench.images import decode

RED, GREEN, BLUE = (200, 0, 0), (0, 150, 0), (0, 0, 200)
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}
LARGE = (5000, 4000)  # pixels: a quarter of a second and more to decode


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three samples, of which the second has a large picture."""
    rows = ["id,image,question"]
    for number, (name, colour) in enumerate(COLOURS.items()):
        size = LARGE if name == "green" else (64, 64)
        Image.new("RGB", size, colour).save(tmp_path / f"{name}.jpg", quality=95)
        rows.append(f"q{number},{name}.jpg,Is it {name}?")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    add("mine", tmp_path / "mine.csv")
    return tmp_path


class Gate:
    """Decoding of the images with a name in theirs waits until `open` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        self._decode, self._name = decode.decode, name
        monkeypatch.setattr(decode, "decode", self)

    def __call__(self, data: bytes, name: str = "image", **options) -> Image.Image:
        if self._name in name:
            self.reached.set()
            assert self.open.wait(60)
        return self._decode(data, name, **options)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(monkeypatch, "green.jpg")
    yield gate
    gate.open.set()


def drawn(b: Bench) -> set[str]:
    """The names of the pictures of which a cell is on the screen."""
    names = set()
    for strip in b.app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            for colour in (style.color, style.bgcolor) if style and "▀" in segment.text else ():
                red, green, blue = colour.get_truecolor() if colour else (0, 0, 0)
                names |= {
                    name
                    for name, (r, g, b_) in COLOURS.items()
                    if abs(red - r) + abs(green - g) + abs(blue - b_) < 40
                }
    return names


async def watched(b: Bench, holds: Callable[[], bool], never: str) -> None:
    """Wait until something holds; on the way no picture of that name is ever on the screen
    while the text of another sample is."""

    def check() -> bool:
        if f"Is it {never}?" not in b.text():
            assert never not in drawn(b), b.text()
        return holds()

    await b.until(check)


async def test_the_old_picture_is_gone_while_a_large_one_is_decoded(pictures, gate):
    async with bench((120, 40), dataset="mine/mine") as b:
        assert drawn(b) == {"red"} and "Is it red?" in b.text()
        await b.pilot.press("j")
        await watched(b, lambda: "Is it green?" in b.text(), "red")
        assert drawn(b) == set()
        size = (pictures / "green.jpg").stat().st_size
        words = f"{size / 1e6:.0f} MB" if size >= 999_500 else f"{size / 1e3:.0f} kB"
        await b.shows(f"decoding {words} …")
        gate.open.set()
        await watched(b, lambda: drawn(b) == {"green"}, "red")
        await b.settle()
        assert "decoding" not in b.text()


async def test_what_was_decoded_for_a_sample_that_was_left_is_dropped(pictures, gate):
    async with bench((120, 40), dataset="mine/mine") as b:
        await b.pilot.press("j")
        await b.until(gate.reached.is_set)
        await b.pilot.press("j")
        await watched(b, lambda: drawn(b) == {"blue"}, "green")  # it waits for no old decoding
        gate.open.set()
        await b.settle()
        assert drawn(b) == {"blue"} and "Is it blue?" in b.text()


async def test_the_event_loop_goes_on_while_a_picture_is_decoded(pictures, gate):
    async with bench((120, 40), dataset="mine/mine") as b:
        await b.pilot.press("j")
        await b.until(gate.reached.is_set)
        await b.pilot.press("slash")
        await b.pilot.press("q")
        assert b.explore.query_one("#filter").value == "q"


async def test_a_picture_in_decoding_is_decoded_once_though_the_terminal_is_resized(
    pictures, gate, monkeypatch
):
    decoded = []
    through = decode.decode
    monkeypatch.setattr(
        decode, "decode", lambda d, n="", **o: decoded.append(n) or through(d, n, **o)
    )
    async with bench((120, 40), dataset="mine/mine") as b:
        await b.pilot.press("j")
        await b.until(gate.reached.is_set)
        await b.pilot.resize_terminal(200, 60)
        gate.open.set()
        await b.until(lambda: drawn(b) == {"green"})
        assert sum("green" in name for name in decoded) == 1


async def test_while_the_next_sample_is_read_the_old_picture_is_gone(pictures, monkeypatch):
    async with bench((120, 40), dataset="mine/mine") as b:
        browser = b.explore.view.browser
        assert browser is not None
        opened, through = threading.Event(), browser.at
        monkeypatch.setattr(browser, "at", lambda n: (opened.wait(60), through(n))[1])
        await b.pilot.press("j")
        await b.shows("reading sample 2 …")
        assert drawn(b) == set()
        await b.pilot.press("k")  # back, before it was read
        opened.set()
        await b.until(lambda: drawn(b) == {"red"})
        await b.settle()
        assert drawn(b) == {"red"} and "reading" not in b.text()


async def test_what_stays_of_a_picture_in_the_terminal_is_freed_when_it_is_left(
    pictures, gate, monkeypatch
):
    import workbench.app.widgets.image_view as view

    sent: list[str] = []
    monkeypatch.setattr(view, "send", lambda app, sequence: sent.append(sequence))
    monkeypatch.setenv("WB_IMAGES", "kitty")
    async with bench((120, 40), dataset="mine/mine") as b:
        held = b.explore.widgets.image._frame
        assert held is not None and held.remove and held.upload in sent
        await b.pilot.press("j")
        await b.until(gate.reached.is_set)
        assert sent[-1] == held.remove


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 44)])
async def test_the_area_of_the_image_depends_on_no_text(tmp_path, size):
    Image.new("RGB", (64, 64), RED).save(tmp_path / "red.png")
    long = "A sentence that goes on, and on. " * 40
    rows = f"id,image,question,explanation\na,red.png,Short?,\nb,red.png,{long},{long}\n"
    (tmp_path / "mine.csv").write_text(rows)
    add("mine", tmp_path / "mine.csv")
    async with bench(size, dataset="mine/mine") as b:
        image = b.explore.widgets.image
        before = (image.region, image.boxes)
        await b.press("j")
        assert (image.region, image.boxes) == before


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 44)])
async def test_neither_an_answer_nor_heat_moves_the_image(size):
    from tests.workbench.app.explore_bench import FakeEngine

    async with bench(size, engine=FakeEngine()) as b:
        image = b.explore.widgets.image
        before = (image.region, image.boxes)
        await b.press("enter")
        assert (image.region, image.boxes) == before
        await b.press("g")
        await b.shows("heat", "hirescam")
        assert (image.region, image.boxes) == before
        await b.press("g")
        assert (image.region, image.boxes) == before
