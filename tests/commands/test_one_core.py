"""One prediction file per task: the same verdicts, figures and words wherever one looks.

And the rule behind it: a front end reads no field of a prediction, judges no answer, builds no
record and parses no model words by itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.runs import Run
from sessions.verdict import answer_right, answer_verdict

ERROR = {"kind": "bad_image", "message": "gone"}


def lines(task: str) -> tuple[list[dict], list[str]]:
    """Lines of a task with what each counts as."""
    gold, other = {
        "statement": ("true", "false"),
        "entailment": ("entailment", "neutral"),
        "question": ("two", "3"),
        "caption": ("a dog", "a cat"),
    }[task]
    judged = task != "caption"
    rows = [
        ({"label": gold, "correct": True if judged else None}, "right" if judged else "none"),
        ({"label": other, "correct": False if judged else None}, "wrong" if judged else "none"),
        ({"label": None, "correct": False if judged else None}, "unparsed" if judged else "none"),
        ({"label": None, "correct": False if judged else None, "error": ERROR}, "failed"),
        ({"label": gold, "target": None, "correct": None}, "none"),
    ]
    if task == "question":  # right by another spelling than the target's
        rows.append(({"label": "2", "correct": True}, "right"))
    if task == "statement":  # as an older version wrote it, without its own word
        rows.append(({"label": gold}, "right"))
        rows.append(({"label": other}, "wrong"))
    out = [
        {"uid": f"demo/test/{i:06d}", "target": gold, "text": "x", "error": None, **line}
        for i, (line, _) in enumerate(rows)
    ]
    return out, [found for _, found in rows]


TASKS = ("statement", "entailment", "question", "caption")


def run_of(task: str) -> tuple[Run, list[dict], list[str]]:
    """A run that has ended, its lines and what each counts as."""
    predictions, expected = lines(task)
    config = {"dataset": "demo", "split": "test", "task": task, "model": "own/model"}
    run = Run.create(config | {"adapter": "/runs/lora"}, "k", total=len(expected))
    run.append_many(predictions)
    run.set_state("done")
    return run, predictions, expected


@pytest.mark.parametrize("task", TASKS)
def test_a_prediction_counts_as_the_same_thing_everywhere(task, run_wb):
    from workbench import api
    from workbench.app.explore.rows import view_of_run
    from workbench.app.runs.reading import PredictionFile

    run, predictions, expected = run_of(task)
    uids = [line["uid"] for line in predictions]
    wrong = {
        uid: found
        for uid, found in zip(uids, expected, strict=True)
        if found in ("wrong", "unparsed", "failed")
    }

    told = run_wb("runs", "show", run.id, "--errors", "--json").json
    assert {line["uid"]: line["what"] for line in told} == wrong

    view = view_of_run(run.id, "", run.predictions())
    assert [view.mark(uid) for uid in uids] == expected

    file = PredictionFile(run.predictions_path)
    list(file.read())
    assert [row.verdict for row in file.rows] == expected
    assert file.select("errors").uids == list(wrong)
    counts = {name: expected.count(name) for name in ("right", "unparsed", "failed")}
    tally = file.tally
    assert {"right": tally.right, "unparsed": tally.unparsed, "failed": tally.failed} == counts

    evaluation = api.evaluation(run.id)
    assert [card.uid for card in evaluation.wrong(99)] == list(wrong)


@pytest.mark.parametrize("task", TASKS)
def test_a_runs_figures_and_words_are_the_same_everywhere(task, run_wb):
    from workbench import api
    from workbench.app.runs.summaries import summarise

    run, _, expected = run_of(task)
    told = run_wb("runs", "score", run.id, "--metrics", "distinct", "--json").json
    summary, evaluation = summarise(run), api.evaluation(run.id)
    assert told["metrics"]
    assert evaluation.metrics == told["metrics"]
    assert {name: figure.to_json() for name, figure in summary.metrics.items()} == told["metrics"]
    counts = {name: told["counts"][name] for name in ("unparsed", "failed")}
    assert counts["failed"] == expected.count("failed")
    assert {name: evaluation.counts[name] for name in counts} == counts
    assert {"unparsed": summary.unparsed, "failed": summary.failed} == counts

    shown, page = run_wb("runs", "show", run.id).out, evaluation._html()
    words = [f"{len(expected)} of {len(expected)} samples, {counts['unparsed']} unparsed"]
    words += ["demo/test", "own/model + /runs/lora", f"{counts['failed']} failed"]
    assert all(word.replace(" samples", "") in shown.replace(" samples", "") for word in words)
    assert all(word in page for word in words)
    assert (summary.where, summary.who) == ("demo/test", "model +lora")
    for name, figure in summary.metrics.items():
        for place in (shown, page, evaluation._plain()):
            assert name in place and figure.words() in place and figure.interval() in place


def test_an_answer_counts_as_the_same_thing_everywhere():
    from sessions.records import PromptRecord
    from workbench.app.lists.palette import PALETTE
    from workbench.app.sessions.tables import prompt_sign
    from workbench.notebook.answers import Said
    from workbench.playground.replay import Replayed, summary

    words = {"yes": "true", "no": "false"}
    asked = {"template": "statement/yes-no", "target": "true", "words": words}
    cases = (
        (PromptRecord(**asked, label="true"), "right", "✓"),
        (PromptRecord(**asked, label="True"), "wrong", "✗"),
        (PromptRecord(**asked), "unparsed", "?"),
        (PromptRecord(**asked, label="true", error={"message": "gone"}), "failed", "!"),
        (PromptRecord(**{**asked, "target": None}, label="true"), "none", "›"),
        (PromptRecord(**{**asked, "words": {}}), "none", "›"),
        (PromptRecord(**{**asked, "template": None}), "none", "›"),
        (PromptRecord(**{**asked, "words": None}, label="false"), "wrong", "✗"),
    )
    right, wrong = cases[0][0], cases[1][0]
    for record, verdict, sign in cases:
        assert answer_verdict(record) == verdict
        assert prompt_sign(record, PALETTE).plain == sign
        assert Said("", record=record).right is answer_right(record)
        turned = summary([Replayed(wrong, record)])
        assert turned["now_right"] == (verdict == "right")
    assert summary([Replayed(right, wrong)])["now_wrong"] == 1


ROOT = Path(__file__).resolve().parents[2]
# What is a prediction's own; `label` and `error` are words of much else too.
FIELDS = {"target", "correct", "latency_s", "scores", "references", "finish_reason"}
# Keys of those names that are no prediction's: a data set's mapping, an engine's map.
OTHERS = {
    ("commands/data.py", "references"),
    ("commands/gradcam.py", "target"),
    ("workbench/app/explore/details_text.py", "references"),
    ("workbench/app/explore/heat_bar.py", "target"),
}
BUILT = {"PromptRecord", "GradcamRecord", "Question"}
JUDGES = {"verdict", "is_right", "is_error", "is_judged", "is_truncated"}


def front_ends() -> Iterator[tuple[str, ast.AST]]:
    """Every node of the front ends, with the file that holds it."""
    for folder in ("commands", "workbench/app", "workbench/notebook"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield str(path.relative_to(ROOT)), node


def key_of(node: ast.AST) -> object:
    """The key that a node reads of something: of `x["k"]`, `x.get("k")`."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func
        return node.args[0].value if getattr(called, "attr", "") == "get" else None
    return None


def attributes(node: ast.AST) -> set[str]:
    return {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def test_a_front_end_leaves_predictions_records_and_model_words_to_the_core():
    found = []
    for file, node in front_ends():
        where = f"{file}:{getattr(node, 'lineno', 0)}"
        if key_of(node) in FIELDS and (file, key_of(node)) not in OTHERS:
            found.append(f"{where} reads {key_of(node)!r} of a prediction: workbench.reports")
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        read = [attributes(side) for side in sides if not isinstance(side, ast.Tuple)]
        if any("label" in side for side in read) and any("target" in side for side in read):
            found.append(f"{where} judges an answer: sessions.verdict")
        if isinstance(node, ast.ImportFrom) and node.module == "sessions.verdict":
            taken = JUDGES & {name.name for name in node.names}
            found += [f"{where} judges a prediction by {name}" for name in sorted(taken)]
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in BUILT and (node.args or node.keywords):
                found.append(f"{where} builds a {name}: workbench.playground")
            if name == "ModelSpec" and (node.args or node.keywords):
                found.append(f"{where} reads model words: workbench.models.spec.chosen_spec")
    assert not found, "\n".join(found)
