"""Words that are shown."""

import pytest

from tests.hostile import EVIL, acts
from workbench.text import clean, counted, harmless


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1000, "1,000 runs")]
)
def test_what_is_counted_agrees_with_its_number(n, said):
    assert counted(n, "run") == said


@pytest.mark.parametrize("code", [*range(9), *range(11, 32), *range(127, 160), 0x61C, 0xDC9B])
def test_no_control_stays_wherever_it_stands_and_nothing_beside_it_goes(code):
    """A lone C1 is mostly a letter in the wrong encoding, and what follows no string of it."""
    mark = chr(code)
    left = "\ufffd" if code == 0xDC9B else "\n" if mark == "\r" else ""
    for text in (f"a{mark}", f"{mark}", f"a {mark} b", f"a{mark}{mark}b"):
        if mark != "\x1b":
            assert clean(text) == text.replace(mark, left)
        assert harmless(text) == text.replace(mark, "" if mark == "\r" else left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\x1b[31mb\x1b[0m", "ab"),
        ("a\x1b]2;title\x07b", "ab"),
        ("a\x1b]52;c;AAAA\x1b\\b", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x1bMb", "ab"),
        # Without its end it would take the rest of the text with it.
        ("a\x1b]2;the rest of the text", "a2;the rest of the text"),
        ("a\x9d2;the rest\nof the text", "a2;the rest\nof the text"),
    ],
)
def test_an_escape_sequence_goes_whole_and_takes_nothing_else_with_it(text, left):
    assert clean(text) == left


def test_what_is_cleaned_acts_on_no_terminal():
    assert acts(clean(EVIL)) == acts(harmless(EVIL)) == []
    assert acts(EVIL) != []


@pytest.mark.parametrize("text", ["é 日本 👩‍👧 \u00a0\u2028 نص", "tab\tand\nline", ""])
def test_text_stays_text(text):
    assert clean(text) == harmless(text) == text
