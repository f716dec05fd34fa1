"""Jobs: they outlive their starter, end as asked, and their state is true whoever died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sessions import jobs, supervisor
from sessions.errors import NoSuchRecord, RecordError
from sessions.job_folder import JobFolder
from sessions.jobs import Job, list_jobs, report_progress, start
from sessions.process import identify, is_alive, send
from sessions.runs import Run

pytestmark = pytest.mark.slow

SLEEP = ["sleep", "60"]


@pytest.fixture(autouse=True)
def _end_what_was_started():
    yield
    for job in list_jobs():
        with suppress(RecordError):
            job.cancel(0)
        for who in ("supervisor", "wrapper", "process"):
            send(job.folder.identity(who), signal.SIGKILL, group=who == "process")


def bash(script: str, **options) -> Job:
    return start(["bash", "-c", script], title="t", **options)


def held(gate: Path) -> str:
    """What a script waits by until a file is there: the test is never too late for it."""
    return f"until [ -e {gate} ]; do sleep 0.02; done"


def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def running(job: Job) -> Job:
    until(lambda: job.state != "queued")
    assert job.state == "running"
    return job


def kill(job: Job, who: str) -> None:
    until(lambda: job.folder.identity(who))
    identity = job.folder.identity(who)
    assert send(identity, signal.SIGKILL, group=False)
    until(lambda: not is_alive(identity))


def test_a_job_that_ends_well_is_done_and_its_log_holds_both_streams():
    job = bash("echo out; echo err >&2")
    assert list(job.follow_log()) == ["out", "err"]
    assert job.wait(60) == "done"
    assert job.result and job.result["exit_code"] == 0
    assert job.result["seconds"] >= 0 and job.result["max_rss_bytes"] > 0


def test_a_job_that_fails_says_how():
    assert bash("exit 3").wait(60) == "failed"
    job = bash("kill -SEGV $$")
    assert job.wait(60) == "failed"
    assert job.result and "SIGSEGV" in job.result["message"]
    assert job.result["signal"] == signal.SIGSEGV


def test_a_job_outlives_the_process_group_and_terminal_of_its_starter():
    code = """
from sessions.jobs import start
print(start(["bash", "-c", "sleep 0.5; echo end"], title="t").id, flush=True)
import time; time.sleep(60)
"""
    starter = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert starter.stdout
    job = Job.open(starter.stdout.readline().strip())
    os.killpg(starter.pid, signal.SIGHUP)
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert job.wait(60) == "done"
    assert list(job.follow_log()) == ["end"]


def test_the_starter_has_no_child_to_reap():
    others = {child.pid for child in psutil.Process().children()}  # of tests before this one
    job = running(start(SLEEP, title="t"))
    assert {child.pid for child in psutil.Process().children()} <= others
    assert job.cancel(0) == "cancelled"


def test_a_job_reads_no_input_and_knows_that_it_is_one():
    job = bash('read x; echo "$? $WB_JOB_DIR $PYTHONUNBUFFERED"')
    assert job.wait(60) == "done"
    assert list(job.follow_log()) == [f"1 {job.path} 1"]


def test_cancelling_asks_first_and_leaves_time_for_a_checkpoint(tmp_path):
    kept = tmp_path / "checkpoint"
    job = running(
        bash(
            f"trap 'sleep 0.3; echo x > {kept}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
        )
    )
    until(lambda: job.log_path.read_text())
    assert job.cancel(60) == "cancelled"
    assert kept.exists()


def test_cancelling_kills_the_whole_group_when_the_grace_is_over(tmp_path):
    pids = tmp_path / "pids"
    job = running(bash(f"trap '' TERM; sleep 60 & echo $! > {pids}; echo $$ >> {pids}; wait"))
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    began = time.monotonic()
    assert job.cancel(0.3) == "cancelled"
    assert time.monotonic() - began < 30
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split()))


def test_cancelling_waits_for_a_worker_that_outlives_its_leader(tmp_path):
    kept = tmp_path / "checkpoint"
    worker = f"trap 'sleep 0.4; echo x > {kept}; exit' TERM; echo up; while :; do sleep 0.05; done"
    job = running(bash(f"({worker}) & trap 'exit 1' TERM; wait"))
    until(lambda: job.log_path.read_text())
    assert job.cancel(60) == "cancelled"
    assert kept.exists()


def test_cancelling_what_has_ended_changes_nothing():
    job = bash("true")
    job.wait(60)
    assert job.cancel() == "done"


def test_a_supervisor_that_dies_takes_nothing_with_it(tmp_path):
    gate = tmp_path / "gate"
    job = running(bash(f"{held(gate)}; exit 4"))
    kill(job, "supervisor")
    assert job.state == "running"
    gate.touch()
    assert job.wait(60) == "failed"
    assert job.result and job.result["exit_code"] == 4


def test_a_job_whose_wrapper_dies_runs_on_and_ends_as_failed_with_the_reason(tmp_path):
    gate = tmp_path / "gate"
    job = running(bash(f"{held(gate)}; echo end"))
    kill(job, "wrapper")
    assert job.state == "running"
    gate.touch()
    assert job.wait(60) == "failed"
    assert job.result and "wrapper was killed by signal 9" in job.result["message"]
    assert list(job.follow_log()) == ["end"]


def test_a_job_is_not_called_lost_while_its_supervisor_may_still_tell_its_end(tmp_path):
    gate = tmp_path / "gate"
    job = running(bash(held(gate)))
    supervisor, process = job.folder.identity("supervisor"), job.folder.identity("process")
    assert send(supervisor, signal.SIGSTOP, group=False)
    kill(job, "wrapper")
    gate.touch()
    until(lambda: not is_alive(process))
    until(lambda: not job.folder.is_alive())
    assert job.state == "running"
    assert send(supervisor, signal.SIGCONT, group=False)
    assert job.wait(60) == "failed"


def test_a_job_whose_supervisor_and_wrapper_died_is_alive_by_its_lock_and_can_be_cancelled():
    job = running(start(SLEEP, title="t"))
    process = job.folder.identity("process")
    kill(job, "supervisor")
    kill(job, "wrapper")
    assert job.state == "running"
    assert job.cancel(1) == "cancelled"
    assert not is_alive(process)


def test_a_job_of_which_all_died_is_lost():
    job = running(start(SLEEP, title="t"))
    for who in ("supervisor", "wrapper", "process"):
        kill(job, who)
    until(lambda: job.state == "lost")
    assert job.ended and job.result is None


def test_no_signal_goes_to_a_process_that_was_given_the_number_of_a_dead_one():
    stranger = subprocess.Popen(SLEEP)
    try:
        identity = identify(stranger.pid)
        assert is_alive(identity)
        for lie in ({"start": "1"}, {"boot": "other"}, {"host": "other"}, {"pid": 1}):
            assert not send(identity | lie, signal.SIGKILL, group=False)
        assert stranger.poll() is None
        assert send(identity, signal.SIGKILL, group=False)
        until(lambda: not is_alive(identity))  # a zombie is not alive
    finally:
        stranger.kill()
        stranger.wait()


def test_cancelling_does_not_harm_a_stranger_with_the_jobs_old_number():
    job = running(start(SLEEP, title="t"))
    for who in ("supervisor", "wrapper", "process"):
        kill(job, who)
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        for who in ("wrapper", "process", "supervisor"):
            path = job.path / f"{who}.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": stranger.pid}))
        job.cancel(0)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_jobs_that_want_one_gpu_queue_for_it_in_order_and_see_only_it(tmp_path):
    trace, gate = tmp_path / "trace", tmp_path / "gate"
    script = f'echo "begin $CUDA_VISIBLE_DEVICES" >> {trace}; {held(gate)}; echo end >> {trace}'
    first, second = bash(script, gpus=[7]), bash(script, gpus=["7"])
    until(lambda: "waiting for GPU 7" in second.log_path.read_text())
    assert second.state == "queued"
    other = bash("true", gpus=[8])
    assert other.wait(60) == "done"
    gate.touch()
    assert (first.wait(60), second.wait(60)) == ("done", "done")
    assert trace.read_text().split("\n")[:-1] == ["begin 7", "end", "begin 7", "end"]


def test_a_job_that_waits_for_its_first_gpu_holds_none_of_the_others(tmp_path):
    """GPUs are taken in one order whatever order was typed, so that two jobs cannot deadlock."""
    gate = tmp_path / "gate"
    holder = running(bash(held(gate), gpus=[1]))
    both = bash("true", gpus=[2, 1])
    until(lambda: "waiting for GPU 1" in both.log_path.read_text())
    assert bash("true", gpus=[2]).wait(60) == "done"
    gate.touch()
    assert (holder.wait(60), both.wait(60)) == ("done", "done")


def test_wb_gpu_asks_for_gpus_as_well(monkeypatch):
    monkeypatch.setenv("WB_GPU", "1,0")
    assert bash("true").spec["gpus"] == ["0", "1"]
    assert bash("true", gpus=()).spec["gpus"] == []


def test_a_queued_job_is_cancelled_at_once_and_one_that_dies_frees_its_gpu():
    holder = running(start(SLEEP, title="t", gpus=[5]))
    queued = start(SLEEP, title="t", gpus=[5])
    until(lambda: queued.log_path.read_text())
    assert queued.cancel() == "cancelled"
    third = start(["true"], title="t", gpus=[5])
    assert third.state == "queued"
    for who in ("supervisor", "wrapper", "process"):
        kill(holder, who)
    assert third.wait(60) == "done"


def test_progress_is_read_from_the_last_line(monkeypatch):
    script = (
        "from sessions.jobs import report_progress\n"
        "for n in range(50): report_progress(n + 1, 50, rate=2.0, message='m', metrics={'a': n})\n"
    )
    job = start([sys.executable, "-c", script], title="t")
    assert job.wait(60) == "done"
    progress = job.progress()
    assert progress and (progress["done"], progress["total"], progress["rate"]) == (50, 50, 2.0)
    assert len(job.progress_lines()) == 50


def test_reporting_progress_outside_of_a_job_or_on_a_full_disk_does_nothing(monkeypatch):
    report_progress(1, 2)
    monkeypatch.setenv("WB_JOB_PROGRESS", "/dev/full")
    report_progress(1, 2)


def test_a_job_tells_which_runs_it_made():
    script = "from sessions.runs import Run\nrun = Run.create({}, 'k')\nrun.set_state('done')\n"
    job = start([sys.executable, "-c", script], title="t")
    assert job.wait(60) == "done"
    assert job.run_ids == [Run.open("last").id]
    assert job.run_id == Run.open("last").id


def test_a_retry_repeats_the_command_and_an_evaluation_resumes_its_run():
    job = bash("exit 1", env={"COLOUR": "blue", "MY_TOKEN": "hidden-value"})
    with pytest.raises(RecordError, match="still"):
        running_or_ended = start(SLEEP, title="t")
        running_or_ended.retry()
    job.wait(60)
    again = job.retry()
    assert again.id != job.id
    assert again.spec["argv"] == job.spec["argv"]
    assert again.spec["env"] == {"COLOUR": "blue"}
    assert again.spec["retry_of"] == job.id
    assert again.wait(60) == "failed"


def test_an_evaluation_or_a_training_that_is_retried_goes_on_with_its_run():
    argv = ["wb", "run-eval", "--dataset", "demo"]
    assert jobs.resuming(argv, "r1") == [*argv, "--resume", "r1"]
    assert jobs.resuming([*argv, "--resume=r0"], "r1") == [*argv, "--resume=r0"]
    module = [sys.executable, "-P", "-m", "commands.main"]
    assert jobs.resuming([*module, *argv[1:]], "r1") == [*module, *argv[1:], "--resume", "r1"]
    training = ["wb", "train", "x.yaml", "--set", "epochs=1"]
    assert jobs.resuming(training, "r1") == ["wb", "train", "--resume", "r1"]
    assert jobs.resuming(["bash", "run-eval"], "r1") == ["bash", "run-eval"]


def test_a_run_that_is_done_is_not_resumed_by_a_retry():
    script = "import sys; from sessions.runs import Run; Run.create({}, 'k').set_state(sys.argv[1])"
    for state, resumed in (("done", None), ("failed", True)):
        job = start([sys.executable, "-c", script, state], title="t")
        assert job.wait(60) == "done"
        again = job.retry()
        assert again.spec["run_id"] == (job.run_id if resumed else None)
        assert again.wait(60) == "done"


def test_no_secret_is_written_and_the_job_still_gets_it(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_canary_1234")
    script = 'echo ${#HF_TOKEN} ${#MY_PASSWORD} "$WITH_IT"'
    job = bash(script, env={"MY_PASSWORD": "canary_pass", "WITH_IT": "u:canary_pass@host"})
    assert job.wait(60) == "done"
    assert list(job.follow_log())[0].startswith("14 11 u:canary")
    written = {p.name: p.read_text() for p in job.path.iterdir() if p.name != "log"}
    assert "canary" not in json.dumps(written)
    with pytest.raises(RecordError) as caught:
        start(["echo", "--token=hf_canary_1234"], title="t")
    assert "HF_TOKEN" in caught.value.message and "canary" not in caught.value.message


def test_files_of_a_job_are_private():
    job = bash("true")
    job.wait(60)
    assert all(path.stat().st_mode & 0o077 == 0 for path in [job.path, *job.path.iterdir()])


@pytest.mark.parametrize(
    ("argv", "options", "message"),
    [
        (["no-such-command"], {}, "no command"),
        ([], {}, "wants a command"),
        (["true"], {"gpus": ["../x"]}, "is no GPU"),
        (["true"], {"cwd": "/no/such/folder"}, "no folder"),
    ],
)
def test_what_cannot_be_started_is_said_at_once_and_leaves_no_job(argv, options, message):
    with pytest.raises(RecordError, match=message):
        start(argv, title="t", **options)
    assert list_jobs() == []


def test_wb_as_a_command_is_this_installation_and_is_shown_as_typed():
    job = start(["wb", "--version"], title="t")
    assert job.wait(60) == "done"
    assert list(job.follow_log())[0].startswith("wb, version")
    assert job.command == "wb --version"
    assert jobs.typed_argv(job.spec["run_argv"]) == ["wb", "--version"]


def test_a_folder_named_like_a_package_of_ours_does_not_shadow_it(tmp_path):
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "__init__.py").write_text("raise SystemExit('shadowed')")
    job = bash("echo fine", cwd=tmp_path)
    assert job.wait(60) == "done"
    assert list(job.follow_log()) == ["fine"]


def test_jobs_are_found_by_a_part_of_their_id_and_listed_the_newest_first():
    one, two = bash("true"), bash("true")
    assert [job.id for job in list_jobs()] == [two.id, one.id]
    assert Job.open(one.id[-8:]).id == one.id
    assert Job.open("last").id == two.id
    with pytest.raises(NoSuchRecord):
        Job.open("nothing")


def test_a_job_that_has_ended_can_be_removed_and_one_that_runs_cannot():
    job = running(start(SLEEP, title="t"))
    with pytest.raises(RecordError, match="still running"):
        job.remove()
    job.cancel(0)
    job.remove()
    assert list_jobs() == []


def test_the_first_word_on_how_a_job_ended_is_believed():
    job = bash("exit 3")
    job.wait(60)
    assert job.folder.finish("done") is False
    assert job.state == "failed"


def test_a_cancel_ends_as_cancelled_at_whatever_line_of_the_supervisor_its_signal_comes(tmp_path):
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)}
    line, came = 0, True
    try:
        while came:
            folder = JobFolder(tmp_path / str(line))
            folder.path.mkdir()
            folder.request_cancel(0)
            came = _supervise_with_a_term_at(line, folder)
            assert folder.result() == {
                **(folder.result() or {}),
                "state": "cancelled",
                "message": "cancelled while queued",
            }, f"at line {line}"
            line += 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert line > 50


def _supervise_with_a_term_at(line: int, folder: JobFolder) -> bool:
    """Supervise; TERM comes at the n-th line of ours after its handler. Whether there was one."""
    seen, ours = 0, str(Path(supervisor.__file__).parent)

    def trace(frame, event, _arg):
        nonlocal seen
        # Before the handler stands nobody knows the process yet, and nobody signals it.
        handler = signal.getsignal(signal.SIGTERM)
        if handler == signal.SIG_DFL or ours not in frame.f_code.co_filename:
            return trace
        if event == "line" and frame.f_code.co_name != "_on_term":
            seen += 1
            if seen == line + 1:
                os.kill(os.getpid(), signal.SIGTERM)
        return trace

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    lock = os.open(folder.path / "alive", os.O_RDWR | os.O_CREAT)
    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        supervisor.Supervisor(folder, lock).run()
    finally:
        sys.settrace(earlier)
        os.close(lock)
    return seen > line
