"""A run's folder: one writer, one line per UID, whatever is killed when."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from sessions.errors import NoSuchRecord, RecordError
from sessions.runs import Run, find_run_by_key, last_run, list_runs

CONFIG = {"dataset": "demo", "split": "test", "model": "demo"}


def line(n: int, **more) -> dict:
    return {"uid": f"demo/test/{n}", "text": "yes", "label": "yes", "target": "yes", **more}


def lines_on_disk(run: Run) -> list[dict]:
    return [json.loads(text) for text in run.predictions_path.read_text().splitlines()]


def test_a_run_is_found_by_its_id_a_part_of_it_its_path_and_its_key():
    with Run.create(CONFIG, "key-1", total=3) as run:
        for name in (run.id, run.id[:20], run.id[-6:], run.path, str(run.path), "last"):
            assert Run.open(name).id == run.id
        found = find_run_by_key("key-1")
        assert found is not None and found.id == run.id
        assert find_run_by_key("key-1", kind="train") is None
        assert find_run_by_key("key-2") is None
    with pytest.raises(NoSuchRecord):
        Run.open("nothing")


def test_a_run_says_what_defines_it_and_what_it_ran_on():
    with Run.create(CONFIG, "k", "train") as run:
        again = Run.open(run.id)
        assert (again.config, again.key, again.kind) == (CONFIG, "k", "train")
        assert again.created
        environment = again.environment()
        assert environment["packages"]["torch"]
        assert environment["wb_version"]


def test_no_secret_variable_reaches_the_environment_file(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_canary_123456")
    monkeypatch.setenv("WB_API_KEY", "canary_654321")
    monkeypatch.setenv("WB_ODD", "x-hf_canary_123456-y")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with Run.create(CONFIG, "k") as run:
        text = "".join(path.read_text() for path in run.path.iterdir() if path.is_file())
        assert "canary" not in text
        assert run.environment()["env"]["OMP_NUM_THREADS"] == "1"


def test_predictions_progress_and_counts_agree():
    with Run.create(CONFIG, "k", total=4) as run:
        run.append(line(0))
        run.append_many([line(1, label=None), line(2, label=None, error={"kind": "bad_image"})])
        reader = Run.open(run.id)
        assert reader.state == "running"
        assert reader.progress() == (3, 4)
        assert reader.counts() == {"total": 4, "done": 3, "unparsed": 1, "failed": 1}
        assert reader.done_uids() == {"demo/test/0", "demo/test/1", "demo/test/2"}
        assert reader.done_uids(errors=False) == {"demo/test/0", "demo/test/1"}
        run.write_metrics({"metrics": {"loss": float("nan")}})
        run.set_state("done")
    assert reader.state == "done"
    assert reader.metrics()["metrics"] == {"loss": None}
    assert reader.progress() == (3, 4)


def test_a_second_writer_is_told_who_is_writing():
    with Run.create(CONFIG, "k") as run:
        other = Run.open(run.id)
        for write in (lambda: other.append(line(0)), other.resume, other.remove):
            with pytest.raises(RecordError) as caught:
                write()
            assert "is being written by process" in caught.value.message
    other.append(line(0))
    other.close()
    assert run.done_uids() == {"demo/test/0"}


def test_a_second_process_is_refused_and_gets_in_when_the_first_is_killed():
    code = """
from sessions.runs import Run
run = Run.create({}, "k")
print(run.id, flush=True)
import time; time.sleep(60)
"""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    run = Run.open(writer.stdout.readline().strip())
    with pytest.raises(RecordError, match=str(writer.pid)):
        run.append(line(0))
    assert run.state == "running"
    writer.kill()
    writer.communicate()
    assert (run.state, run.interrupted) == ("failed", True)
    assert "interrupted" in run.reason
    assert run.resume(total=2) == set()
    assert run.state == "running" and not run.interrupted
    run.close()


def test_a_forked_worker_does_not_keep_its_parents_run_locked():
    code = """
import os, time
from sessions.runs import Run
run = Run.create({}, "k")
if os.fork() == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(run.id, os.getpid(), flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout
    run = Run.open(parent.stdout.readline().split()[0])
    try:
        parent.kill()
        parent.wait()
        run.append(line(0))
        run.close()
    finally:
        import os

        os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()


WRITER = """
import sys
from sessions.runs import Run, find_run_by_key
total = 120
run = find_run_by_key("k") or Run.create({}, "k", total=total)
done = run.resume(total=total)
print("ready", flush=True)
for n in range(total):
    if f"d/s/{n}" not in done:
        run.append({"uid": f"d/s/{n}", "label": str(n), "fill": "x" * (n * 997 % 30000)})
run.set_state("done")
"""


@pytest.mark.slow
def test_killed_ten_times_at_random_and_resumed_it_has_one_whole_line_per_uid():
    rng, kills = random.Random(5), 0
    while kills < 10:
        writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE)
        assert writer.stdout and writer.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.01))
        writer.kill()
        writer.communicate()
        kills += 1
        # What a kill in the middle of a write leaves; the kernel rarely does us the favour.
        run = Run.open("last")
        if run.state != "done" and kills % 2:
            with run.predictions_path.open("ab") as file:
                file.write(b'{"v": 1, "uid": "d/s/119", "lab')
    assert subprocess.run([sys.executable, "-c", WRITER], check=True, capture_output=True)
    run = Run.open("last")
    assert run.state == "done"
    on_disk = lines_on_disk(run)
    assert len(on_disk) == 120
    assert {entry["uid"]: entry["label"] for entry in on_disk} == {
        f"d/s/{n}": str(n) for n in range(120)
    }
    assert run.predictions_path.read_bytes().endswith(b"\n")


def test_a_retried_error_gives_way_to_the_new_line_and_is_counted_once():
    with Run.create(CONFIG, "k", total=2) as run:
        run.append_many([line(0, error={"kind": "x"}, label=None), line(1)])
        run.append(line(0))
        assert run.counts() == {"total": 2, "done": 2, "unparsed": 0, "failed": 0}
        assert [p["uid"] for p in run.predictions()] == ["demo/test/0", "demo/test/1"]
        run.set_state("done")
    assert [entry["uid"] for entry in lines_on_disk(run)] == ["demo/test/0", "demo/test/1"]
    assert run.progress() == (2, 2)


def test_a_whole_last_line_without_its_newline_is_not_asked_again():
    run = Run.create(CONFIG, "k", total=2)
    run.append(line(0))
    run.close()
    data = run.predictions_path.read_bytes()
    run.predictions_path.write_bytes(data + json.dumps(line(1)).encode())
    assert Run.open(run.id).resume() == {"demo/test/0", "demo/test/1"}
    assert len(lines_on_disk(run)) == 2


def test_damaged_lines_are_set_aside_and_counted_after_the_repair():
    run = Run.create(CONFIG, "k")
    run.append(line(0))
    run.close()
    with run.predictions_path.open("ab") as file:
        file.write(b'rubbish\n{"no": "uid"}\n{"uid": "demo/test/1", "te')
    again = Run.open(run.id)
    assert again.resume() == {"demo/test/0"}
    assert len(lines_on_disk(again)) == 1
    assert again.damaged() == 3
    again.close()


def test_a_prediction_without_a_uid_is_refused():
    with Run.create(CONFIG, "k") as run, pytest.raises(RecordError, match="no uid"):
        run.append({"text": "x"})


def test_the_time_of_every_stretch_is_counted():
    run = Run.create(CONFIG, "k")
    time.sleep(0.05)
    run.append(line(0))
    run.close()  # as a kill would: no end state
    again = Run.open(run.id)
    again.resume()
    time.sleep(0.05)
    again.set_state("done")
    assert 0.09 < Run.open(run.id).seconds < 60


def test_the_list_is_the_newest_first_and_survives_a_damaged_folder():
    with Run.create(CONFIG, "a") as one, Run.create(CONFIG, "b") as two:
        (one.path / "config.json").write_text("{")
        (one.path / "state.json").write_text("")
        assert [run.id for run in list_runs()] == [two.id, one.id]
        broken = list_runs()[1]
        assert (broken.config, broken.state, broken.progress()) == ({}, "failed", (0, 0))


def test_readers_that_ask_how_a_run_stands_do_not_keep_a_writer_out():
    run = Run.create(CONFIG, "k")
    run.close()
    code = """
import sys
from sessions.runs import Run
run = Run.open(sys.argv[1])
print("ready", flush=True)
while True:
    run.state
"""
    reader = subprocess.Popen([sys.executable, "-c", code, run.id], stdout=subprocess.PIPE)
    try:
        assert reader.stdout and reader.stdout.readline()
        for _ in range(300):
            run.lock()
            run.close()
    finally:
        reader.kill()
        reader.communicate()


def test_an_unknown_state_is_refused():
    with Run.create(CONFIG, "k") as run, pytest.raises(RecordError, match="no state"):
        run.set_state("paused")  # type: ignore[arg-type]


def test_a_removed_run_is_gone():
    run = Run.create(CONFIG, "k")
    run.set_state("cancelled", reason="by hand")
    assert Run.open(run.id).reason == "by hand"
    run.remove()
    assert list_runs() == []


def test_last_passes_over_the_variants_of_a_run_unless_there_is_nothing_else():
    with Run.create({"variant_of": "own", "control": "blank"}, "c") as control:
        assert Run.open("last").id == control.id
        with Run.create({}, "own") as run:
            run.set_state("done")
        with Run.create({"variant_of": "own"}, "d") as newest:
            newest.set_state("done")
        assert Run.open("last").id == run.id
        # What is being written, for those who want to speak to it.
        assert last_run(written=True).id == control.id
    assert last_run(written=True).id == run.id
