"""`wb bookmark` as it is typed."""

from __future__ import annotations

import pytest

from sessions import database
from sessions.session_log import current_session


def test_what_is_added_is_listed_with_its_tags_and_note(run_wb):
    assert run_wb("bookmark", "add", "demo/test/1", "--tag", "b", "--tag", "a").code == 0
    run_wb("bookmark", "add", "demo/test/2", "--note", "odd")
    listed = run_wb("bookmark", "list", "--json")
    assert [(m["uid"], m["tags"], m["note"]) for m in listed.json] == [
        ("demo/test/1", ["a", "b"], ""),
        ("demo/test/2", [], "odd"),
    ]
    assert list(listed.json[0])[0] == "uid"
    assert run_wb("bookmark", "list", "--tag", "a").out.split("\n")[1].startswith("demo/test/1")
    assert run_wb("bookmark", "tags", "--json").json == [
        {"name": "a", "count": 1},
        {"name": "b", "count": 1},
    ]


def test_uids_are_read_from_a_pipe(run_wb):
    run_wb("bookmark", "add", "-", "--tag", "e", stdin="demo/test/1\n\ndemo/test/2\ndemo/test/1\n")
    assert [m["uid"] for m in run_wb("bookmark", "list", "--json").json] == [
        "demo/test/1",
        "demo/test/2",
    ]


def test_a_bookmark_of_a_dataset_that_is_not_here_is_kept_with_a_warning(run_wb):
    done = run_wb("bookmark", "add", "nope/x/1", "nope/x/2", "demo/test/1")
    assert done.code == 0 and "3 bookmarks kept" in done.err
    warnings = [line for line in done.err.splitlines() if line.startswith("warning:")]
    words = "2 UIDs of a dataset 'nope' that is not here"
    assert warnings == [f"warning: {words}; see: wb data list"]


@pytest.mark.parametrize("how", ["add", "import", "note"])
def test_uids_of_no_sample_of_a_dataset_that_is_here_are_kept_with_a_warning(how, tmp_path, run_wb):
    uids = ["demo/test/000001", "demo/test/never", "demo/gone/1", "nope/x/1"]
    (tmp_path / "uids.txt").write_text("\n".join(uids))
    if how == "note":
        said = "".join(run_wb("sessions", "note", "seen", "--uid", uid).err for uid in uids)
    else:
        words = ["add", *uids] if how == "add" else ["import", str(tmp_path / "uids.txt")]
        done = run_wb("bookmark", *words)
        said = done.err
        assert done.code == 0 and "4 bookmarks" in said
    assert "demo/test/never is not in demo/test" in said
    assert "1 UID of no split: demo has no split 'gone'" in said
    assert "1 UID of a dataset 'nope' that is not here" in said
    assert said.count("warning:") == 3


def test_one_that_is_no_uid_keeps_the_others_from_being_added(run_wb):
    done = run_wb("bookmark", "add", "demo/test/1", "nonsense")
    assert done.code == 2
    assert "nonsense" in done.err and "hint:" in done.err
    assert run_wb("bookmark", "list", "--json").json == []


def test_control_characters_are_cleaned_when_shown_and_kept_in_json(run_wb):
    note = "a\x1b[31mred\x1b[0m\x9b2Jz\u202eevil\nnext [link=x]y[/link]"
    run_wb("bookmark", "add", "demo/test/\x1b[2J1", "--note", note)
    shown = run_wb("bookmark", "list").out
    assert "ared" in shown and "[link=x]y[/link]" in shown
    assert not set(shown) & set("\x1b\x9b\u202e")
    listed = run_wb("bookmark", "list", "--json")
    assert not set(listed.out) & set("\x1b\x9b\u202e")
    assert listed.json[0]["note"] == note
    assert listed.json[0]["uid"] == "demo/test/\x1b[2J1"


def test_next_and_prev_go_round_and_print_only_the_uid(run_wb):
    run_wb("bookmark", "add", "demo/test/1", "demo/test/2")
    seen = [run_wb("bookmark", "next").out for _ in range(3)]
    assert seen == ["demo/test/1\n", "demo/test/2\n", "demo/test/1\n"]
    assert run_wb("bookmark", "prev", "--json").json["uid"] == "demo/test/2"


def test_next_of_nothing_says_so(run_wb):
    done = run_wb("bookmark", "next", "--tag", "none", "--json")
    assert done.code == 2
    assert done.json["error"]["kind"] == "unknown_name"
    assert "wb bookmark list" in done.json["error"]["hint"]


def test_rm_takes_a_tag_or_the_whole_and_names_what_was_not_there(run_wb):
    run_wb("bookmark", "add", "demo/test/1", "--tag", "a", "--tag", "b")
    assert run_wb("bookmark", "rm", "demo/test/1", "--tag", "a").code == 0
    assert run_wb("bookmark", "list", "--json").json[0]["tags"] == ["b"]
    done = run_wb("bookmark", "rm", "demo/test/1", "demo/test/9")
    assert done.code == 2 and "demo/test/9" in done.err
    assert run_wb("bookmark", "list", "--json").json == []


def test_an_export_is_imported_again(run_wb, tmp_path):
    run_wb("bookmark", "add", "demo/test/1", "--tag", "a", "--note", "n")
    file = str(tmp_path / "b.jsonl")
    assert run_wb("bookmark", "export", file).code == 0
    run_wb("bookmark", "rm", "demo/test/1")
    assert run_wb("bookmark", "import", file, "--tag", "new").code == 0
    mark = run_wb("bookmark", "list", "--json").json[0]
    assert (mark["tags"], mark["note"]) == (["a", "new"], "n")


def test_an_import_merges_what_it_can_and_names_the_lines_that_it_cannot(run_wb, tmp_path):
    (tmp_path / "b.txt").write_text("demo/test/1\nnonsense\n")
    done = run_wb("bookmark", "import", str(tmp_path / "b.txt"))
    assert done.code == 1 and "line 2" in done.err
    assert len(run_wb("bookmark", "list", "--json").json) == 1
    assert run_wb("bookmark", "import", str(tmp_path / "none")).code == 2


def test_what_was_set_aside_stands_in_the_session_of_the_day(run_wb):
    run_wb("bookmark", "add", "demo/test/1", "--tag", "a")
    run_wb("bookmark", "rm", "demo/test/1")
    lines = [record.to_json() for record in current_session().records()]
    assert [(r["kind"], r["action"], r["uid"]) for r in lines] == [
        ("bookmark", "add", "demo/test/1"),
        ("bookmark", "remove", "demo/test/1"),
    ]


def test_the_history_shows_what_was_looked_at(run_wb):
    from sessions.uid_cache import UidCache

    with UidCache.open() as cache:
        cache.visit("demo/test/3")
    assert run_wb("bookmark", "history", "--json").json[0]["uid"] == "demo/test/3"


def test_a_network_file_system_is_warned_of_once_and_not_on_stdout(run_wb, monkeypatch):
    monkeypatch.setattr(database, "file_system", lambda path: "lustre")
    first, second = run_wb("bookmark", "list", "--json"), run_wb("bookmark", "list", "--json")
    assert "WB_LOCAL_DIR" in first.err and first.json == []
    assert "WB_LOCAL_DIR" not in second.err


@pytest.mark.parametrize("name", ["next", "list", "tags", "history"])
def test_an_empty_cache_is_no_failure_of_reading(run_wb, name):
    done = run_wb("bookmark", name)
    assert done.out == ""
    assert done.err
