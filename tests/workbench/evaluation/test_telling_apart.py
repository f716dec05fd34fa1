"""What a list of runs says to tell those apart that look alike."""

from __future__ import annotations

import pytest

from tests.workbench.app.make_records import predictions
from workbench.evaluation.comparison import COMPARED, compare_runs, differences
from workbench.evaluation.telling_apart import told_apart

# What a comparison names and the list has in columns of its own, or what follows from others.
ELSEWHERE = {"dataset", "split", "model", "adapter", "control", "vary"}
FOLLOWS = {"dataset_revision", "images_digest", "template_digest"}
ANSWERS_DIFFER = set(COMPARED) - ELSEWHERE - FOLLOWS
RUN = {"dataset": "demo", "split": "test", "model": "demo", "template": "a", "limit": 100}


def config(**changes):
    return {**RUN, "decoding": {"temperature": 0.0, "seed": 0}, "identity": "x", **changes}


@pytest.mark.parametrize(
    ("second", "first_says", "second_says"),
    [
        ({"template": "b"}, "a", "b"),
        ({"limit": 0}, "limit 100", "all samples"),
        ({"decoding": {"temperature": 0.7, "seed": 0}}, "temperature 0", "temperature 0.7"),
        ({"random": True}, "no random", "random"),
        ({"shot_uids": ["demo/train/000003"]}, "no shots", "1 shot"),
        ({"quantization": "4bit"}, "no quantization", "quantization 4bit"),
        ({"seed": 3, "decoding": {"temperature": 0.0, "seed": 3}}, "no seed", "seed 3"),
    ],
)
def test_runs_of_one_name_say_in_what_they_differ(second, first_says, second_says):
    assert told_apart([("eval", config()), ("eval", config(**second))]) == [first_says, second_says]


def test_shots_are_named_by_their_uids_where_as_many_others_were_shown():
    drawn = [[], ["demo/train/1"], ["demo/train/2", "demo/train/3"]]
    runs = [("eval", config(shots=0, shot_uids=uids)) for uids in drawn]
    assert told_apart(runs) == ["no shots", "1 shot", "2 shots"]
    more = [*runs, ("eval", config(shots=0, shot_uids=[f"demo/train/{n}" for n in (5, 6)]))]
    assert told_apart(more)[1:] == ["1 shot (1)", "2 shots (2, 3)", "2 shots (5, 6)"]


@pytest.mark.parametrize("name", sorted(ANSWERS_DIFFER))
def test_each_setting_that_a_comparison_names_is_told_or_follows_from_one_that_is(name):
    first, second = told_apart([("eval", config(**{name: ["a"]})), ("eval", config(**{name: []}))])
    assert first != second


def test_what_follows_from_other_settings_or_says_only_how_fast_is_not_said():
    other = config(identity="y", template_digest="z", batch_size=1, threads=2, inputs="h")
    other["started_from"] = {"model demo": "h"}
    assert told_apart([("eval", config()), ("eval", other)]) == ["", ""]


def test_runs_of_other_names_are_told_apart_by_these():
    runs = [config(), config(model="m", template="b"), config(adapter="n", limit=5)]
    assert told_apart([("eval", run) for run in runs]) == ["", "", ""]
    assert told_apart([("eval", config()), ("train", config(limit=1))]) == ["", ""]


def test_a_wording_asked_of_another_runs_samples_is_named_once_in_lists_and_tables():
    from workbench.reports.run import names_of

    plain = config()
    words = [config(vary="template", template=f"t/{n}", variant_of="own") for n in (1, 2)]
    assert [names_of(each).who_short for each in (plain, *words)] == [
        "demo",
        "demo (template:t/1)",
        "demo (template:t/2)",
    ]
    assert told_apart([("eval", each) for each in (plain, *words)]) == ["", "", ""]


def test_trainings_say_the_keys_of_their_config():
    runs = [{"train": ["demo/train"], "model": "demo", "method": "lora", "lora": {"r": r}}
            for r in (4, 16)]  # fmt: skip
    assert told_apart([("train", run) for run in runs]) == ["lora.r 4", "lora.r 16"]


def test_many_differences_are_cut():
    other = config(template="b", limit=1, shots=4, dtype="bf16", answer="score", revision="r")
    assert told_apart([("eval", config()), ("eval", other)])[1].endswith("…")


def test_what_is_unknown_of_an_import_is_no_difference():
    asked = {
        **{"dataset": "demo", "split": "test", "model": "m", "dtype": "bf16", "limit": 20},
        **{"adapter": "a", "shot_uids": ["demo/train/1"], "answer": "score", "identity": "i"},
        "decoding": {"temperature": 0.7, "max_new_tokens": 64},
        "template": "one",
    }
    given = {
        **{"dataset": "demo", "split": "test", "model": "n", "template": "two"},
        **{"decoding": {}, "identity": "given", "imported": {"file": "theirs.csv"}},
    }
    for pair in ((asked, given), (given, asked)):
        assert [one.name for one in differences(*pair)] == ["model", "template"]
    ours, theirs = told_apart([("eval", asked | {"model": "n", "adapter": None}), ("eval", given)])
    assert theirs == "two · imported from theirs.csv"
    assert ours == "one · asked here"
    lines = list(predictions(6))
    found = compare_runs((asked, lines), (given, lines))
    assert found.imported and found.no_difference == "no known setting differs"
    assert [note for note in found.notes if "the second was imported from theirs.csv" in note]
    assert not compare_runs((asked, lines), (asked, lines)).imported
