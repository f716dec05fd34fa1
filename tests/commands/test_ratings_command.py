"""`wb runs rate`, `ratings` and `agreement`: blind, by item, and back from a file."""

from __future__ import annotations

import pytest

from sessions.runs import Run


@pytest.fixture
def runs() -> list[Run]:
    made = []
    for model, word in (("first-model", "True"), ("second-model", "False")):
        head = {"dataset": "demo", "split": "test", "task": "statement", "model": model}
        with Run.create(head, model) as run:
            for i in range(3):
                line = {"uid": f"demo/test/{i:06d}", "text": f"{word}. {i}", "label": word}
                run.append(line | {"target": "True", "correct": word == "True"})
            run.set_state("done")
        made.append(run)
    return made


def test_the_list_is_blind_and_an_item_is_rated_by_its_name(runs, run_wb, monkeypatch):
    monkeypatch.setenv("WB_RATER", "ann")
    asked = ("runs", "rate", *(run.id for run in runs))
    done = run_wb(*asked)
    assert done.code == 0 and len(done.out.splitlines()) == 7
    for blind in (done.out, run_wb(*asked, "--json").out):
        assert "model" not in blind and not any(run.id[-6:] in blind for run in runs)
    items = run_wb(*asked, "--json").json["items"]
    assert items[0]["asked"]["sentence"]
    told = run_wb(*asked, "--item", items[0]["item"], "--value", "4", "--note", "short", "--json")
    assert (told.json["rated"], told.json["items"][0]["value"]) == (1, 4)
    run_wb(*asked, "--item", items[1]["item"], "--skip")
    assert len(run_wb(*asked).out.splitlines()) == 5
    run_wb(*asked, "--item", items[1]["item"], "--undo")
    listed = run_wb("runs", "ratings", "--json").json
    assert [(one["rater"], one["value"], one["note"]) for one in listed] == [("ann", 4, "short")]
    item = ("--item", items[0]["item"])
    bad = (
        ("--value", "3"),
        ("--item", "x", "--skip"),
        ("--limit", "-1"),
        item,
        (*item, "--value", "6"),
    )
    for wrong in bad:
        assert run_wb(*asked, *wrong).code in (1, 2), wrong
    assert run_wb(*asked, "--rater", "../x").code in (1, 2)


def test_two_raters_agree_and_a_file_comes_back(runs, run_wb, tmp_path):
    asked = ("runs", "rate", *(run.id for run in runs))
    items = [item["item"] for item in run_wb(*asked, "--json").json["items"]]
    for rater, values in (("ann", "152431"), ("bob", "142531")):
        for item, value in zip(items, values, strict=True):
            run_wb(*asked, "--rater", rater, "--item", item, "--value", value)
    (found,) = run_wb("runs", "agreement", "ann", "bob", "--json").json
    assert found["figures"]["equal"]["value"] == pytest.approx(4 / 6)
    assert 0.8 < found["figures"]["alpha/interval"]["value"] < 1
    shown = run_wb("runs", "agreement", "ann", "--metric", "correct")
    assert "kendall" in shown.out and "right answers as 1" in shown.err
    file = tmp_path / "bob.jsonl"
    assert run_wb("runs", "ratings", "--rater", "bob", "--out", str(file)).code == 0
    assert run_wb("runs", "ratings", "--import", str(file), "--json").json == {
        "read": 6, "added": 0, "damaged": 0,
    }  # fmt: skip
    assert run_wb("runs", "agreement", "ann", str(file), "--json").json == [found]
    assert run_wb("runs", "agreement", "ann").code == 2
    assert run_wb("runs", "agreement", "ann", "nobody").code in (1, 2)


def test_a_rating_is_confirmed_and_the_newest_of_any_scale_is_taken_back(runs, run_wb):
    asked = ("runs", "rate", *(run.id for run in runs), "--rater", "ann")
    first, second, third = [one["item"] for one in run_wb(*asked, "--json").json["items"]][:3]
    done = run_wb(*asked, "--item", first, "--value", "4")
    assert done.err.strip() == f"rated {first}: 4 · 1 of 6"
    assert len(done.out.splitlines()) == 2 and second in done.out and third not in done.out
    good = run_wb(*asked, "--item", second, "--scale", "good-bad", "--value", "bad")
    assert good.err.strip() == f"rated {second}: bad · 1 of 6"
    assert [line.split()[4] for line in run_wb("runs", "ratings").out.splitlines()[1:]] == [
        *("4", "bad"),
    ]
    assert run_wb(*asked, "--item", third, "--skip").err.strip() == f"skipped {third} · 2 of 6"
    assert f"taken back {third}: a skip" in run_wb(*asked, "--undo").err
    undone = run_wb(*asked, "--undo")  # of the other scale
    assert undone.err.strip() == f"taken back {second}: bad on the scale good-bad · 1 of 6"
    assert f"taken back {first}: 4" in run_wb(*asked, "--undo").err
    assert run_wb(*asked, "--undo").code == 2 and run_wb("runs", "ratings", "--json").json == []
