"""Search over the record: what is found, what is not, and what cannot be read."""

from __future__ import annotations

import os

import pytest

from sessions.records import BookmarkRecord, GradcamRecord, NoteRecord, PromptRecord
from sessions.searching import folded, found_in, search
from sessions.session_log import SessionLog
from sessions.words import words_of

ASKED = ({"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How many?"}]},)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (PromptRecord(text="Two Dogs"), ["dogs"]),
        (PromptRecord(messages=ASKED, text="2"), ["how many"]),
        (PromptRecord(error={"message": "CUDA out of memory"}), ["cuda"]),
        (PromptRecord(model="Qwen/Qwen2-VL", template="vqa/short"), ["qwen2", "vqa"]),
        (PromptRecord(text="STRASSE"), ["Stra\u00dfe"]),
        (PromptRecord(text="a\n  teal\n  circle"), ["teal circle"]),
        (GradcamRecord(answer_text="False", method="hirescam"), ["hirescam", "false"]),
        (NoteRecord(text="look again", uid="demo/test/1"), ["demo/test/1"]),
        (BookmarkRecord(uid="demo/test/1", tags=("wrong-side",)), ["wrong-side"]),
    ],
)
def test_a_record_is_found_by_what_a_reader_of_it_sees(record, words):
    assert found_in(record, folded(words)) is not None


def test_every_word_has_to_be_there():
    record = PromptRecord(text="two dogs")
    assert found_in(record, folded(["two", "cats"])) is None
    assert found_in(record, folded([" "])) is None


def test_an_excerpt_shows_what_stands_around_the_word():
    record = NoteRecord(text="x " * 100 + "the needle here" + " y" * 300)
    excerpt = found_in(record, folded(["needle"]))
    assert excerpt is not None and excerpt.startswith("\u2026") and "the needle here y" in excerpt
    assert len(excerpt) < 260


def test_sessions_come_newest_first_and_a_broken_one_ends_nothing(tmp_path):
    for number, name in enumerate(["old", "mid", "new"]):
        log = SessionLog.open(name)
        log.append(NoteRecord(text=f"the {name} note"))
        os.utime(log.path, (number, number))
    broken = SessionLog.open("mid").path
    broken.unlink()
    broken.mkdir()
    unread = []
    found = list(search(["note"], on_unread=lambda name, _: unread.append(name)))
    assert [hit.session for hit in found] == ["new", "old"]
    assert unread in ([], ["mid"])  # a folder may not be listed as a session at all


def test_a_search_that_is_cancelled_ends_between_sessions():
    for name in ("one", "two"):
        SessionLog.open(name).append(NoteRecord(text="note"))
    seen = []
    for hit in search(["note"], cancelled=lambda: bool(seen)):
        seen.append(hit.session)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ('"left image" teal', ["left image", "teal"]),
        ("it's", ["it's"]),
        ('"left ima', ["left", "ima"]),
        ("  ", []),
    ],
)
def test_quotes_keep_typed_words_together_also_before_they_are_closed(typed, words):
    assert words_of(typed) == words
