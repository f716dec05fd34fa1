"""Pictures by the terminal's own graphics: which protocol, and that the bytes say the picture."""

from __future__ import annotations

import base64
import io
import os
import pty
import re
import subprocess
import sys
import zlib

import pytest
from click.testing import CliRunner
from PIL import Image, ImageChops

from commands import inspect, printing
from workbench.data import show
from workbench.data.source import open_source
from workbench.errors import UsageError
from workbench.images.decode import thumbnail
from workbench.images.terminal import inline
from workbench.images.terminal.inline import choose, picture_lines
from workbench.images.terminal.protocol import choose_protocol

KITTY = re.compile(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\")
ITERM2 = re.compile(r"\x1b\]1337;File=([^:]*):([^\x1b\x07]*)(?:\x07|\x1b\\)")
# Every way in which a program asks a terminal something: each would type its answer into a shell.
QUERY = re.compile(r"\x1b\[[>=]?\d*c|\x1b\[\d*(?:;\d+)*t|\x1b\[>\d*q|\x1b\]1[01];\?|a=q|\x1b\[6n")


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-kitty", "SSH_TTY": "/dev/pts/3"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2", "SSH_TTY": "x"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "foot"}, None),
        ({"TERM": "tmux-256color", "LC_TERMINAL": "iTerm2", "TMUX": "x"}, None),
        ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, None),
        ({}, None),
    ],
)
def test_what_is_printed_is_drawn_as_the_bench_draws_in_the_same_terminal(env, wanted):
    bench = choose_protocol("auto", env)
    assert (bench if bench in inline.PROTOCOLS else None) == wanted
    assert choose("auto", env) == wanted
    assert choose("halfcell", env) is choose("256", env) is choose("sixel", env) is None
    assert choose("kitty", env) == "kitty"


def test_without_term_image_auto_draws_half_cells_and_a_name_says_how_to_have_it(monkeypatch):
    monkeypatch.setattr(inline, "installed", lambda: False)
    assert choose("auto", {"TERM": "xterm-kitty"}) is None
    with pytest.raises(UsageError) as caught:
        choose("kitty", {})
    assert "pip install" in (caught.value.hint or "")


def kitty_image(text: str) -> tuple[Image.Image, list[dict[str, str]]]:
    """The picture that the commands of kitty's protocol carry, strip below strip."""
    strips, heads, data, head = [], [], "", {}
    for keys, payload in KITTY.findall(text):
        facts = dict(pair.split("=") for pair in keys.split(","))
        head = head or facts
        data += payload
        if facts.get("m", "0") == "0":
            size = int(head["s"]), int(head["v"])
            raw = zlib.decompress(base64.b64decode(data))
            strips.append(Image.frombytes("RGB", size, raw))
            heads.append(head)
            data, head = "", {}
    whole = Image.new("RGB", (strips[0].width, sum(s.height for s in strips)))
    for number, strip in enumerate(strips):
        whole.paste(strip, (0, number * strips[0].height))
    return whole, heads


def iterm2_image(text: str) -> tuple[Image.Image, list[dict[str, str]]]:
    strips, heads = [], []
    for keys, payload in ITERM2.findall(text):
        facts = dict(pair.split("=") for pair in keys.split(";"))
        raw = base64.b64decode(payload)
        assert len(raw) == int(facts["size"])
        strips.append(Image.open(io.BytesIO(raw)).convert("RGB"))
        heads.append(facts)
    whole = Image.new("RGB", (strips[0].width, sum(s.height for s in strips)))
    for number, strip in enumerate(strips):
        whole.paste(strip, (0, number * strips[0].height))
    return whole, heads


def like(found: Image.Image, wanted: Image.Image) -> bool:
    """Whether two pictures show the same, but for how they were scaled."""
    small = ImageChops.difference(found.resize((12, 9)), wanted.convert("RGB").resize((12, 9)))
    return max(high for _, high in small.getextrema()) < 40  # type: ignore[misc]


@pytest.mark.parametrize(("protocol", "read"), [("kitty", kitty_image), ("iterm2", iterm2_image)])
def test_the_bytes_carry_the_picture_line_by_line_in_its_own_shape(protocol, read):
    picture = Image.new("RGB", (64, 48), "white")
    picture.paste("red", (0, 0, 32, 48))
    lines, columns = picture_lines(picture, protocol, 40, 6, (10, 20))
    assert (columns, len(lines)) == (16, 6)  # 160 by 120 pixels: 4 to 3
    found, heads = read("\n".join(lines))
    assert found.size == (160, 120) and like(found, picture)
    for head in heads:
        shape = (head["c"], head["r"]) if protocol == "kitty" else (head["width"], head["height"])
        assert shape == ("16", "1")
    assert not QUERY.search("".join(lines))


@pytest.mark.parametrize(("protocol", "pattern"), [("kitty", KITTY), ("iterm2", ITERM2)])
def test_wb_inspect_prints_the_pair_side_by_side_and_its_texts(protocol, pattern):
    result = CliRunner().invoke(inspect.command, ["demo/test/3", "--images", protocol])
    assert result.exit_code == 0
    sent = [line for line in result.stdout.splitlines() if pattern.search(line)]
    assert len(sent) == 12 and all(len(pattern.findall(line)) == 2 for line in sent)
    sample = open_source("demo/test").at(3)
    read = kitty_image if protocol == "kitty" else iterm2_image
    for number, ref in enumerate(sample.images):
        mine = "".join(_nth(pattern, line, number) for line in sent)
        assert like(read(mine)[0], thumbnail(ref, (400, 240)))
    assert "sentence" in result.stdout and "▀" not in result.stdout


def _nth(pattern: re.Pattern[str], line: str, number: int) -> str:
    return [found[0] for found in pattern.finditer(line)][number]


def test_every_word_of_the_setting_is_one_that_the_commands_take():
    from workbench.config import KNOBS

    assert printing.PICTURES == show.PICTURES
    assert set(KNOBS["images"].choices or ()) <= set(printing.PICTURES)


def test_on_a_terminal_that_is_kitty_the_gallery_draws_by_it_and_asks_nothing():
    main, other = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("TMUX", "STY", "TERM_PROGRAM")}
    code = "from commands.main import main; main()"
    done = subprocess.Popen(
        [sys.executable, "-P", "-c", code, "gallery", "demo/test", "--limit", "1"],
        stdin=other, stdout=other, stderr=other, start_new_session=True,
        env=env | {"TERM": "xterm-kitty"},
    )  # fmt: skip
    os.close(other)
    sent = b""
    while True:
        try:
            block = os.read(main, 1 << 16)
        except OSError:  # the other side was closed
            break
        if not block:
            break
        sent += block
    assert done.wait() == 0
    os.close(main)
    text = sent.decode()
    assert len(KITTY.findall(text)) >= 24 and not QUERY.search(KITTY.sub("", text))
    assert not re.search(r"a=q", text)
