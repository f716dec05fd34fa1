"""`wb runs` as it is typed."""

from __future__ import annotations

import pytest

from sessions.runs import Run

METRICS = {
    "metrics": {"accuracy": {"value": 0.5, "low": 0.2, "high": 0.8, "n": 4}},
    "counts": {"total": 4, "done": 4, "unparsed": 1, "failed": 1},
    "seconds": 1.5,
    "per_label": {"yes": {"precision": 0.5, "recall": 1.0, "f1": 0.67, "n": 2}},
}


def prediction(n: int, label: str | None, target: str = "yes", **more) -> dict:
    return {"uid": f"demo/test/{n}", "text": f"\x1b[31m{label}", "label": label} | {
        "target": target,
        **more,
    }


def make(labels: list[str | None], *, done: bool = True, dataset: str = "demo") -> Run:
    run = Run.create({"dataset": dataset, "split": "test", "model": "demo"}, "k", total=len(labels))
    run.append_many(prediction(n, label) for n, label in enumerate(labels))
    if done:
        run.write_metrics(METRICS)
        run.set_state("done")
    run.close()
    return run


def test_a_finished_run_is_shown_as_the_contract_says(run_wb):
    run = make(["yes", "no", None, "yes"])
    shown = run_wb("runs", "show", run.id, "--json").json
    assert list(shown)[0] == "run"
    assert (shown["run"], shown["path"]) == (run.id, str(run.path))
    assert (shown["dataset"], shown["split"], shown["model"]) == ("demo", "test", "demo")
    assert shown["metrics"]["accuracy"] == METRICS["metrics"]["accuracy"]
    assert shown["counts"] == METRICS["counts"]
    assert shown["seconds"] == 1.5
    text = run_wb("runs", "show", "last").out
    assert "0.5000" in text and "[0.200, 0.800]" in text and "precision".upper() in text


def test_a_run_without_metrics_still_has_counts(run_wb):
    run = make(["yes", None], done=False)
    shown = run_wb("runs", "show", run.id, "--json").json
    assert shown["counts"] == {"total": 2, "done": 2, "unparsed": 1, "failed": 0}
    assert shown["metrics"] == {}
    assert "interrupted" in run_wb("runs", "show", run.id).out


def test_the_list_is_the_newest_first_and_filtered(run_wb):
    one, two = make(["yes"]), make(["yes"], dataset="other")
    listed = run_wb("runs", "list", "--json").json
    assert [entry["id"] for entry in listed] == [two.id, one.id]
    assert list(listed[0])[0] == "id"
    assert [e["id"] for e in run_wb("runs", "list", "--dataset", "demo", "--json").json] == [one.id]
    assert run_wb("runs", "list", "--kind", "train", "--json").json == []
    assert one.id[-6:] in run_wb("runs", "list").out


def test_a_limited_list_says_how_many_runs_are_left_out(run_wb):
    for dataset in ("demo", "my data", "my data"):
        make(["yes"], dataset=dataset)
    done = run_wb("runs", "list", "--limit", "1", "--json")
    assert len(done.json) == 1
    assert done.err == "2 older runs left out; all: wb runs list --limit 0\n"
    done = run_wb("runs", "list", "--dataset", "my data", "--limit", "1", "--ids")
    assert done.err == "1 older run left out; all: wb runs list --dataset 'my data' --limit 0\n"
    done = run_wb("runs", "list", "--limit", "0", "--ids")
    assert len(done.out.split()) == 3 and not done.err


def test_the_errors_of_a_run_lead_back_to_its_samples(run_wb):
    run = make(["yes", "no", None])
    writer = Run.open(run.id)
    writer.append(prediction(3, None, error={"kind": "bad_image", "message": "is \x1b[2Jempty"}))
    writer.close()
    wrong = run_wb("runs", "show", run.id, "--errors", "--json").json
    assert [(w["uid"], w["what"]) for w in wrong] == [
        ("demo/test/1", "wrong"),
        ("demo/test/2", "unparsed"),
        ("demo/test/3", "failed"),
    ]
    assert run_wb("runs", "show", run.id, "--errors", "--uids").out.split() == [
        "demo/test/1",
        "demo/test/2",
        "demo/test/3",
    ]
    shown = run_wb("runs", "show", run.id, "--errors", "--limit", "5").out
    assert "is empty" in shown and "\x1b" not in shown


def test_samples_are_listed_in_the_order_of_any_column_of_the_run(run_wb):
    run = Run.create({"dataset": "demo", "split": "test", "model": "demo"}, "k", total=4)
    for n, (label, loss, scores) in enumerate(
        [("no", 2.5, {"yes": -3.0, "no": -0.1}), ("yes", None, {}), ("yes", 0.5, {"yes": -0.2})]
    ):
        run.append(prediction(n, label, loss=loss, scores=scores, target="yes" if n else "no"))
    run.append({"uid": "demo/test/3", "error": {"message": "gone"}, "target": "yes"})
    run.close()

    def order(*words: str) -> list[str]:
        done = run_wb("runs", "show", run.id, "--uids", "--sort", *words)
        assert done.code == 0, done.err
        return [uid.rpartition("/")[2] for uid in done.out.split()]

    assert order("loss") == ["2", "0", "1", "3"]  # without a loss: last, whichever way
    assert order("loss", "--descending") == ["0", "2", "1", "3"]
    assert order("label") == ["0", "1", "2", "3"] and order("answer")[:1] == ["0"]
    assert order("verdict", "--descending", "--limit", "1") == ["3"]
    assert order("loss", "--errors") == ["3"]  # which has no loss, as others of the run have
    shown = run_wb("runs", "show", run.id, "--sort", "loss")
    head, first, *_, last = shown.out.splitlines()
    assert head.split() == ["UID", "WHAT", "TARGET", "ANSWER", "LOSS", "TEXT"]
    assert "0.5" in first and "–" in last
    told = run_wb("runs", "show", run.id, "--sort", "confidence", "--json").json
    assert [line["sorted_by"] is None for line in told] == [False, False, True, True]
    evil = Run.create({"dataset": "demo", "model": "demo"}, "k", total=1)
    evil.append(prediction(0, "yes", **{"\x1b[31m": 1.0}))
    evil.close()
    done = run_wb("runs", "show", evil.id, "--sort", "\x1b[31m")
    assert done.code == 0 and "\x1b" not in done.out + done.err
    wrong = run_wb("runs", "show", run.id, "--sort", "size")
    assert wrong.code == 2 and "'size'" in wrong.err and "confidence" in wrong.err
    assert run_wb("runs", "show", run.id, "--descending").code == 2


def test_errors_are_bookmarked_through_a_pipe(run_wb):
    make(["no", "yes", "no"])
    uids = run_wb("runs", "show", "last", "--errors", "--uids").out
    run_wb("bookmark", "add", "-", "--tag", "errors", stdin=uids)
    assert [m["uid"] for m in run_wb("bookmark", "list", "--json").json] == uids.split()


def test_two_runs_are_compared_by_their_pairs(run_wb):
    one = make(["no"] * 12 + ["yes"] * 4)
    two = make(["yes"] * 11 + ["no"] + ["yes"] * 4 + ["yes"])
    compared = run_wb("runs", "compare", one.id, two.id, "--json").json
    assert (compared["first"], compared["second"]) == (one.id, two.id)
    assert (compared["n"], compared["only_a"], compared["only_b"]) == (16, 0, 11)
    assert compared["unpaired_b"] == 1
    assert compared["p_value"] == pytest.approx(2 / 2**11)
    assert len(compared["flips"]) == 11
    text = run_wb("runs", "compare", one.id, two.id, "--flips").out
    assert "McNemar" in text and "demo/test/0" in text and "fixed" in text


@pytest.mark.parametrize("words", ["report", "table", "rm"])
def test_a_run_that_is_named_twice_is_refused(run_wb, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make(["yes", "no"])
    done = run_wb("runs", words, run.id, "last")
    assert done.code == 2 and f"run {run.id} is named twice" in done.err
    assert run.path.is_dir() and not list(tmp_path.glob("report*"))


def test_runs_that_share_no_sample_cannot_be_compared(run_wb):
    one = make(["yes"])
    two = Run.create({}, "k")
    two.append({"uid": "x/y/z", "label": "a", "target": "a"})
    two.set_state("done")
    done = run_wb("runs", "compare", one.id, two.id, "--json")
    assert done.code == 1 and "share no sample" in done.json["error"]["message"]
    training = Run.create({"train": ["demo/train"]}, "k", "train")
    done = run_wb("runs", "compare", one.id, training.id, "--json")
    assert done.json["error"]["message"].endswith("the second is a training")
    assert "wb run-eval --adapter" in done.json["error"]["hint"]


def test_rm_deletes_and_refuses_what_is_being_written(run_wb):
    run = make(["yes"])
    assert run_wb("runs", "path", run.id).out == f"{run.path}\n"
    busy = Run.create({}, "k")
    assert run_wb("runs", "rm", busy.id).code == 1
    busy.close()
    assert run_wb("runs", "rm", run.id, busy.id).code == 0
    assert run_wb("runs", "list", "--json").json == []


def test_an_unknown_run_exits_2_with_a_hint(run_wb):
    for args in (["show", "zzzz"], ["compare", "zzzz", "yyyy"], ["rm", "zzzz"]):
        done = run_wb("runs", *args)
        assert done.code == 2
        assert "zzzz" in done.err and "wb runs list" in done.err


def test_an_error_under_json_is_harmless_on_a_terminal(run_wb):
    done = run_wb("runs", "show", "\x9b2J\u202e\x1b[2J", "--json")
    assert done.code == 2
    assert not set(done.out + done.err) & set("\x1b\x9b\u202e")
    assert "\x9b2J" in done.json["error"]["message"] or "x9b" in done.json["error"]["message"]


def test_a_damaged_run_is_listed_and_shown_without_a_traceback(run_wb):
    run = make(["yes"])
    (run.path / "config.json").write_text("{")
    (run.path / "metrics.json").write_text("[1")
    with run.predictions_path.open("ab") as file:
        file.write(b"rubbish\n")
    assert run_wb("runs", "list").code == 0
    shown = run_wb("runs", "show", run.id)
    assert shown.code == 0 and "1 lines" in shown.out


def test_a_running_evaluation_is_controlled_and_says_how_it_stands(run_wb):
    run = make(["yes", "no"], done=False)
    run.set_state("running", total=4)  # this process is at it
    asked = run_wb("runs", "ctl", run.id, "pause", "--reason", "the GPU is needed", "--wait", "0")
    assert asked.code == 0 and f"{run.id} pause: waiting" in asked.out
    assert "after the batch under way" in asked.err
    again = run_wb("runs", "ctl", run.id, "retry", "demo/test/0", "demo/test/1", "--wait", "0")
    assert again.out.count("waiting") == 2
    told = run_wb("runs", "ctl", run.id, "--json").json
    assert (told["run"], told["state"]) == (run.id, "pausing")
    assert [(r["action"], r["value"], r["reason"]) for r in told["requests"]] == [
        ("pause", None, "the GPU is needed"),
        ("retry", "demo/test/0", ""),
        ("retry", "demo/test/1", ""),
    ]
    run.set_state("running", paused=True, reason="the GPU is needed")
    assert " paused " in run_wb("runs", "list").out
    (listed,) = run_wb("runs", "list", "--json").json
    assert (listed["state"], listed["paused"]) == ("running", True)
    shown = run_wb("runs", "show", run.id)
    assert "paused: the GPU is needed" in shown.out and "retry demo/test/1" in shown.out
    assert len(run_wb("runs", "show", run.id, "--json").json["control"]) == 3
    run.close()


def test_what_a_run_cannot_be_asked_is_one_error(run_wb):
    run = make(["yes", "no"])
    ended = run_wb("runs", "ctl", run.id, "pause", "--json")
    assert ended.code == 1 and ended.json["error"]["kind"] == "run_ended"
    run.set_state("running")
    two = run_wb("runs", "ctl", run.id, "batch-size", "2", "3")
    assert two.code == 2 and "one value at most" in two.err
    half = run_wb("runs", "ctl", run.id, "retry", "demo/test/0", "demo/test/7", "--wait", "0")
    assert half.code == 2 and "demo/test/7" in half.err
    assert run_wb("runs", "ctl", run.id, "--json").json["requests"] == []
    run.close()


def test_errors_and_flips_are_in_the_order_of_uids_whatever_order_they_were_asked_in(run_wb):
    found = []
    for order, label in (((2, 0, 1), "no"), ((1, 2, 0), "yes")):
        with Run.create({"dataset": "demo", "split": "test"}, label, total=3) as run:
            run.append_many(prediction(n, label) for n in order)
            run.set_state("done")
        found.append(run)
    uids = [f"demo/test/{n}" for n in range(3)]
    assert run_wb("runs", "show", found[0].id, "--errors", "--uids").out.split() == uids
    compared = run_wb("runs", "compare", *(run.id for run in found), "--flips", "--json").json
    assert [flip["uid"] for flip in compared["flips"]] == uids
