"""The knobs of a model beside its name: pixels and 4bit's details, meant or refused."""

from __future__ import annotations

import random

import pytest
import torch

from tests.workbench.models.make_families import FAMILIES
from tests.workbench.models.tiny import ask, picture
from workbench.errors import ImageError, ModelError, UsageError
from workbench.models.base import LoadedModel, load_model
from workbench.models.families.limits import LIMITS
from workbench.models.identity import model_identity
from workbench.models.parts import part_of
from workbench.models.spec import (
    ModelSpec,
    as_recorded,
    chosen_spec,
    flags_of,
    typed_spec,
    typed_values,
)


def spec(folder, **knobs) -> ModelSpec:
    return ModelSpec(str(folder), device="cpu", **knobs)


def tokens(loaded: LoadedModel, *size: int) -> int:
    (span,) = loaded.family.encode(loaded, [ask("one", picture(*size))]).image_spans[0]
    return len(span.indices)


def test_fewer_pixels_are_fewer_tokens_and_another_identity(tiny, tiny_folder):
    small = load_model(spec(tiny_folder, image_max_pixels=32 * 32))
    assert tokens(tiny, 128, 128) == 64 and tokens(small, 128, 128) == 4
    assert small.identity != tiny.identity
    assert tokens(small, 32, 32) == tokens(tiny, 32, 32)


def test_more_pixels_enlarge_what_is_small(tiny, tiny_folder):
    large = load_model(spec(tiny_folder, image_min_pixels=64 * 64))
    assert tokens(tiny, 32, 32) == 4 and tokens(large, 32, 32) == 16


def test_a_bound_beyond_the_processors_own_is_refused_with_both(tiny_folder):
    with pytest.raises(ModelError, match="16384") as caught:
        load_model(spec(tiny_folder, image_min_pixels=10**6))
    assert "--max-pixels" in caught.value.hint
    assert tokens(load_model(spec(tiny_folder, image_min_pixels=128**2, image_max_pixels=160**2)))


@pytest.mark.parametrize("name", ["llava", "llava_next", "paligemma", "idefics3", "captioner"])
def test_families_whose_processor_has_no_such_knob_refuse_it_before_loading(
    name, tmp_path, no_weights
):
    folder = FAMILIES[name](tmp_path / name)
    with pytest.raises(ModelError) as caught:
        load_model(spec(folder, image_max_pixels=1000))
    assert caught.value.kind == "unsupported"
    why = LIMITS[name]["image pixels"]
    assert why in caught.value.message


def test_sizes_are_those_of_qwens_own_utilities(tiny):
    """`smart_resize` of qwen-vl-utils, of transformers, and what the model is shown.

    The two differ where a side is shorter than half a token: ours are then those of the former.
    """
    from qwen_vl_utils.vision_process import smart_resize as utils
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize as theirs

    bounds = (16 * 16, 128 * 128)
    draw = random.Random(0)
    for _ in range(300):
        high, wide = draw.randint(9, 400), draw.randint(9, 400)
        assert utils(high, wide, 16, *bounds) == theirs(high, wide, 16, *bounds)
    for wide, high in ((64, 64), (300, 100), (17, 90), (9, 9), (8, 281)):
        (span,) = tiny.family.encode(tiny, [ask("one", picture(wide, high))]).image_spans[0]
        assert span.resized[::-1] == utils(high, wide, 16, *bounds)


def test_pixels_are_those_that_qwen_vl_utils_prepares(tiny):
    from qwen_vl_utils import process_vision_info

    image = picture(100, 70, 3)
    content = {"type": "image", "image": image.load(), "min_pixels": 256, "max_pixels": 16384}
    turns = [{"role": "user", "content": [content]}]
    prepared = process_vision_info(turns, image_patch_size=8)[0]
    expected = tiny.processor.image_processor(prepared, do_resize=False, return_tensors="pt")
    batch = tiny.family.encode(tiny, [ask("one", image)])
    assert torch.equal(batch.pixel_values, expected["pixel_values"])


def test_an_image_too_oblong_is_an_error_of_the_image(tiny):
    with pytest.raises(ImageError, match="200 to 1"):
        tiny.family.encode(tiny, [ask("one", picture(402, 2))])


def test_a_thin_image_that_the_utilities_would_lose_is_left_to_the_processor(tiny):
    """198 to 1 and above the bound: a side of no pixels by `qwen-vl-utils`."""
    assert tokens(tiny, 1980, 10) == 112


def linear(loaded: LoadedModel):
    return loaded.base.model.language_model.layers[0].self_attn.q_proj


def test_the_details_of_4bit_reach_bitsandbytes_and_the_identity(tiny_folder):
    plain = load_model(spec(tiny_folder, quantization="4bit"))
    other = load_model(
        spec(
            tiny_folder,
            quantization="4bit",
            quant_type="fp4",
            double_quant=False,
            quant_compute_dtype="bf16",
        )
    )
    state = linear(plain).weight.quant_state
    assert (state.quant_type, state.nested) == ("nf4", True)
    assert linear(plain).compute_dtype == torch.float32
    state = linear(other).weight.quant_state
    assert (state.quant_type, state.nested) == ("fp4", False)
    assert linear(other).compute_dtype == torch.bfloat16
    assert plain.identity != other.identity


def test_what_is_usual_is_the_same_model_said_or_not():
    said = ModelSpec(quantization="4bit", quant_type="nf4", double_quant=True)
    assert said == ModelSpec(quantization="4bit", quantize_parts="language")
    assert said == ModelSpec(quantization="4bit")
    assert said.but(quantize_parts="all").extra_options == {}


@pytest.mark.parametrize("quantization", ["none", "8bit"])
@pytest.mark.parametrize(
    "knob", [{"quant_type": "fp4"}, {"double_quant": False}, {"quant_compute_dtype": "bf16"}]
)
def test_details_of_4bit_without_4bit_are_refused_by_their_flag(quantization, knob):
    flag = "--" + next(iter(knob)).replace("_", "-")
    with pytest.raises(UsageError, match=flag):
        ModelSpec(quantization=quantization, **knob)


@pytest.mark.parametrize(
    "knob",
    [
        {"image_min_pixels": 0},
        {"image_max_pixels": "1000"},
        {"image_max_pixels": True},
        {"image_min_pixels": 10, "image_max_pixels": 9},
        {"quantization": "4bit", "quant_type": "int4"},
        {"quantization": "4bit", "double_quant": 1},
        {"quantization": "4bit", "quant_compute_dtype": "auto"},
    ],
)
def test_values_that_cannot_be_meant_are_refused(knob):
    with pytest.raises(UsageError) as caught:
        ModelSpec.from_json(knob)
    assert caught.value.kind == "bad_knob"


def test_a_spec_survives_json():
    for one in (
        ModelSpec(image_min_pixels=10, image_max_pixels=1000),
        ModelSpec(quantization="4bit", quant_type="fp4", double_quant=False),
    ):
        assert ModelSpec.from_json(one.to_json()) == one
        assert ModelSpec(model=one.model, quantization=one.quantization, **one.extra_options) == one


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("./my model", {"model": "./my model"}),
        ("m --quantization 8bit", {"model": "m", "quantization": "8bit"}),
        ("m --adapter 'a b' --dtype bf16", {"model": "m", "adapter": "a b", "dtype": "bf16"}),
        ("m --min-pixels 9 --revision v2", {"model": "m", "image_min_pixels": 9, "revision": "v2"}),
        (
            "m --quantization 4bit --no-double-quant",
            {"model": "m", "quantization": "4bit", "double_quant": False},
        ),
    ],
)
def test_what_is_typed_beside_a_models_name_are_its_flags(typed, expected):
    assert typed_spec(typed, ModelSpec("other", adapter="x")) == ModelSpec(**expected)


def test_a_models_knobs_stay_unless_a_flag_says_otherwise():
    like = ModelSpec("a", quantization="4bit", quant_type="fp4", image_max_pixels=99)
    assert typed_spec("b", like) == ModelSpec(
        "b", quantization="4bit", quant_type="fp4", image_max_pixels=99
    )
    assert typed_spec("b --quantization none", like) == ModelSpec("b", image_max_pixels=99)


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("+./lora", {"model": "own/model", "revision": "v2", "adapter": "./lora"}),
        ("+", {"model": "own/model", "revision": "v2"}),
        ("own/model", {"model": "own/model", "revision": "v2"}),
        ("--adapter none", {"model": "own/model", "revision": "v2"}),
        ("--dtype fp32", {"model": "own/model", "revision": "v2", "adapter": "a", "dtype": "fp32"}),
        ("b +lora --dtype fp16", {"model": "b", "adapter": "lora", "dtype": "fp16"}),
        ("openai:http://127.0.0.1:8000/v1/#m", {"model": "openai:http://127.0.0.1:8000/v1#m"}),
    ],
)
def test_a_typed_model_keeps_what_is_not_said_and_drops_what_was_another_models(typed, wanted):
    here = ModelSpec("own/model", adapter="a", revision="v2", quantization="8bit")
    held = {} if "openai" in typed else {"quantization": "8bit"}
    assert typed_spec(typed, here) == ModelSpec(**{**held, **wanted})
    values = typed_values(typed)
    assert chosen_spec(values, here) == typed_spec(typed, here)
    said = " ".join(flags_of(values)).removeprefix("--model ")
    assert typed_spec(said, here) == typed_spec(typed, here)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "m --nonsense 1",
        "m --dtype",
        "m --dtype fp8",
        "m --max-pixels many",
        "m --model b",
        "m --'",
    ],
)
def test_flags_that_are_none_are_refused_by_name(typed):
    with pytest.raises(UsageError):
        typed_spec(typed, ModelSpec())


def test_details_of_4bit_go_with_it():
    like = ModelSpec("a", quantization="4bit", quant_type="fp4", image_max_pixels=99)
    assert like.but(quantization="8bit") == ModelSpec("a", quantization="8bit", image_max_pixels=99)
    assert like.but(adapter="b") == ModelSpec(
        "a", "b", quantization="4bit", quant_type="fp4", image_max_pixels=99
    )
    with pytest.raises(UsageError):
        like.but(quantization="none", quant_type="fp4")


def test_an_older_records_4bit_is_that_of_all_parts_and_has_its_identity(tiny_folder):
    old = ModelSpec.from_json(as_recorded({"model": str(tiny_folder), "quantization": "4bit"}))
    assert old.quantize_parts == "all" and old.extra_options == {}
    now = ModelSpec(str(tiny_folder), quantization="4bit")
    assert now.extra_options == {"quantize_parts": "language"}
    assert ModelSpec.from_json(as_recorded(now.to_json())) == now
    assert now.but(quantization="none").quantize_parts is None
    for knobs in (("none", "all"), ("8bit", "text")):
        with pytest.raises(UsageError, match="--quantize-parts"):
            ModelSpec(quantization=knobs[0], quantize_parts=knobs[1])
    # As it was hashed before there was the choice.
    assert model_identity(
        tiny_folder, None, "4bit", "float32", old.extra_options
    ) == model_identity(tiny_folder, None, "4bit", "float32")


@pytest.mark.slow
def test_vision_alone_is_quantised_where_it_has_linear_layers(tiny_folder, tmp_path):
    seen = load_model(spec(tiny_folder, quantization="8bit", quantize_parts="vision"))
    kinds = {n: type(p).__name__ for n, p in seen.base.named_parameters()}
    small = {part_of(n) for n, kind in kinds.items() if kind == "Int8Params"}
    assert small == {"vision", "projector"}
    two = FAMILIES["two_stage"](tmp_path / "two")
    with pytest.raises(ModelError, match="kept whole"):
        load_model(spec(two, quantization="8bit", quantize_parts="vision"))
