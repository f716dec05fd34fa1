"""Controls: who is shown whose pictures, what each takes away, and what a ledger makes of them."""

from __future__ import annotations

import pytest

from sessions.runs import list_runs
from workbench.errors import UsageError
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.controls import GREY, derangement
from workbench.evaluation.ledger import ledger_of_run
from workbench.evaluation.run_variants import make_variants
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

SHORT = Decoding(max_new_tokens=2)


def config(**more) -> EvalConfig:
    values = {"dataset": "demo/test", "limit": 12, "batch_size": 6, "decoding": SHORT, "threads": 1}
    return EvalConfig(**values | more, spec=ModelSpec(device="cpu"))


def rendered(control: str, count: int = 12, **more):
    source, prompter, _ = check_samples(config(control=control, limit=count, **more))
    samples = [source.at(i) for i in range(count)]
    return samples, [prompter.render(sample) for sample in samples], prompter


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_shown_a_picture_of_ones_own_and_each_ones_are_shown_once(seed):
    # Pictures of which several samples ask, and two files of equal bytes.
    shown = {f"u{i}": (f"p{i // 3}",) for i in range(12)} | {"a": ("same",), "b": ("same",)}
    donors = derangement(shown, seed)
    assert set(donors) == set(shown)
    assert sorted(donors.values()) == sorted(shown)
    assert all(not set(shown[uid]) & set(shown[other]) for uid, other in donors.items())
    assert donors == derangement(dict(reversed(shown.items())), seed)


def test_a_picture_of_most_samples_is_exchanged_as_far_as_there_are_others():
    shown = {f"u{i}": ("most",) for i in range(5)} | {"v": ("rare",)}
    donors = derangement(shown, 0)
    assert set(donors) == set(shown) and all(donors[f"u{i}"] == "v" for i in range(5))
    assert derangement({"a": ("one",), "b": ("one",)}, 0) == {}
    # One picture is not exchanged for two.
    assert derangement({"a": ("x",), "b": ("y", "z")}, 0) == {}


def test_grey_pictures_have_the_size_of_those_that_they_stand_for():
    samples, prompts, _ = rendered("blank", 2)
    for sample, messages in zip(samples, prompts, strict=True):
        shown = [ref.load() for ref in messages[-1].images]
        assert [image.size for image in shown] == [ref.load().size for ref in sample.images]
        assert all(image.getcolors() == [(image.width * image.height, GREY)] for image in shown)
        assert sample.texts["sentence"] in messages[-1].text


def test_without_the_image_the_text_stays_and_without_the_text_the_image():
    samples, prompts, _ = rendered("text-only", 1)
    assert not prompts[0][-1].images and samples[0].texts["sentence"] in prompts[0][-1].text
    samples, prompts, _ = rendered("image-only", 1)
    assert prompts[0][-1].images == samples[0].images
    assert prompts[0][-1].text == "Is this statement about the two images true or false? "


def test_shuffled_pictures_are_those_of_the_sample_that_the_line_names():
    samples, prompts, prompter = rendered("shuffled")
    by_uid = {sample.uid: sample for sample in samples}
    for sample, messages in zip(samples, prompts, strict=True):
        other = by_uid[prompter.variant.line_fields(sample)["shown"]]
        assert other.uid != sample.uid and messages[-1].images == other.images
    _, other_seed, _ = rendered("shuffled", seed=1)
    assert [m[-1].images for m in other_seed] != [m[-1].images for m in prompts]


def test_examples_lose_what_the_sample_loses_but_keep_their_own_pictures():
    _, prompts, _ = rendered("text-only", 1, shots=1)
    assert not any(message.images for message in prompts[0])
    _, prompts, _ = rendered("shuffled", 3, shots=1)
    _, plain, _ = rendered("", 3, shots=1)
    assert [m.images for m in prompts[0][:-1]] == [m.images for m in plain[0][:-1]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"control": "grey"}, "--control wants one of"),
        ({"control": "image-only", "dataset": "demo_captions/test"}, "shows no text"),
        ({"control": "shuffled", "limit": 1}, "same pictures"),
        ({"control": "blank", "vary": "images"}, "exclude each other"),
        ({"vary": "upside-down"}, "--vary wants"),
        ({"vary": "options"}, "have no options"),
        ({"vary": "shots"}, "fewer than two examples"),
        ({"vary": "labels"}, "does not list the labels"),
        ({"vary": "images", "dataset": "demo_vqa/test"}, "one picture each"),
    ],
)
def test_what_would_change_nothing_is_refused_before_a_model_is_loaded(more, words):
    with pytest.raises(UsageError, match=words):
        check_samples(config(**more))


def test_a_model_that_wants_a_picture_is_told_to_take_a_grey_one(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "paligemma"}')
    wants = EvalConfig("demo/test", spec=ModelSpec(str(tmp_path)), limit=2, control="text-only")
    with pytest.raises(UsageError, match="wants a picture") as told:
        check_samples(wants)
    assert "--control blank" in str(told.value.hint)


@pytest.mark.slow
def test_a_ledger_adds_up_and_its_controls_are_asked_once():
    run = evaluate(config())
    assert ledger_of_run(run) is None
    made = make_variants(run, ["text-only", "image-only"])
    assert set(made.runs) == {"text-only", "image-only"} and not made.refused
    ledger = ledger_of_run(run)
    right = sum(bool(line["correct"]) for line in run.predictions())
    assert sum(part.count for part in ledger.parts) == right
    assert sum(part.luck for part in ledger.parts) == pytest.approx(1)
    text = {line["uid"]: line["correct"] for line in made.runs["text-only"].predictions()}
    image = {line["uid"]: line["correct"] for line in made.runs["image-only"].predictions()}
    both = [
        line["uid"]
        for line in run.predictions()
        if line["correct"] and not text[line["uid"]] and not image[line["uid"]]
    ]
    assert ledger.parts[0].count == len(both)
    before = len(list_runs())
    make_variants(run, ["image-only", "text-only"])
    assert len(list_runs()) == before
    # The same by the flag: it belongs to the same run, whoever makes it.
    assert evaluate(config(control="text-only"), resume="auto").id == made.runs["text-only"].id
    with pytest.raises(UsageError, match="variant text-only"):
        make_variants(made.runs["text-only"], ["image-only"])
