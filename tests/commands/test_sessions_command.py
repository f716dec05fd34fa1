"""`wb sessions` as it is typed."""

from __future__ import annotations

import csv
import os

import pytest

from sessions.records import GradcamRecord, NoteRecord, PromptRecord
from sessions.session_log import SessionLog


@pytest.fixture
def log() -> SessionLog:
    log = SessionLog.open("2026-03-01")
    log.append(
        PromptRecord(
            uid="demo/test/1",
            model="demo",
            text="=HYPERLINK(1)\x1b[31m",
            messages=(
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "name": "left"},
                        {"type": "text", "text": "What?"},
                    ],
                },
            ),
            decoding={"seed": 7, "temperature": 0.0},
            timing={"total_s": 0.5},
        )
    )
    log.append(PromptRecord(uid="demo/test/2", model="demo", error={"message": "no image"}))
    log.append(NoteRecord(text="- strange"))
    log.append(GradcamRecord(uid="demo/test/1", token_text="True", method="hirescam", layer="pe"))
    return log


def test_sessions_are_listed_and_shown(run_wb, log):
    listed = run_wb("sessions", "list", "--json").json
    assert (listed[0]["id"], listed[0]["records"]) == (log.id, 4)
    assert "2 prompt" in run_wb("sessions", "list").out
    shown = run_wb("sessions", "show", "last", "--json").json
    assert shown == [record.to_json() for record in log.records()]
    only = run_wb("sessions", "show", "last", "--uid", "demo/test/1", "--kind", "prompt", "--json")
    assert [record["uid"] for record in only.json] == ["demo/test/1"]
    assert len(run_wb("sessions", "show", "last", "--limit", "1", "--json").json) == 1
    text = run_wb("sessions", "show", "last").out
    assert "failed: no image" in text and "- strange" in text and "\x1b" not in text


def test_damaged_lines_are_said_on_stderr(run_wb, log):
    with log.path.open("ab") as file:
        file.write(b"rubbish\n")
    done = run_wb("sessions", "show", "last", "--json")
    assert len(done.json) == 4
    assert "1 damaged" in done.err
    assert run_wb("sessions", "list", "--json").json[0]["damaged"] == 1


def test_a_long_list_shows_the_newest_and_says_how_many_are_left_out(run_wb):
    for number in range(53):
        log = SessionLog.open(f"s-{number:02}")
        log.append(NoteRecord(text="x", ts=f"2026-01-01T00:00:{number:02}Z"))
        os.utime(log.path, (number, number))
    done = run_wb("sessions", "list")
    assert done.code == 0 and done.out.count("s-") == 50
    assert done.err == "3 older sessions left out; all: wb sessions list --limit 0\n"
    done = run_wb("sessions", "list", "--json", "--limit", "2")
    assert [one["id"] for one in done.json] == ["s-52", "s-51"]
    assert done.err.startswith("51 older sessions")
    done = run_wb("sessions", "list", "--limit", "0")
    assert done.out.count("s-") == 53 and not done.err


def test_the_path_is_that_of_a_session_or_of_the_current_one(run_wb, log, monkeypatch):
    assert run_wb("sessions", "path", "2026").out == f"{log.path}\n"
    monkeypatch.setenv("WB_SESSION", "mine")
    assert run_wb("sessions", "path").out.endswith("/mine.jsonl\n")


def test_a_note_is_written_into_the_current_session(run_wb, monkeypatch):
    monkeypatch.setenv("WB_SESSION", "mine")
    ident = run_wb("sessions", "note", "hello", "--uid", "demo/test/1").out.strip()
    record = SessionLog.open("mine").records()[0]
    assert isinstance(record, NoteRecord)
    assert (record.id, record.text, record.uid) == (ident, "hello", "demo/test/1")
    assert run_wb("sessions", "note", "x", "--uid", "nonsense").code == 2


def test_a_csv_runs_no_formula_in_a_spreadsheet(run_wb, log, tmp_path):
    file = tmp_path / "out.csv"
    assert run_wb("sessions", "export", "last", str(file)).code == 0
    rows = list(csv.DictReader(file.open(newline="")))
    assert rows[0]["text"].startswith("'=HYPERLINK")
    assert (rows[0]["seed"], rows[0]["prompt"]) == ("7", "[left]\nWhat?")
    assert rows[1]["error"] == "no image"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_page_and_json_lines_are_exported(run_wb, log, tmp_path):
    run_wb("sessions", "export", "last", str(tmp_path / "out.md"))
    page = (tmp_path / "out.md").read_text()
    assert "What?" in page and "no image" in page and "\x1b" not in page
    run_wb("sessions", "export", "last", str(tmp_path / "out.jsonl"))
    copied = run_wb("sessions", "show", str(tmp_path / "out.jsonl"), "--json")
    assert copied.json == [record.to_json() for record in log.records()]


def test_a_file_that_does_not_say_its_format_is_refused(run_wb, log, tmp_path):
    done = run_wb("sessions", "export", "last", str(tmp_path / "out.xls"))
    assert done.code == 2 and ".csv" in done.err
    ok = run_wb("sessions", "export", "last", str(tmp_path / "out.xls"), "--format", "csv")
    assert ok.code == 0


def test_an_unknown_session_exits_2_with_a_hint(run_wb):
    done = run_wb("sessions", "show", "1999", "--json")
    assert done.code == 2
    assert "wb sessions list" in done.json["error"]["hint"]


def test_kept_images_are_told_and_cleaned_once_no_session_names_them(run_wb, log):
    import os

    from sessions import kept_images

    named, loose = kept_images.keep(b"named"), kept_images.keep(b"loose image")
    log.append(PromptRecord(images=({"sha256": named, "name": "a.png"},)))
    for image in kept_images.kept_images():
        os.utime(image.path, (1e9, 1e9))
    told = run_wb("sessions", "images", "--json").json
    assert (told["images"], told["bytes"]) == (2, 16)
    assert (told["unreferenced"], told["unreferenced_bytes"], told["deleted"]) == (1, 11, 0)
    assert "1 image that no session names" in run_wb("sessions", "images").out
    cleaned = run_wb("sessions", "images", "--clean", "--json").json
    assert (cleaned["images"], cleaned["deleted"], cleaned["unreferenced"]) == (1, 1, 0)
    assert kept_images.find(named) == b"named" and kept_images.find(loose) is None
    assert run_wb("sessions", "rm", log.id).out.strip() == log.id
    assert not log.path.exists()
    assert "1 image deleted" in run_wb("sessions", "images", "--clean").out
    assert run_wb("sessions", "rm", "nosuch").code == 2


def test_search_finds_records_of_all_sessions_and_prints_where(run_wb):
    from sessions.records import NoteRecord
    from sessions.session_log import SessionLog

    SessionLog.open("one").append(NoteRecord(text="the adapter ignores the right image"))
    SessionLog.open("two").append(NoteRecord(text="fine"))
    done = run_wb("sessions", "search", "RIGHT image", "adapter")
    assert done.code == 0 and "one" in done.out and "two" not in done.out
    [hit] = run_wb("sessions", "search", "fine", "--json").json
    assert (hit["session"], hit["kind"], hit["excerpt"]) == ("two", "note", "fine")
    assert run_wb("sessions", "search", "nowhere", "--json").json == []
    assert run_wb("sessions", "search", "  ").code == 2
    nothing = run_wb("sessions", "search", "two words", "--kind", "note")
    assert nothing.code == 0 and 'no record of the kind note has "two words"' in nothing.err
    assert "searched" in nothing.err
    for command in (("search", "fine"), ("show", "last")):
        refused = run_wb("sessions", *command, "--kind", "nonsense")
        assert refused.code == 2 and "'nonsense'" in refused.err and "gradcam" in refused.err
