"""Another order of options, images, shots or labels: the prompt changes, the label's name stays."""

from __future__ import annotations

import pytest
from PIL import Image

from workbench.data.adding import add_dataset
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.orders import order_variant, rotated
from workbench.evaluation.run_variants import make_variants, options_at_most, variant_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import Sample


@pytest.fixture
def choices(tmp_path) -> str:
    """Four samples with three options each; `choices/all`."""
    rows = []
    for i in range(4):
        Image.new("RGB", (16, 16), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
        rows.append(f"{i},which?,{i}.png,red,green,blue,{'ABC'[i % 3]}")
    head = "id,question,image,a,b,c,answer"
    (tmp_path / "all.csv").write_text("\n".join([head, *rows]) + "\n")
    add_dataset(
        "choices",
        tmp_path / "all.csv",
        id="id",
        texts={"question": "question"},
        image=("image",),
        label="answer",
        options=("a", "b", "c"),
        task="question",
    )
    return "choices/all"


def config(dataset: str, **more) -> EvalConfig:
    values = {"limit": 4, "decoding": Decoding(max_new_tokens=2), "threads": 1}
    return EvalConfig(dataset, **values | more, spec=ModelSpec(device="cpu"))


def test_options_move_up_and_an_answer_is_told_in_the_samples_own_letters(choices):
    source, prompter, _ = check_samples(config(choices, vary="options:1"))
    sample = source.at(1)
    assert sample.label == "B"
    text = prompter.render(sample)[-1].text
    assert "A. green\nB. blue\nC. red" in text
    assert prompter.read(sample, "A").label == "B"
    assert prompter.read(sample, "It is green.").label == "B"
    assert prompter.read(sample, "no idea").label is None
    # The word that is scored for the sample's own B is the letter that stands there now.
    assert prompter.scored_words(sample) == {"B": "A", "C": "B", "A": "C"}
    assert rotated(sample, 1).label == "A" and rotated(sample, 3).texts == sample.texts


@pytest.mark.slow
def test_each_order_of_the_options_is_a_run_and_one_that_there_is_is_not_asked_again(choices):
    run = evaluate(config(choices, answer="score"))
    assert options_at_most(run) == 3
    made = make_variants(run, ["options:1", "options:2"])
    assert set(made.runs) == {"options:1", "options:2"}
    for each in made.runs.values():
        for line in each.predictions():
            assert set(line["scores"]) == {"A", "B", "C"}
            assert line["correct"] == (line["label"] == line["target"])
    again = make_variants(run, ["options:2"])
    assert again.runs["options:2"].id == made.runs["options:2"].id


def test_images_examples_and_labels_stand_in_reverse_order():
    sample = Sample("d/t/0", labels=("a", "b"), label="a")
    shots = (sample, Sample("d/t/1"))
    assert order_variant("shots").shots(shots) == shots[::-1]
    assert order_variant("labels").query(sample).labels == ("b", "a")
    source, prompter, _ = check_samples(config("demo/test", vary="images"))
    assert prompter.render(source.at(0))[-1].images == source.at(0).images[::-1]


def test_another_wording_and_another_seed_are_variants_too():
    run = evaluate(config("demo/test", limit=2))
    wording = variant_config(run, "template:statement/yes-no")
    assert (wording.template, wording.vary) == ("statement/yes-no", "template")
    assert variant_config(run, "repeat").decoding.seed == run.config["decoding"]["seed"] + 1
    made = make_variants(run, ["template:statement/yes-no", "options"], lenient=True)
    assert set(made.runs) == {"template:statement/yes-no"}
    assert "have no options" in made.refused["options"]
