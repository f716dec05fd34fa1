"""One prediction file per task, judged alike by the command, the bench and the notebook."""

from __future__ import annotations

import pytest

from sessions.runs import Run

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


@pytest.mark.parametrize("task", ["statement", "entailment", "question", "caption"])
def test_a_prediction_counts_as_the_same_thing_everywhere(task, run_wb):
    from workbench import api
    from workbench.app.explore.rows import view_of_run
    from workbench.app.runs.reading import PredictionFile

    predictions, expected = lines(task)
    run = Run.create({"dataset": "demo", "split": "test", "task": task}, "k", total=len(expected))
    run.append_many(predictions)
    run.set_state("done")
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
