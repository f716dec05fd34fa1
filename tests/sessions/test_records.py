"""The lines of a session: what they hold, and what old and new readers make of them."""

from __future__ import annotations

import json

import pytest

from sessions import records
from sessions.errors import RecordError
from sessions.ids import new_id, resolve, short_id
from sessions.records import (
    BookmarkRecord,
    GradcamRecord,
    NoteRecord,
    PromptRecord,
    UnknownRecord,
    from_json,
    head_of,
)

FULL = PromptRecord(
    uid="demo/test/1",
    images=({"sha256": "ab" * 32, "name": "left"},),
    dataset_revision="r1",
    model="demo",
    revision="main",
    identity="cafe",
    adapter="runs/x",
    quantization="4bit",
    dtype="bf16",
    messages=(
        {
            "role": "user",
            "content": [
                {"type": "image", "sha256": "ab" * 32, "uid": "demo/test/1", "index": 0},
                {"type": "text", "text": "What?"},
            ],
        },
    ),
    template="statement",
    template_version=2,
    decoding={"seed": 7, "temperature": 0.0, "stop": []},
    labels=("True", "False"),
    text="True",
    tokens=({"id": 5, "text": "True", "logprob": -0.1, "top": (("True", -0.1), ("False", -2.3))},),
    finish_reason="stop",
    label_scores={"True": -0.1, "False": -2.3},
    timing={"load_s": 0.0, "first_token_s": 0.1, "total_s": 0.2},
)


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        PromptRecord(error={"kind": "bad_image", "message": "no", "hint": ""}),
        GradcamRecord(uid="a/b/c", token=3, images=({"grid": [2, 2], "peak": [1, 2]},)),
        NoteRecord(text="x\x1b[31m"),
        BookmarkRecord(uid="a/b/c", tags=("t",)),
    ],
    ids=lambda record: record.kind,
)
def test_a_record_is_read_back_equal_through_its_line(record):
    line = json.loads(json.dumps(record.to_json()))
    assert from_json(line) == record
    assert list(line)[:4] == ["v", "kind", "id", "ts"]


def test_unknown_keys_are_kept_and_written_back():
    line = FULL.to_json() | {"mood": {"deep": [1]}}
    record = from_json(line)
    assert record.extra == {"mood": {"deep": [1]}}
    assert record.to_json() == line


def test_a_newer_version_is_read_as_far_as_it_is_understood_and_keeps_its_number():
    line = FULL.to_json() | {"v": 9, "smell": "new"}
    record = from_json(line)
    assert isinstance(record, PromptRecord)
    assert record.text == "True"
    assert record.to_json()["v"] == 9


def test_a_kind_that_nobody_knows_is_kept_as_it_came():
    line = {"v": 1, "kind": "dance", "id": "x", "steps": [1]}
    record = from_json(line)
    assert isinstance(record, UnknownRecord)
    assert record.kind == "dance"
    assert record.to_json() == line


def test_an_older_version_walks_through_the_migrations_in_order(monkeypatch):
    def rename(line):
        return {"text" if key == "body" else key: value for key, value in line.items()}

    def shout(line):
        return line | {"text": line["text"].upper()}

    monkeypatch.setattr(NoteRecord, "VERSION", 3)
    monkeypatch.setitem(records.MIGRATIONS, "note", [rename, shout])
    assert from_json({"v": 1, "kind": "note", "body": "old"}).to_json()["text"] == "OLD"
    assert from_json({"v": 2, "kind": "note", "text": "mid"}).to_json()["text"] == "MID"
    assert from_json({"v": 3, "kind": "note", "text": "new"}).to_json()["text"] == "new"


def test_a_line_without_an_id_does_not_look_newly_made():
    assert from_json({"v": 1, "kind": "note", "text": "x"}).id == ""


@pytest.mark.parametrize(
    "wrong",
    [{"tokens": "none"}, {"text": 3}, {"uid": []}, {"labels": [1]}, {"timing": 1}, {"v": "one"}],
)
def test_a_field_of_the_wrong_shape_is_refused_by_name(wrong):
    with pytest.raises(RecordError) as caught:
        from_json({"v": 1, "kind": "prompt"} | wrong)
    assert next(iter(wrong)) in caught.value.message or "version" in caught.value.message


def test_ids_sort_in_the_order_of_their_making_and_never_meet():
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5000
    assert all(len(ident) == 26 and ident == ident.lower() for ident in ids)


def test_an_id_is_found_by_its_beginning_its_end_or_as_the_last():
    ids = ["01aaaabbbb", "01aaaacccc", "02dddd"]
    assert resolve("02", ids, "run") == "02dddd"
    assert resolve("cccc", ids, "run") == "01aaaacccc"
    assert resolve("last", ids, "run") == "02dddd"
    assert short_id(new_id()) in new_id() or len(short_id(new_id())) == 6
    with pytest.raises(RecordError, match="fits 2 runs"):
        resolve("01", ids, "run")
    for nothing in ("zz", "", "ccc"):
        with pytest.raises(RecordError, match="there is no run|fits"):
            resolve(nothing, ids, "run")


@pytest.mark.parametrize(
    "line",
    [
        PromptRecord(uid="demo/test/1", model="m", ts="2026-01-01T00:00:00Z").to_json(),
        {"kind": "prompt", "v": 1, "model": "old"},
        {"kind": "note", "id": "a", "ts": "t", "text": "seen"},
        {"kind": "of-tomorrow", "ts": 3, "model": "kept aside"},
        {},
    ],
)
def test_the_head_of_a_line_is_that_of_its_record(line):
    record = from_json(line)
    assert head_of(line) == (record.kind, record.ts, getattr(record, "model", ""))


@pytest.mark.parametrize("line", [{"kind": "note", "text": 3}, {"kind": "note", "v": "1"}])
def test_the_head_of_a_damaged_line_is_refused_as_the_record_is(line):
    for read in (from_json, head_of):
        with pytest.raises(RecordError):
            read(line)
