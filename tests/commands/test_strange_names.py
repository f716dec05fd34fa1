"""Names that no file can have are told in one line, wherever a name is typed."""

from __future__ import annotations

import pytest

from sessions.errors import WbError

LONG = "x" * 300
NAMES = (LONG, f"{LONG}/{LONG}", f"./{LONG}", "a\0b", "..", "/", f"/tmp/{LONG}.jsonl", "\udcff")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize(
    "line",
    [
        ("runs", "show"),
        ("runs", "path"),
        ("jobs", "show"),
        ("jobs", "log"),
        ("sessions", "show"),
        ("sessions", "path"),
        ("data", "info"),
        ("data", "rm"),
        ("data", "verify"),
        ("inspect",),
        ("gallery",),
        ("models", "show"),
        ("prompts", "show"),
        ("config", "get"),
        ("bookmark", "add"),
        ("bookmark", "list", "--tag"),
    ],
    ids=" ".join,
)
def test_a_name_that_cannot_be_a_file_is_one_error(line, name, run_wb):
    done = run_wb(*line, name)
    if line[-1] != "--tag":
        assert done.code in (1, 2)
        assert done.err.startswith(("error: ", "Usage: ", "Error: "))
    assert "Traceback" not in done.err


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_for_something_new_is_refused_or_kept(name, tmp_path):
    from sessions.session_log import SessionLog
    from sessions.uid_cache import UidCache
    from workbench.data.adding import add

    (tmp_path / "a.csv").write_text("id,statement\n1,a\n")
    with pytest.raises(WbError):
        SessionLog.open(name)
    with pytest.raises(WbError):
        add(name, tmp_path / "a.csv")
    with UidCache.open() as cache, pytest.raises(WbError):
        cache.add("demo/test/1", ["\x1b" + name])


def test_a_job_without_a_log_says_so(run_wb):
    from sessions.jobs import Job
    from tests.workbench.app.make_records import make_job

    folder, _ = make_job(["wb", "run-eval"])
    folder.log.unlink()
    done = run_wb("jobs", "log", "last")
    assert (done.code, done.out) == (1, "")
    assert f"the job {Job(folder.path).id} has no log" in done.err


def test_a_run_whose_state_holds_text_for_a_number_stands_among_the_others(run_wb):
    from sessions.atomic import read_json, write_json
    from tests.workbench.app.make_records import make_run

    sound, bad = make_run(4), make_run(4)
    state = read_json(bad.path / "state.json") or {}
    write_json(bad.path / "state.json", {**state, "seconds": "many", "total": "all"})
    done = run_wb("runs", "list", "--json")
    assert {row["id"] for row in done.json} == {sound.id, bad.id}
    assert "1 damaged run:" in done.err
    assert f"{bad.id}: state.json is damaged: 'seconds' wants a number, got 'many'" in done.err
