"""UIDs: parsing, printing, and file names that cannot leave their folder."""

from __future__ import annotations

import os
import random

import pytest

from sessions.errors import BadUid
from sessions.uid import MAX_FILENAME, Uid


@pytest.mark.parametrize(
    "text",
    [
        "nlvr2/dev/dev-850-0-0",
        "esnlive/test/4465359505.jpg#2r1c",
        "mine/train/a/b//c",
        "mine/train/../../etc/passwd",
        "mine/train/\x1b[31mred\nline\x00",
        "mine/train/日本語 🦜",
        "mine/train/ ",
        "~mine/train/~x",
        ".mine/train/%41",
    ],
)
def test_a_uid_is_printed_as_it_was_read(text):
    assert str(Uid.parse(text)) == text
    assert Uid.from_filename(Uid.parse(text).to_filename()) == Uid.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b", "a/b/", "/b/c", "a//c", "../b/c", "a/../c", "./b/c", "a\n/b/c", "a/b/\ud800"],
)
def test_what_is_no_uid_is_refused_with_a_hint(text):
    with pytest.raises(BadUid) as caught:
        Uid.parse(text)
    assert "dataset/split/native-id" in caught.value.hint or "encoding" in caught.value.hint


def test_a_uid_is_not_taken_for_something_else():
    with pytest.raises(BadUid):
        Uid.parse(17)  # type: ignore[arg-type]


def test_file_names_of_a_thousand_hostile_uids_are_safe_and_distinct(tmp_path):
    rng = random.Random(7)
    pieces = ["..", "/", "\\", "%", "%2F", "~", ".", "\x00", "\n", "é", "🦜", "a", "CON", " ", ":"]
    names: dict[str, Uid] = {}
    for _ in range(1000):
        length = rng.choice([1, 2, 5, 20, 300])
        native = "".join(rng.choice(pieces) for _ in range(length))
        uid = Uid(rng.choice(["d", "~d", ".d", "dä"]), "s", native)
        name = uid.to_filename()
        assert names.setdefault(name, uid) == uid
        assert len(name) <= MAX_FILENAME
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>|\x00\n ')
        assert not name.startswith(".")
        assert os.path.realpath(tmp_path / name) == str(tmp_path / name)
        if "~" not in name:
            assert Uid.from_filename(name) == uid
    for name in list(names)[:50]:
        (tmp_path / f"{name}.png").write_bytes(b"")


def test_a_uid_of_a_thousand_characters_keeps_one_name_of_its_own():
    one, other = Uid("d", "s", "x" * 1000), Uid("d", "s", "x" * 999 + "y")
    assert one.to_filename() == Uid("d", "s", "x" * 1000).to_filename()
    assert one.to_filename() != other.to_filename()
    with pytest.raises(BadUid, match="shortened"):
        Uid.from_filename(one.to_filename())


def test_a_cut_name_never_ends_in_half_an_escape():
    for length in range(40, 70):
        name = Uid("d", "s", "é" * length).to_filename()
        head = name.partition("~")[0]
        assert all(len(part) >= 2 for part in head.split("%")[1:])


def test_a_file_name_that_is_no_uid_is_refused():
    for name in ("plain", "%FF%FE%2Fa%2Fb", ""):
        with pytest.raises(BadUid):
            Uid.from_filename(name)
