"""`wb jobs` as it is typed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from sessions.errors import RecordError
from sessions.jobs import Job, list_jobs


@pytest.fixture(autouse=True)
def _end_what_was_started():
    yield
    for job in list_jobs():
        with suppress(RecordError):
            job.cancel(0)


def start(run_wb, *words: str) -> Job:
    done = run_wb("jobs", "start", "--", *words)
    assert done.code == 0, done.err
    return Job.open(done.out.strip())


def test_a_job_is_started_followed_and_shown(run_wb):
    job = start(run_wb, "bash", "-c", "echo --json; sleep 0.2; echo two")
    followed = run_wb("jobs", "log", job.id, "-f")
    assert (followed.code, followed.out) == (0, "--json\ntwo\n")
    shown = run_wb("jobs", "show", "last", "--json").json
    assert (shown["id"], shown["state"], shown["result"]["exit_code"]) == (job.id, "done", 0)
    assert shown["argv"][:2] == ["bash", "-c"]
    listed = run_wb("jobs", "list", "--json").json
    assert list(listed[0])[0] == "id"
    assert run_wb("jobs", "list", "--state", "failed", "--json").json == []
    assert job.id[-6:] in run_wb("jobs", "list").out


def test_a_limited_list_says_how_many_jobs_are_left_out(run_wb):
    for _ in range(2):
        start(run_wb, "true").wait(60)
    done = run_wb("jobs", "list", "--state", "done", "--limit", "1", "--json")
    assert len(done.json) == 1
    assert done.err == "1 older job left out; all: wb jobs list --state done --limit 0\n"
    assert not run_wb("jobs", "list", "--limit", "0").err


def test_following_a_job_that_fails_exits_1(run_wb):
    job = start(run_wb, "bash", "-c", "echo x; exit 9")
    assert run_wb("jobs", "follow", job.id).code == 1
    assert run_wb("jobs", "wait", job.id).code == 1
    assert "9" in run_wb("jobs", "show", job.id).out


def test_the_tail_of_a_log(run_wb):
    job = start(run_wb, "bash", "-c", "seq 100")
    assert run_wb("jobs", "wait", job.id, "--timeout", "60").out == "done\n"
    assert run_wb("jobs", "log", job.id, "--tail", "2").out == "99\n100\n"
    assert run_wb("jobs", "log", job.id, "--tail", "2", "-f").out == "99\n100\n"


def test_cancel_retry_and_rm(run_wb):
    job = start(run_wb, "sleep", "60")
    cancelled = run_wb("jobs", "cancel", job.id, "--grace", "30")
    assert cancelled.out == f"{job.id} cancelled\n"
    assert "already" in run_wb("jobs", "cancel", job.id).out
    again = run_wb("jobs", "retry", job.id, "--json").json
    assert again["retry_of"] == job.id
    assert run_wb("jobs", "rm", again["id"]).code == 1
    run_wb("jobs", "cancel", again["id"], "--grace", "0")
    assert run_wb("jobs", "rm", again["id"], job.id).code == 0
    assert run_wb("jobs", "list", "--json").json == []


def test_progress_is_shown(run_wb):
    script = "import sys; from sessions.jobs import report_progress; report_progress(3, 12)"
    import sys

    job = start(run_wb, sys.executable, "-c", script)
    job.wait(60)
    assert "3/12" in run_wb("jobs", "list").out
    assert run_wb("jobs", "show", job.id, "--json").json["progress"]["done"] == 3
    told = script.replace("12)", "12, note='all 3 answers were on record')")
    start(run_wb, sys.executable, "-c", told).wait(60)
    assert "3/12, all 3 answers were on record" in run_wb("jobs", "list").out


def test_a_title_and_a_log_with_escapes_are_harmless_when_listed(run_wb):
    done = run_wb("jobs", "start", "--title", "a\x1b[31mb", "--json", "--", "true")
    assert done.code == 0 and "\x1b" not in done.out
    assert "\x1b" not in run_wb("jobs", "list").out
    assert "\x1b" not in run_wb("jobs", "show", "last").out


@pytest.mark.parametrize("args", [["show", "zzzz"], ["log", "zzzz"], ["cancel", "zzzz"]])
def test_an_unknown_job_exits_2_with_a_hint(run_wb, args):
    done = run_wb("jobs", *args)
    assert done.code == 2
    assert "zzzz" in done.err and "wb jobs list" in done.err


def test_what_cannot_be_started_says_so(run_wb):
    done = run_wb("jobs", "start", "--", "no-such-command")
    assert done.code == 2 and "no-such-command" in done.err
    assert run_wb("jobs", "start").code == 2
