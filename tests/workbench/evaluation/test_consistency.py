"""Consistency, by the authors' definition and wired into a run's figures."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.workbench.evaluation.test_metrics import line
from workbench.evaluation.metrics.consistency import consistency, group_of, set_of
from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.sample import Sample

ERROR = {"kind": "bad_image", "message": "x"}


def answers(rights: dict[str, bool]) -> list[dict]:
    """Predictions of identifiers in NLVR2's form, each right or wrong."""
    out = []
    for identifier, right in rights.items():
        sample = Sample(uid=f"nlvr2/dev/{identifier}", task="statement")
        found = line(identifier, "True", "True" if right else "False")
        out.append(found | {"group": group_of(sample)})
    return out


def authors(rights: dict[str, bool]) -> float:
    """As NLVR2's own script defines it: blank the third field, all of a kind must be right."""
    groups: dict[str, list[bool]] = {}
    for identifier, right in rights.items():
        fields = identifier.split("-")
        groups.setdefault("-".join([*fields[:2], "", fields[3]]), []).append(right)
    return sum(map(all, groups.values())) / len(groups)


def test_a_sentence_is_right_when_all_its_pairs_are():
    rights = {"dev-1-0-0": True, "dev-1-1-0": True, "dev-1-0-1": True, "dev-1-1-1": False}
    rights |= {"dev-11-1-1": True}  # another set, and not the set 1 with the pair 1
    figures = compute_metrics(answers(rights), task="statement", labels=("True", "False"))
    found = figures["metrics"]["consistency"]
    assert (found["value"], found["n"]) == (2 / 3, 3)
    assert found["low"] < 2 / 3 < found["high"]
    assert figures["metrics"]["accuracy"]["value"] == 4 / 5


def test_it_agrees_with_the_authors_definition_whatever_is_right():
    names = [f"test1-{s}-{p}-{n}" for s in (3, 31) for p in (0, 1) for n in (0, 1)]
    for rights in itertools.product((True, False), repeat=len(names)):
        chosen = dict(zip(names, rights, strict=True))
        found = consistency(answers(chosen))
        assert found is not None
        assert found.value == pytest.approx(authors(chosen))


def test_a_failed_sample_makes_its_sentence_wrong_and_is_left_out_apart():
    lines = answers({"dev-1-0-0": True, "dev-1-1-0": False, "dev-2-0-0": True})
    lines[1] |= {"error": ERROR, "label": None}
    metrics = compute_metrics(lines, task="statement")["metrics"]
    assert (metrics["consistency"]["value"], metrics["consistency"]["n"]) == (1 / 2, 2)
    assert metrics["consistency_answered"]["value"] == 1.0


def test_without_groups_there_is_no_such_figure():
    assert consistency([line(0, "a", "a")]) is None
    metrics = compute_metrics([line(0, "a", "a")], task="statement")["metrics"]
    assert "consistency" not in metrics


def test_the_group_is_the_metadatas_or_that_of_an_identifier_in_nlvr2s_form():
    sample = Sample("x/dev/dev-850-2-1", task="statement", metadata={"consistency_group": "g"})
    assert group_of(sample) == "g"
    assert group_of(Sample("x/dev/dev-850-2-1", task="statement")) == "dev-850-1"
    assert group_of(Sample("x/dev/dev-850-2-1", task="question")) == ""
    assert group_of(Sample("x/dev/1572-0", task="statement")) == ""
    nlvr = Sample("nlvr1/dev/1572-0", task="statement", metadata={"evals": {"r0": "true"}})
    assert group_of(nlvr) == "1572"


def test_the_accuracy_of_questions_is_given_by_kind_too():
    lines = [
        line(n, "yes", "yes", "question", references=["yes"] * (2 * n) + ["no"] * (10 - 2 * n))
        | {"kind": "yes/no" if n < 2 else "number"}
        for n in range(4)
    ]
    metrics = compute_metrics(lines, task="question")["metrics"]
    # 0, 2, 4 and 6 of ten people said it: 0, 0.6, 1 and 1.
    assert metrics["vqa_accuracy/yes/no"]["value"] == pytest.approx(0.3)
    assert metrics["vqa_accuracy/number"]["value"] == pytest.approx(1.0)
    assert metrics["vqa_accuracy"]["value"] == pytest.approx(0.65)


def test_the_lines_of_an_evaluation_hold_the_group():
    from workbench.errors import DataError
    from workbench.evaluation.lines import Prompter, answer_line, failed_line
    from workbench.prompts.pool import default_template
    from workbench.sample import Answer

    prompter = Prompter(default_template("statement"), "statement", ("True", "False"))
    samples = [
        Sample(f"nlvr2/dev/dev-7-{pair}-0", texts={"sentence": "s"}, label="True", task="statement")
        for pair in (0, 1)
    ]
    lines = [
        answer_line(prompter, samples[0], Answer("True."), share_s=0.1),
        failed_line(prompter, samples[1], DataError("dead")),
    ]
    assert [found["group"] for found in lines] == ["dev-7-0"] * 2
    metrics = compute_metrics(lines, task="statement", labels=("True", "False"))["metrics"]
    assert (metrics["consistency"]["value"], metrics["consistency_answered"]["value"]) == (0.0, 1.0)


def test_nlvr_has_consistency_over_the_images_of_a_sentence(tmp_path):
    from workbench.data.adding import add_dataset
    from workbench.data.source import open_source

    rows = [
        {"identifier": f"{s}-{i}", "sentence": f"sentence {s}", "label": "true", "directory": "0"}
        | {"evals": {"r0": "true"}, "structured_rep": [[], [], []]}
        for s in (1, 12)
        for i in range(3)
    ]
    (tmp_path / "dev.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    add_dataset(
        "drawn",
        tmp_path / "dev.json",
        id="identifier",
        texts={"sentence": "sentence"},
        label="label",
        labels=("true", "false"),
        task="statement",
    )
    samples = list(open_source("drawn").iter())
    assert [group_of(sample) for sample in samples] == ["1"] * 3 + ["12"] * 3
    lines = [
        line(i, "true", "true" if i else "false") | {"group": group_of(sample)}
        for i, sample in enumerate(samples)
    ]
    found = compute_metrics(lines, task="statement", labels=("true", "false"))["metrics"]
    assert (found["consistency"]["value"], found["consistency"]["n"]) == (0.5, 2)
    assert (found["accuracy"]["cluster"], found["accuracy"]["clusters"]) == ("sentence", 2)


def test_the_known_layout_of_nlvr_has_it_too():
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "nlvr1"
    if not folder.is_dir():
        pytest.skip("shared/data/nlvr1 is not beside the checkout")
    from workbench.data.adding import add_dataset
    from workbench.data.source import open_source

    add_dataset("nlvr1", folder)
    groups = {group_of(sample) for sample in open_source("nlvr1/dev").iter()}
    assert len(groups) == 267


def test_the_sentences_of_one_set_are_one_cluster():
    rights = {f"dev-{s}-{p}-{n}": True for s in range(4) for p in (0, 1) for n in (0, 1)}
    lines = answers(rights)
    for found in lines:
        found["set"] = set_of(
            Sample(uid=found["uid"].replace("d/t", "nlvr2/dev"), task="statement")
        )
    metrics = compute_metrics(lines, task="statement", labels=("True", "False"))["metrics"]
    assert (metrics["accuracy"]["cluster"], metrics["accuracy"]["clusters"]) == ("set", 4)
    assert (metrics["consistency"]["n"], metrics["consistency"]["clusters"]) == (8, 4)
