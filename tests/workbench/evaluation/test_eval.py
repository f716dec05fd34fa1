"""Evaluation: lines as batches end, failures recorded, resume, the same whatever the batch size."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from commands.main import cli
from sessions.runs import Run, list_runs
from tests import warm
from tests.tables import add_rows
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

SHORT = Decoding(max_new_tokens=4)
SPEEDS = ("tokens_per_s",)


def config(**more) -> EvalConfig:
    values = {"dataset": "demo/test", "limit": 10, "batch_size": 4, "decoding": SHORT, "threads": 1}
    return EvalConfig(**values | more, spec=ModelSpec(device="cpu"))


def figures(run: Run) -> dict:
    """All that must not depend on how a run came about."""
    found = document(run)
    return {
        "metrics": {k: v for k, v in found["metrics"].items() if k not in SPEEDS},
        **{key: found.get(key) for key in ("counts", "confusion", "per_label")},
    }


def answers(run: Run) -> dict[str, str]:
    return {line["uid"]: line["text"] for line in run.predictions()}


@pytest.fixture
def awkward(tmp_path: Path) -> str:
    """A dataset of statements, of which several cannot be asked; `awkward/all` has 9 rows."""
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(9):
        Image.new("RGB", (32, 32), (25 * i, 0, 0)).save(folder / f"{i}.png")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:40])
    (folder / "4.png").unlink()
    (folder / "6.png").write_bytes(b"")
    rows = [
        f"{i},{'there is a red circle ' * (900 if i == 7 else 1)},{i}.png,true" for i in range(9)
    ]
    return add_rows("awkward", folder, rows, labels=("true", "false"))


def test_a_run_has_a_line_for_each_sample_and_its_figures():
    seen = []
    run = evaluate(config(answer="both"), on_progress=seen.append)
    lines = run.predictions()
    assert [line["uid"] for line in sorted(lines, key=lambda x: x["uid"])] == [
        f"demo/test/{i:06d}" for i in range(10)
    ]
    for line in lines:
        assert set(line["scores"]) == {"True", "False"}
        assert line["target"] in ("True", "False")
        assert line["tokens"] <= 4
    assert run.state == "done"
    found = json.loads((run.path / "metrics.json").read_text())
    assert found["counts"] == {
        "total": 10,
        "done": 10,
        "unparsed": sum(line["label"] is None for line in lines),
        "failed": 0,
        "truncated": sum(line["finish_reason"] == "length" for line in lines),
    }
    for name in ("run", "path", "dataset", "split", "model", "metrics", "seconds"):
        assert name in found
    assert found["metrics"]["accuracy"]["n"] == 10
    assert {"auroc", "tokens_per_s"} <= set(found["metrics"])
    assert any(name.startswith("accuracy/") for name in found["metrics"])
    assert seen[-1].done == 10


@pytest.mark.slow
def test_answers_and_figures_do_not_depend_on_the_batch_size():
    one, many = evaluate(config(batch_size=1)), evaluate(config(batch_size=5))
    assert answers(one) == answers(many)
    assert figures(one) == figures(many)
    assert one.key == many.key


def test_bad_samples_are_recorded_as_failed_and_lose_no_others(awkward):
    run = evaluate(config(dataset=awkward, limit=0, batch_size=9))
    lines = {line["uid"].rpartition("/")[2]: line for line in run.predictions()}
    assert len(lines) == 9
    failed = {name: line["error"]["kind"] for name, line in lines.items() if line["error"]}
    assert failed == {
        "2": "bad_image",
        "4": "bad_sample",
        "6": "bad_sample",
        "7": "prompt_too_long",
    }
    counts = document(run)["counts"]
    assert (counts["total"], counts["done"], counts["failed"]) == (9, 9, 4)
    assert document(run)["metrics"]["accuracy"]["n"] == 9
    assert document(run)["metrics"]["accuracy_answered"]["n"] == 5


def test_failed_samples_can_be_asked_again(awkward, tmp_path):
    run = evaluate(config(dataset=awkward, limit=0))
    Image.new("RGB", (32, 32)).save(tmp_path / "data" / "4.png")
    again = evaluate(resumed_config(run, retry_failed=True), resume=run.id)
    assert again.id == run.id
    assert document(again)["counts"]["failed"] == 3
    assert len(again.predictions()) == 9


@pytest.mark.slow
def test_a_cancelled_run_ends_at_a_batch_and_goes_on_to_the_same_figures():
    asked = []
    run = evaluate(config(), cancelled=lambda: len(asked) >= 2 or asked.append(1) is not None)
    assert run.state == "cancelled"
    assert 0 < len(run.predictions()) < 10
    assert len(run.predictions()) % 4 == 0
    assert document(run)["counts"]["total"] == 10
    resumed = evaluate(resumed_config(run, batch_size=3), resume=run.id)
    assert resumed.id == run.id
    whole = evaluate(config())
    assert answers(resumed) == answers(whole)
    assert figures(resumed) == figures(whole)


@pytest.mark.slow
def test_auto_resume_finds_the_run_of_the_same_key_whatever_the_batch_size():
    first = evaluate(config())
    assert evaluate(config(batch_size=1), resume="auto").id == first.id
    assert evaluate(config(decoding=Decoding(max_new_tokens=3)), resume="auto").id != first.id
    assert evaluate(config(template="statement/yes-no"), resume="auto").id != first.id
    assert evaluate(config(limit=9), resume="auto").id != first.id


def test_resuming_with_other_settings_is_refused_and_says_which():
    run = evaluate(config(limit=2))
    with pytest.raises(UsageError, match="limit 2, not 3"):
        evaluate(config(limit=3), resume=run.id)


@pytest.mark.slow
def test_shots_are_recorded_balanced_and_kept_on_resume():
    run = evaluate(config(limit=2, shots=2, seed=5))
    uids = run.config["shot_uids"]
    assert len(uids) == 4
    assert all(uid.startswith("demo/train/") for uid in uids)
    plain = evaluate(config(limit=2))
    assert plain.key != run.key
    assert all(a["prompt_tokens"] > 2 * b["prompt_tokens"] for a, b in _pairs(run, plain))
    assert evaluate(resumed_config(run), resume=run.id).id == run.id
    named = evaluate(config(limit=2, shot_uids=tuple(uids)), resume="auto")
    assert named.id == run.id


def test_a_query_among_its_own_shots_is_replaced():
    from workbench.evaluation.prepare import prepare

    ready = prepare(config(shots=1, shots_from="demo/test[:6]", limit=6))
    for shot in ready.prompter.shots:
        messages = ready.prompter.render(shot)
        assert len(messages) == 5
        asked = messages[-1].text
        assert asked not in [m.text for m in messages[:-1]]


def _pairs(a: Run, b: Run):
    other = {line["uid"]: line for line in b.predictions()}
    return [(line, other[line["uid"]]) for line in a.predictions()]


@pytest.mark.slow
def test_questions_and_captions_are_evaluated_too():
    questions = evaluate(config(dataset="demo_vqa/test", limit=4))
    assert document(questions)["metrics"]["accuracy"]["n"] == 4
    captions = evaluate(config(dataset="demo_captions/test", limit=4))
    assert {"bleu4", "rouge_l"} <= set(document(captions)["metrics"])
    assert all(len(line["references"]) >= 1 for line in captions.predictions())


def test_an_endless_stream_wants_a_limit():
    with pytest.raises(UsageError, match="endless"):
        evaluate(config(dataset="demo/stream", limit=0))
    assert len(evaluate(config(dataset="demo/stream", limit=3)).predictions()) == 3


def test_contradictory_settings_are_told_in_one_message():
    with pytest.raises(UsageError) as info:
        EvalConfig(dataset="", limit=-1, batch_size=0, shots=-2)
    for flag in ("--dataset", "--limit", "--batch-size", "--shots"):
        assert flag in info.value.message


@pytest.mark.slow
def test_a_defect_in_one_sample_is_recorded_and_a_defect_in_all_stops_the_run(monkeypatch):
    from workbench.inference import generate

    real = generate.generate

    def breaks(loaded, conversations, *args, **kwargs):
        if any("red" in c[-1].text for c in conversations):
            raise RuntimeError("unforeseen")
        return real(loaded, conversations, *args, **kwargs)

    monkeypatch.setattr(generate, "generate", breaks)
    run = evaluate(config(limit=12))
    kinds = [(line["error"] or {}).get("kind") for line in run.predictions()]
    assert "crash" in kinds
    assert None in kinds
    assert len(kinds) == 12

    def always(*args, **kwargs):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(generate, "generate", always)
    with pytest.raises(Exception, match="in a row failed"):
        evaluate(config(limit=60))
    assert list_runs()[0].state == "failed"


ARGS = ["run-eval", "--dataset", "demo/test", "--limit", "24", "--max-new-tokens", "4"]
ARGS += ["--batch-size", "1", "--device", "cpu", "--threads", "1"]


def start(*more: str) -> warm.Warm:
    return warm.start([sys.executable, "-m", "commands.main", *ARGS, *more])


def wait_for_lines(process: warm.Warm, n: int, timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and process.poll() is None:
        runs = list_runs()
        if runs and runs[0].progress()[0] >= n:
            return
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_at_random_and_resumed_it_has_one_line_per_sample_and_the_same_figures():
    rng = random.Random(7)
    process = start()
    wait_for_lines(process, 1 + rng.randrange(8))
    time.sleep(rng.random() * 0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = CliRunner().invoke(cli, [*ARGS, "--resume", "auto"])
    assert done.exit_code == 0, done.output
    (run,) = list_runs()
    raw = run.predictions_path.read_text().splitlines()
    assert len(raw) == 24
    assert len({json.loads(line)["uid"] for line in raw}) == 24
    whole = evaluate(config(limit=24, batch_size=6, decoding=Decoding(max_new_tokens=4)))
    assert whole.key == run.key
    assert answers(run) == answers(whole)
    assert figures(run) == figures(whole)


@pytest.mark.slow
def test_sigterm_ends_it_cleanly_after_a_batch():
    process = start("--limit", "600")  # far more than it can do before the signal comes
    wait_for_lines(process, 2)
    process.terminate()
    assert process.wait(timeout=60) == 1
    (run,) = list_runs()
    assert run.state == "cancelled"
    assert run.metrics()["counts"]["total"] == 600
    assert 0 < run.metrics()["counts"]["done"] < 600


@pytest.mark.slow
def test_answers_by_score_are_the_labels_that_are_scored_best_and_nothing_is_generated():
    both, alone = evaluate(config(answer="both")), evaluate(config(answer="score"))
    assert both.key != alone.key
    scores = {line["uid"]: line["scores"] for line in both.predictions()}
    for line in alone.predictions():
        assert line["scores"] == pytest.approx(scores[line["uid"]], abs=1e-4)
        assert line["label"] == max(line["scores"], key=line["scores"].get)
        assert (line["answered_by"], line["tokens"]) == ("score", 0)
    by_scores = document(both)["metrics"]["accuracy_by_scores"]["value"]
    assert document(alone)["metrics"]["accuracy"]["value"] == by_scores
    assert {"ece", "brier"} <= set(document(alone)["metrics"])
    assert document(both)["disagree"] == sum(
        line["label"] != max(line["scores"], key=line["scores"].get) for line in both.predictions()
    )


def test_a_run_of_a_version_that_called_it_label_scores_is_resumed_as_both():
    run = evaluate(config(answer="both", limit=2))
    old = {k: v for k, v in run.config.items() if k != "answer"}
    assert EvalConfig.from_json(old).answer == "both"
    assert EvalConfig.from_json(old | {"label_scores": False}).answer == "generate"
