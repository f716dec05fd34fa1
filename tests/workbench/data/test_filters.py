"""Row filters: a small language, parsed and never evaluated."""

from __future__ import annotations

import pytest

from workbench.data.tables.filters import parse_filter
from workbench.errors import UsageError

ROW = {
    "n": 7,
    "s": "train",
    "f": "3.5",
    "empty": "",
    "none": None,
    "a b": "x",
    "image": {"path": "p.png"},
    "2": 800,
}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("n<8", True),
        ("n < 7", False),
        ("n<=7 and n>=7 and n==7 and n=7", True),
        ("n!=7", False),
        ("f>3 and f<4", True),
        ("s==train", True),
        ("s = 'train'", True),
        ('s != "train"', False),
        ("s<800", False),  # a word is never smaller than a number
        ("s<'z'", True),
        ("empty==''", True),
        ("none==''", True),
        ("missing==''", True),
        ("missing>0", False),
        ("`a b`==x", True),
        ("image.path=='p.png'", True),
        ("2<800", False),
        ("2>=800", True),
        ("n=='7'", True),
    ],
)
def test_a_filter_says_which_rows_pass(text: str, passes: bool):
    assert parse_filter(text)(ROW) is passes


@pytest.mark.parametrize(
    "text",
    ["n", "n<", "<8", "n<8 n>2", "n<8 or n>2", "n<8 and", "n<8)", "n<<8", "n == 'open", "'n'<8"],
)
def test_what_is_no_filter_is_refused_in_its_own_words(text: str):
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert "filter" in caught.value.message


def test_nothing_of_python_is_ever_run():
    with pytest.raises(UsageError):
        parse_filter("__import__('os').system('true')")
    assert parse_filter("x==__import__")(ROW) is False
