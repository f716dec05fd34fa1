"""What users asked in their own words is found again: each wording once, the newest first."""

from __future__ import annotations

import os

from sessions.asked_before import own_prompts
from sessions.records import NoteRecord, PromptRecord
from sessions.session_log import SessionLog


def asked(text, *, system="", **more):
    messages = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
    content = [{"type": "image", "sha256": "ab"}, {"type": "text", "text": text}]
    return PromptRecord(messages=(*messages, {"role": "user", "content": content}), **more)


def write(name, when, *records):
    log = SessionLog.open(name)
    log.append_many(records)
    os.utime(log.path, (when, when))


def test_prompts_of_all_sessions_come_once_and_the_newest_first():
    write("b", 1, asked("Is it red?"), asked("How many?"), NoteRecord(text="no prompt"))
    write("a", 2, asked("Where?"), asked("Is it red?"), asked("Is it red?", system="Be brief."))
    found = [(one.text, one.system) for one in own_prompts()]
    assert found == [
        ("Is it red?", "Be brief."),
        ("Is it red?", ""),
        ("Where?", ""),
        ("How many?", ""),
    ]


def test_what_a_template_wrote_and_what_is_blank_is_left_out():
    turn = asked("and blue?", follows="01k")  # has a meaning only in its conversation
    write("a", 1, asked("Is it so?", template="statement/yes-no"), asked("  "), turn, asked("Why?"))
    assert [one.text for one in own_prompts()] == ["Why?"]


def test_older_sessions_are_not_read_once_there_are_enough(monkeypatch):
    write("old", 1, asked("old"))
    write("new", 2, asked("new"))
    read: list[str] = []
    records = SessionLog.records
    monkeypatch.setattr(SessionLog, "records", lambda log: read.append(log.id) or records(log))
    assert [one.text for one in own_prompts(most=1)] == ["new"]
    assert read == ["new"]


def test_a_session_that_cannot_be_read_is_passed_over():
    write("good", 1, asked("kept"))
    (SessionLog.open("bad").path).mkdir()
    assert [one.text for one in own_prompts()] == ["kept"]
