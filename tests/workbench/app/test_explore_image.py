"""Images: protocols chosen without asking, aspect ratios, broken images, upload and removal."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.app.explore_bench import bench
from workbench.app.widgets.arrangement import Box, arrange
from workbench.app.widgets.frames import HeatLook, ShownPicture, make_frame
from workbench.app.widgets.pictures import decode_images
from workbench.app.widgets.protocol import passed_through
from workbench.images.terminal.protocol import choose_protocol
from workbench.sample import ImageRef, Sample


@pytest.mark.parametrize(
    ("setting", "env", "wanted"),
    [
        ("auto", {"TERM": "xterm-256color"}, "halfcell"),
        ("auto", {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ("auto", {"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "TMUX": "x"}, "halfcell"),
        ("auto", {"TERM": "foot"}, "sixel"),
        ("auto", {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ("auto", {"TERM": "xterm-kitty", "TEXTUAL_DRIVER": "web"}, "halfcell"),
        ("auto", {}, "halfcell"),
        ("auto", {"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ("auto", {"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ("auto", {"TERM": "tmux-256color", "TMUX": "x", "LC_TERMINAL": "iTerm2"}, "halfcell"),
        ("iterm2", {}, "iterm2"),
        ("kitty", {"TMUX": "x"}, "kitty"),
        ("off", {}, "off"),
    ],
)
def test_auto_decides_from_the_environment_alone(setting, env, wanted):
    assert choose_protocol(setting, env) == wanted


def captions_of(names: list[str], area: tuple[int, int]) -> str:
    """The line below square pictures of these names."""
    image = Image.new("RGB", (64, 64), "white")
    frame = make_frame([ShownPicture(image, caption=name) for name in names], area)
    return "".join(s.text for s in frame.strips[frame.boxes[0].y + frame.boxes[0].height])


def test_a_caption_wider_than_its_picture_is_whole_if_there_is_room():
    assert captions_of(["pictures/271.png 64×64"], (60, 8)).strip() == "pictures/271.png 64×64"


def test_captions_of_pictures_side_by_side_never_touch_and_say_that_they_are_cut():
    assert captions_of(["left 64×64", "right 64×64"], (60, 9)).split() == [
        *("left", "64×64", "right", "64×64")
    ]
    names = ["folder/the-left-one.png", "folder/the-right-one.png"]
    first, second = captions_of(names, (60, 9)).split()
    assert first.startswith("folder/the-left") and second.startswith("folder/the-right")
    assert captions_of(["a" * 90], (60, 8)).strip() == "a" * 59 + "…"


@pytest.mark.parametrize("area", [(80, 10), (46, 27), (114, 50), (12, 40), (5, 3)])
@pytest.mark.parametrize(
    "sizes", [[(64, 64)], [(64, 64)] * 2, [(400, 100)], [(100, 400), (400, 100)], [(9, 7)] * 5]
)
def test_pictures_keep_their_shape_and_stay_inside(area, sizes):
    boxes = arrange(sizes, area, (10, 20), 1)
    assert len(boxes) == len(sizes)
    for box, (width, height) in zip(boxes, sizes, strict=True):
        assert box.width >= 1 and box.height >= 1
        if min(box.width, box.height) >= 8:
            shown = (box.width * 10) / (box.height * 20)
            assert shown == pytest.approx(width / height, rel=0.15)
    if area[0] >= 12 and area[1] >= 10:
        for box in boxes:
            assert box.x >= 0 and box.x + box.width <= area[0]
            assert box.y >= 0 and box.y + box.height < area[1]


def test_a_pair_lies_side_by_side_where_that_is_larger_and_stacked_where_it_is_not():
    wide = arrange([(64, 64)] * 2, (100, 20), (10, 20))
    tall = arrange([(64, 64)] * 2, (30, 60), (10, 20))
    assert wide[0].y == wide[1].y and tall[0].x == tall[1].x
    single = arrange([(64, 64)], (100, 20), (10, 20))
    assert single == [Box(31, 0, 38, 19)]


def picture(colour: str = "red", size: tuple[int, int] = (40, 40)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_every_line_of_a_frame_is_as_wide_as_the_area():
    shown = [
        ShownPicture(picture(), "left 表情 \x1b[31m"),
        ShownPicture(None, "right", error="cannot [/b] " * 9),
    ]
    for protocol in ("halfcell", "kitty", "sixel", "iterm2", "off"):
        frame = make_frame(shown, (61, 17), protocol=protocol, look=HeatLook())
        assert len(frame.strips) == 17
        for strip in frame.strips:
            assert strip.cell_length == 61
            assert "\x1b" not in strip.text


def test_kitty_uploads_png_places_it_by_placeholders_and_frees_it():
    import base64
    import re

    frame = make_frame([ShownPicture(picture())], (20, 10), protocol="kitty", first_id=0x12345)
    assert frame.upload.startswith(f"\x1b_Gi={0x12345},f=100")
    payload = "".join(re.findall(r"\x1b_G(?:i=\d+,f=100|m=).*?;(.*?)\x1b\\", frame.upload))
    sent = Image.open(io.BytesIO(base64.b64decode(payload)))
    box = frame.boxes[0]
    assert sent.size == (box.width * 10, box.height * 20)
    assert f"c={box.width},r={box.height}" in frame.upload
    assert "\U0010eeee" in frame.strips[0].text
    assert f"i={0x12345}" in frame.remove


def test_sixels_are_made_for_each_picture():
    frame = make_frame(
        [ShownPicture(picture()), ShownPicture(picture("blue"))], (60, 20), protocol="sixel"
    )
    assert len(frame.stamps) == 2
    assert all(data.startswith("\x1bP") and data.endswith("\x1b\\") for _, data in frame.stamps)


def test_iterm2_is_sent_a_png_of_the_cells_that_it_covers():
    import base64
    import re

    frame = make_frame([ShownPicture(picture(size=(64, 48)))], (40, 12), protocol="iterm2")
    box, data = frame.stamps[0]
    found = re.fullmatch(r"\x1b]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07", data)
    assert found
    keys = dict(pair.split("=") for pair in found[1].split(";"))
    png = base64.b64decode(found[2])
    assert keys["inline"] == "1" and int(keys["size"]) == len(png)
    assert (int(keys["width"]), int(keys["height"])) == (box.width, box.height)
    assert Image.open(io.BytesIO(png)).size == (box.width * 10, box.height * 20)


def test_textual_image_is_imported_without_a_word_to_the_terminal():
    """On a real terminal (a pty) its import would send queries and wait for replies."""
    code = """
from workbench.app.widgets.protocol import quiet_import
assert quiet_import("textual_image.renderable.tgp")
assert quiet_import("textual_image._sixel")
"""
    script = "import pty,sys; pty.spawn([sys.executable, '-c', sys.argv[1]])"
    done = subprocess.run(
        [sys.executable, "-c", script, code],
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout == b"", done.stdout


def bad_images(folder: Path) -> dict[str, ImageRef]:
    png = io.BytesIO()
    picture(size=(30, 20)).save(png, "PNG")
    (folder / "cut.png").write_bytes(png.getvalue()[:60])
    (folder / "empty.png").write_bytes(b"")
    Image.new("CMYK", (30, 20)).save(folder / "cmyk.jpg")
    Image.new("I;16", (30, 20)).save(folder / "deep.png")
    return {
        "gone": ImageRef(path=folder / "gone.png", name="gone"),
        "cut": ImageRef(path=folder / "cut.png", name="cut"),
        "empty": ImageRef(path=folder / "empty.png", name="empty"),
        "cmyk": ImageRef(path=folder / "cmyk.jpg", name="cmyk"),
        "deep": ImageRef(path=folder / "deep.png", name="deep"),
    }


def test_what_cannot_be_decoded_is_an_error_in_its_place(tmp_path):
    refs = bad_images(tmp_path)
    shown = dict(zip(refs, decode_images(tuple(refs.values()), lambda: False), strict=True))
    assert all(shown[name].image is None and shown[name].error for name in ("gone", "cut", "empty"))
    assert shown["cmyk"].image is not None and shown["deep"].image is not None


class BadSource:
    """Three samples: no image, broken images, hostile texts."""

    dataset, split, task, revision, labels, length = "bad", "all", "statement", "1", (), 3

    def __init__(self, folder: Path) -> None:
        evil = "a\x1b[2Jb [/red] [link=http://x]y \u202e"
        self.samples = [
            Sample("bad/all/0", (), {"sentence": "no image"}, task="statement"),
            Sample("bad/all/1", tuple(bad_images(folder).values()), {"sentence": "x"}),
            Sample("bad/all/[/red]2", (), {"sentence": evil, evil: "y"}, label="[/b]", error=evil),
        ]

    def iter(self, start: int = 0):
        yield from self.samples[start:]

    def at(self, ordinal: int) -> Sample:
        return self.samples[ordinal]

    def get(self, uid: str) -> Sample:
        return self.samples[self.ordinal(uid)]

    def ordinal(self, uid: str) -> int:
        return next(n for n, sample in enumerate(self.samples) if sample.uid == uid)

    def uid_at(self, ordinal: int) -> str:
        return self.samples[ordinal].uid


async def test_the_bench_stays_up_on_bad_images_and_hostile_texts(tmp_path, monkeypatch):
    import workbench.data.source as source

    plain = source.open_source
    monkeypatch.chdir(tmp_path)  # a long path would be broken where a line ends, with its name
    monkeypatch.setattr(
        source, "open_source", lambda s: BadSource(Path()) if s == "bad/all" else plain(s)
    )
    async with bench((200, 60), dataset="bad/all") as b:
        await b.shows("no image in this sample")
        await b.press("j")
        await b.shows("gone.png", "✗")
        await b.press("j")
        shown = b.text()
        assert "[/red] [link=http://x]y" in shown
        assert "\x1b" not in shown and "\u202e" not in shown
        await b.shows("bad/all/[/red]2")
        await b.press("B")
        await b.shows("Bookmark bad/all/[/red]2")
        await b.press("enter", "Y")
        assert b.app.clipboard == "bad/all/[/red]2"
        await b.press("slash")
        await b.type("is:broken")
        assert b.explore.widgets.samples.matches == [2]


async def test_images_off_shows_their_sizes_alone(monkeypatch):
    monkeypatch.setenv("WB_IMAGES", "off")
    async with bench() as b:
        assert "▀" not in b.text() and "64×64" in b.text()


async def test_the_picture_grows_with_the_terminal_and_z_gives_it_all_of_it():
    async with bench((120, 40)) as b:
        small = b.explore.widgets.image.boxes[0]
        await b.press("z")
        large = b.explore.widgets.image.boxes[0]
        assert large.width * large.height > 1.4 * small.width * small.height
        await b.press("escape")
        await b.pilot.resize_terminal(200, 60)
        await b.settle()
        assert b.explore.widgets.image.boxes[0].width > small.width


async def test_narrow_shows_one_column_and_the_rest_slides_over():
    async with bench((80, 24)) as b:
        assert not b.explore.widgets.samples.region.width
        await b.press("l")
        assert b.explore.widgets.samples.region.width > 30
        await b.press("escape")
        assert not b.explore.widgets.samples.region.width
        await b.press("p")
        assert b.explore.widgets.panel.region.width > 40
        await b.press("escape")
        assert not b.explore.widgets.panel.region.width
        image = b.explore.widgets.image.region
        assert image.width >= 78 and image.height >= 11


async def test_samples_are_stepped_through_while_the_list_is_folded_away_and_it_follows():
    async with bench((80, 24)) as b:
        await b.press(*"j" * 25)
        assert b.explore.view.uid == "demo/test/000025"
        await b.press("k")
        assert b.explore.view.uid == "demo/test/000024"
        await b.press("l")
        samples = b.explore.widgets.samples
        top = samples.scroll_offset.y
        assert top <= samples.cursor < top + samples.size.height
        await b.press("j")
        assert b.explore.view.uid == "demo/test/000025"


def test_graphics_go_through_tmux_one_by_one_with_every_escape_doubled():
    sent = "\x1b_Gi=1,m=1;AAAA\x1b\\\x1b_Gm=0;BB\x1b\\"
    parts = passed_through(sent).split("\x1bPtmux;")[1:]
    assert len(parts) == 2
    inner = [part.removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b") for part in parts]
    assert "".join(inner) == sent
