"""Gold places as each family writes them, and as the frames of its batches read them back."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workbench.models.make_families import FAMILIES
from tests.workbench.models.tiny import ask, picture
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.would_start import faults, standings
from workbench.grounding.conventions import CONVENTIONS, FRACTIONS, UNITS, convention_of
from workbench.grounding.gold import gold_of
from workbench.grounding.reading import read_regions
from workbench.grounding.region import Region
from workbench.grounding.writing import CannotWrite, Manner, write_regions
from workbench.inference.decoding import Decoding
from workbench.models.base import LoadedModel
from workbench.models.box_writer import _writer, box_writer
from workbench.models.default_prompt import template_for
from workbench.models.skeleton import load_skeleton
from workbench.models.spec import ModelSpec
from workbench.playground.question import Question, question_about
from workbench.prompts.pool import shipped_template
from workbench.sample import CoordinateFrame, Message, Sample

SIZES = [(64, 64), (101, 37), (37, 101), (640, 427), (33, 61)]
KNOBS = {"image_min_pixels": 64 * 64, "image_max_pixels": 96 * 96}
ASKED = "the red circle"


def sample_of(size, *objects, task="grounding", image=0) -> Sample:
    told = [list(objects)] if not image else [[], list(objects)]
    return Sample(
        "d/s/1",
        images=tuple(picture(*size, seed) for seed in range(image + 1)),
        texts={"expression": ASKED},
        label="[0, 0, 1, 1]",
        metadata={"objects": told},
        task=task,
    )


def boxes_in(size, frame: CoordinateFrame) -> list[dict]:
    """A middle box, one at the far corner and a thin one, within what the model sees."""
    x0, y0, x1, y1 = frame.span
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(size[0], x1), min(size[1], y1)
    wide, high = x1 - x0, y1 - y0
    shares = [(0.21, 0.34, 0.68, 0.87), (0.5, 0.5, 1, 1), (0.4, 0.1, 0.6, 0.9)]
    return [
        {"name": "object", "box": [x0 + a * wide, y0 + b * high, x0 + c * wide, y0 + d * high]}
        for a, b, c, d in shares
    ]


def step_of(model_type: str, frame: CoordinateFrame) -> tuple[float, float]:
    """Pixels of the image that one step of the convention's numbers is, across and down."""
    x0, y0, x1, y1 = frame.span
    step = 10.0 ** -convention_of(model_type).decimals
    return (x1 - x0) / frame.units[0] * step, (y1 - y0) / frame.units[1] * step


@pytest.fixture(scope="module")
def bare(folder: Path) -> LoadedModel:
    return load_skeleton(ModelSpec(str(folder), device="cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("knobs", [{}, KNOBS])
@pytest.mark.parametrize("size", SIZES)
def test_what_a_model_is_shown_as_an_example_is_read_where_it_was(
    name: str, folder: Path, bare: LoadedModel, size, knobs
) -> None:
    if name == "captioner" or (knobs and not name.startswith("qwen")):
        pytest.skip("is not asked for boxes, or has no such knobs")
    spec = ModelSpec(str(folder), device="cpu", **knobs)
    loaded = load_skeleton(spec) if knobs else bare
    (frame,) = loaded.family.encode(loaded, [ask("where", picture(*size))]).frames[0]
    sample = sample_of(size, *boxes_in(size, frame))
    template = template_for(spec, sample)
    said = template.gold_answer(sample, write=box_writer(spec))
    found = read_regions(said, [frame])
    gold = gold_of(sample)
    assert (len(found.regions), found.problems) == (len(gold), ())
    across, down = step_of(loaded.base.config.model_type, frame)
    for one, wanted in zip(found.regions, gold, strict=True):
        for i, (got, was) in enumerate(zip(one.at, wanted.at, strict=True)):
            step = down if i % 2 else across
            # The last token of a grid is one short of the far edge.
            edge = step if name == "paligemma" and was == size[i % 2] else step / 2
            assert abs(got - was) <= edge + 1e-6, (said, one.at, wanted.at)


@pytest.mark.slow
def test_frames_are_those_of_the_batch_at_any_size(name: str, folder: Path, bare) -> None:
    if name in ("captioner", "auto"):
        pytest.skip("is not asked for boxes, or has no geometry of its own")
    rng = random.Random(name)
    sizes = [(rng.randint(17, 400), rng.randint(17, 400)) for _ in range(25)]
    sizes += [(20, 380), (380, 20), (16, 16), (7, 90), (90, 7)]
    for knobs in ({}, KNOBS) if name.startswith("qwen") else ({},):
        spec = ModelSpec(str(folder), device="cpu", **knobs)
        loaded = load_skeleton(spec) if knobs else bare
        writer = _writer(spec)
        for size in sizes:
            (frame,) = loaded.family.encode(loaded, [ask("where", picture(*size))]).frames[0]
            assert writer.frame(size, writer.convention) == frame, size


@pytest.fixture(scope="module")
def qwen(tmp_path_factory) -> Path:
    return FAMILIES["qwen2_vl"](tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> LoadedModel:
    """A Qwen2-VL whose tokenizer has the tokens that mark places."""
    from transformers import AutoProcessor

    folder = FAMILIES["qwen2_vl"](tmp_path_factory.mktemp("marked"))
    processor = AutoProcessor.from_pretrained(folder)
    words = ["object_ref_start", "object_ref_end", "box_start", "box_end"]
    marks = [f"<|{word}|>" for word in words]
    processor.tokenizer.add_tokens(marks, special_tokens=True)
    processor.save_pretrained(folder)
    return load_skeleton(ModelSpec(str(folder), device="cpu"))


def test_marks_of_a_written_place_are_tokens_and_those_of_any_other_text_are_not(marked) -> None:
    box = {"name": "x", "box": [16, 16, 32, 64]}
    hostile = replace(sample_of((64, 64), box), texts={"expression": "a <|im_end|> <|box_start|>"})
    spec, template = marked.spec, shipped_template("grounding/region")
    said = template.gold_answer(hostile, write=box_writer(spec))
    assert said == (
        "<|object_ref_start|>a im_end box_start<|object_ref_end|>"
        "<|box_start|>(250,250),(500,1000)<|box_end|>"
    )
    batch = marked.family.encode(
        marked, [ask("where", picture(64, 64))], answers=[said], end_of_turn=True
    )
    ids = batch.labels()[0]
    tokens = marked.tokenizer.convert_ids_to_tokens(ids[ids != -100].tolist())
    for mark in ("object_ref_start", "object_ref_end", "box_start", "box_end"):
        assert tokens.count(f"<|{mark}|>") == 1
    assert tokens[-1] == "<|im_end|>" and tokens.count("<|im_end|>") == 1
    shown = (Message("assistant", (said,)), Message("user", (said,)))
    text = marked.family.prompt(marked, (*ask("a", picture(64, 64)), *shown))
    assert text.count("<|box_start|>(250") == 1  # the assistant's; the user's is broken up


@pytest.mark.parametrize("name", ["<image>", "<|im_start|>", "x<|box_start|>"])
def test_a_place_whose_name_spells_a_special_token_is_broken_up_like_other_text(name) -> None:
    import re

    from workbench.models.chat import escape_answer

    pattern = re.compile(r"<image>|<\|(?:im_start|box_start|box_end|object_ref_(?:start|end))\|>")
    place = "<|box_start|>(1,2),(3,4)<|box_end|>"
    said = f"<|object_ref_start|>{name}<|object_ref_end|>{place}"
    assert name not in escape_answer(said, pattern)
    whole = f"<|object_ref_start|>a cat<|object_ref_end|>{place}"
    assert escape_answer(f"{whole} {name}", pattern).startswith(whole + " ")
    assert name not in escape_answer(f"{whole} {name}", pattern)
    assert "<|box_start|>" not in escape_answer("<|box_start|>(1,2)", pattern)


def test_a_tokenizer_without_marks_gets_the_same_without_them(qwen) -> None:
    said = box_writer(ModelSpec(str(qwen)))(
        sample_of((64, 64), {"name": "x", "box": [16, 16, 32, 64]}),
        shipped_template("grounding/region"),
    )
    assert said == "the red circle(250,250),(500,1000)"


@pytest.mark.parametrize("name", sorted({*CONVENTIONS, ""}))
@pytest.mark.parametrize("marks", [True, False])
def test_every_convention_reads_what_it_writes(name, marks) -> None:
    convention = CONVENTIONS.get(name, FRACTIONS)
    size = (640, 427)
    units = UNITS.get(convention.system, (644.0, 420.0))
    box = (0.0, -106.5, 640.0, 533.5) if convention.system == "square" else None
    frame = CoordinateFrame(size, box, units, convention.name)
    gold = [Region((12.5, 40.25, 96.0, 131.75)), Region((630, 400, 640, 427)), Region((5, 5, 6, 6))]
    manner = Manner(convention.form, convention.decimals, marks)
    found = read_regions(write_regions(gold, frame, manner, 'a "cat"; on <it>\n'), [frame])
    assert found.problems == () and len(found.regions) == 3
    step = step_of(name, frame)
    for one, wanted in zip(found.regions, gold, strict=True):
        at = one.at if one.is_box else one.centre
        was = wanted.at if one.is_box else wanted.centre
        narrow = wanted.at[2] - wanted.at[0] < max(step)
        for i, (got, want) in enumerate(zip(at, was, strict=True)):
            whole = narrow or (convention.form == "loc" and want in size)
            assert abs(got - want) <= step[i % 2] * (1 if whole else 0.5) + 1e-6


@pytest.mark.parametrize("form", ["brackets", "qwen", "json", "molmo"])
def test_points_are_written_and_read_in_the_forms_that_have_them(form) -> None:
    frame = CoordinateFrame((100, 50), units=(1000.0, 1000.0))
    gold = [Region((30, 40)), Region((99, 1))]
    said = write_regions(gold, frame, Manner(form), "nose")
    assert [one.at for one in read_regions(said, [frame]).regions] == [(30, 40), (99, 1)]


@pytest.mark.parametrize("form", ["loc", "internvl"])
def test_a_point_is_refused_in_a_form_of_boxes(form) -> None:
    with pytest.raises(CannotWrite, match="boxes alone"):
        write_regions([Region((3, 4))], CoordinateFrame((9, 9), units=(1000, 1000)), Manner(form))


def test_a_template_that_asks_for_a_point_gets_the_middle_of_a_box() -> None:
    sample = sample_of((64, 64), {"name": "x", "box": [16, 16, 32, 64]})
    write = box_writer(ModelSpec())
    assert json.loads(write(sample, shipped_template("grounding/json-point"))) == [
        {"point_2d": [375, 625], "label": ASKED}
    ]
    own = replace(shipped_template("grounding/region"), name="grounding/own", answer="At {point}.")
    assert own.gold_answer(sample, write=write) == "At the red circle(375,625)."


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (sample_of((64, 64), {"name": "x", "box": [70, 70, 80, 80]}), "lies outside of the image"),
        (sample_of((64, 64), {"name": "x", "point": [70, 3]}), "lies outside of the image"),
        (sample_of((64, 64), {"name": "x", "box": [1, 1, 9, 9]}, image=1), "lies in image 2"),
        (sample_of((64, 64)), "no box and no point"),
    ],
)
def test_gold_that_cannot_be_written_is_refused_with_its_reason(sample, why) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        box_writer(ModelSpec())(sample, shipped_template("grounding/region"))
    assert sample.uid in str(caught.value)


def test_a_template_in_other_units_than_the_models_is_refused(qwen) -> None:
    sample = sample_of((64, 64), {"name": "x", "box": [1, 1, 9, 9]})
    fractions = shipped_template("grounding/fractions")
    with pytest.raises(UsageError, match=r"asks for fractions.*read as thousandths") as caught:
        box_writer(ModelSpec(str(qwen)))(sample, fractions)
    assert "grounding/region" in caught.value.hint


def test_a_model_that_nobody_knows_writes_what_its_template_says_and_nothing_else() -> None:
    sample = sample_of((64, 64), {"name": "x", "box": [16, 16, 32, 64]})
    for spec in (None, ModelSpec("openai:http://127.0.0.1:9/v1#gpt")):
        write = box_writer(spec)
        said = write(sample, shipped_template("grounding/fractions"))
        assert said == "[0.25, 0.25, 0.5, 1.0]"
        with pytest.raises(UsageError, match="nobody knows in which units") as caught:
            write(sample, shipped_template("grounding/region"))
        assert "grounding/fractions" in caught.value.hint


def test_a_captioner_is_refused(tmp_path) -> None:
    folder = FAMILIES["captioner"](tmp_path / "captioner")
    with pytest.raises(UsageError, match="captioner"):
        box_writer(ModelSpec(str(folder)))(
            sample_of((64, 64), {"name": "x", "box": [1, 1, 9, 9]}),
            shipped_template("grounding/fractions"),
        )


@pytest.mark.parametrize("template", ["", "grounding/fractions", "question/plain"])
def test_a_captioner_is_refused_without_examples_too(tmp_path, template: str) -> None:
    spec = ModelSpec(str(FAMILIES["captioner"](tmp_path / "captioner")))
    sample = sample_of((64, 64), {"name": "x", "box": [1, 1, 9, 9]})

    def question(**prompt) -> Question:
        knobs = Decoding(top_logprobs=0)
        return question_about(sample, spec=spec, decoding=knobs, revision="r", **prompt)

    with pytest.raises(UsageError, match="is a captioner") as caught:
        question(template=template or None)
    assert caught.value.kind == "unsupported" and "answers questions" in (caught.value.hint or "")
    # Words of one's own are the beginning of its caption.
    assert question(text="a photo of").messages[-1].text == "a photo of"
    (wrong,) = faults(standings(EvalConfig("demo_boxes", "test", spec, template=template)))
    assert "is a captioner" in wrong.said and wrong.about == "--model"
    assert not faults(standings(EvalConfig("demo_captions", "test", spec)))


@pytest.mark.parametrize(
    "body",
    [
        {"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "merge_size": 2}
        | {"image_processor_type": "Qwen2VLImageProcessor"},  # Qwen2.5-VL's own
        {"image_processor_type": "Qwen2VLImageProcessor"},
        {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
        | {"image_processor_type": "CLIPImageProcessor", "do_center_crop": True},  # LLaVA-1.5's
        {"size": 224, "crop_size": 224, "image_processor_type": "CLIPImageProcessor"},
        {"image_processor_type": "CLIPImageProcessor"},
        {"image_processor_type": "LlavaImageProcessor", "do_pad": True},
    ],
)
def test_configs_of_processors_are_understood_as_transformers_loads_them(tmp_path, body) -> None:
    from transformers import AutoImageProcessor

    from workbench.models.image_geometry import facts_of, qwen_size, read_facts, seen_box

    (tmp_path / "processor_config.json").write_text('{"processor_class": "x"}')
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(body))
    real, told = facts_of(AutoImageProcessor.from_pretrained(tmp_path)), read_facts(tmp_path)
    qwen = body["image_processor_type"].startswith("Qwen")
    for size in [*SIZES, (4000, 3000), (30, 2000)]:
        find = qwen_size if qwen else seen_box
        assert find(told, size) == find(real, size)
