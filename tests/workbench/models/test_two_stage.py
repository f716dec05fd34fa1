"""The two-stage model against its parts: what it computes, what each stage learns, what it sees."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.workbench.models.family_cases import relative
from tests.workbench.models.make_two_stage import SIDE, code_gen_tokenizer, two_stage
from tests.workbench.models.tiny import ask, picture
from workbench.explain.explain import explain
from workbench.explain.settings import ExplainSettings
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.base import LoadedModel, load_model
from workbench.models.chat import render_chat, text_ids
from workbench.models.spec import ModelSpec
from workbench.models.two_stage.config import TwoStageConfig, stage_sides
from workbench.sample import Message

PROMPTS = (
    ask("is the red circle left?", picture(40, 40, 1)),
    ask("a longer text " * 5, picture(64, 32, 2), picture(30, 90, 3)),
    ask("no image at all"),
)


def load(folder: Path, **spec: Any) -> LoadedModel:
    return load_model(ModelSpec(str(folder), device="cpu", **spec))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two-stage")
    torch.set_num_threads(1)
    two_stage(folder / "grid")
    two_stage(folder / "pooled", image_tokens="pooled", pooled_tokens=3, image_fit="crop")
    return folder


@pytest.fixture(scope="module", params=["grid", "pooled"])
def model(request: pytest.FixtureRequest, folders: Path) -> LoadedModel:
    return load(folders / request.param)


@pytest.fixture(scope="module")
def grid(folders: Path) -> LoadedModel:
    return load(folders / "grid")


def parts(loaded: LoadedModel) -> tuple[Any, Any]:
    """The ResNet and the Phi as transformers loads them from where they came."""
    from transformers import PhiForCausalLM, ResNetModel

    came = [loaded.path.with_name(f"{loaded.path.name}-{part}") for part in ("resnet", "phi")]
    vision = ResNetModel.from_pretrained(came[0], attn_implementation="eager")
    return vision.eval(), PhiForCausalLM.from_pretrained(came[1]).eval()


def by_hand(loaded: LoadedModel, pixels: torch.Tensor) -> torch.Tensor:
    """Image tokens (N, tokens, hidden) from the ResNet's features and the folder's own tensors."""
    from safetensors.torch import load_file

    saved = load_file(loaded.path / "model.safetensors")
    state = {key.split(".", 1)[1]: value for key, value in saved.items() if "image_" in key}
    features = parts(loaded)[0](pixels).last_hidden_state  # (N, 64, 4, 4)
    places = features.permute(0, 2, 3, 1).reshape(len(pixels), -1, features.shape[1])
    places = places @ state["align.weight"].T + state["align.bias"]
    if loaded.base.config.image_tokens == "pooled":
        places = places.mean(1, keepdim=True)
    mean, spread = places.mean(-1, keepdim=True), places.var(-1, correction=0, keepdim=True)
    normed = (places - mean) / torch.sqrt(spread + 1e-5) * state["norm.weight"] + state["norm.bias"]
    wide = functional.gelu(normed @ state["expand.weight"].T + state["expand.bias"])
    tokens = wide @ state["contract.weight"].T + state["contract.bias"]
    return tokens.reshape(len(pixels), -1, 64)


def assembled(loaded: LoadedModel, inputs: dict[str, Any]) -> torch.Tensor:
    """(B, L, hidden): words of the language model, images where their tokens stand."""
    embeds = parts(loaded)[1].get_input_embeddings()(inputs["input_ids"]).detach().clone()
    tokens = by_hand(loaded, inputs["pixel_values"]).detach().flatten(0, 1)
    embeds[inputs["input_ids"] == loaded.base.config.image_token_id] = tokens
    return embeds


def test_logits_are_those_of_phi_on_embeddings_assembled_by_hand(model: LoadedModel) -> None:
    batch = model.family.encode(model, PROMPTS, answers=["true", "no", "maybe it is"])
    rest = {k: batch.inputs[k] for k in ("attention_mask", "position_ids")}
    language = parts(model)[1]
    wanted = language(inputs_embeds=assembled(model, batch.inputs), **rest).logits
    found = model.model(**batch.inputs).logits
    for row, length in enumerate(batch.lengths):
        assert relative(found[row, -length:], wanted[row, -length:]) < 1e-5
    # An image matters: with other pixels the same words have other logits.
    other = {**batch.inputs, "pixel_values": batch.inputs["pixel_values"].flip(-1)}
    assert relative(model.model(**other).logits[0, -1], found[0, -1]) > 1e-4


def test_beams_over_several_images_are_those_of_phi(model: LoadedModel) -> None:
    """Each beam sees both images: their scores say so where a few tokens need not."""
    (answer,) = generate(model, [PROMPTS[1]], Decoding(num_beams=3, max_new_tokens=5))
    inputs = model.family.encode(model, [PROMPTS[1]]).inputs
    embeds = assembled(model, inputs)
    knobs = {
        "attention_mask": inputs.pop("attention_mask"),
        "max_new_tokens": 5,
        "num_beams": 3,
        "do_sample": False,
        "output_scores": True,
        "return_dict_in_generate": True,
    }
    wanted = parts(model)[1].generate(inputs_embeds=embeds, eos_token_id=2, pad_token_id=2, **knobs)
    assert [t.id for t in answer.tokens] == [i for i in wanted.sequences[0].tolist() if i != 2]
    found = model.model.generate(**inputs, **knobs)
    assert torch.allclose(found.sequences_scores, wanted.sequences_scores, atol=1e-6, rtol=1e-6)


def test_the_parts_keep_their_weights_bit_for_bit(model: LoadedModel) -> None:
    vision, language = parts(model)
    for part, came in (
        (model.base.image_encoder.resnet, vision),
        (model.base.language_model, language),
    ):
        state = part.state_dict()
        assert {k for k, v in came.state_dict().items() if not torch.equal(state[k], v)} == set()


def test_answers_do_not_depend_on_their_batch_however_images_are_given(model: LoadedModel) -> None:
    answers = ["true false yes"] * 3
    batch = model.family.encode(model, PROMPTS, answers=answers)
    together = model.model(**batch.inputs).logits
    for row, prompt in enumerate(PROMPTS):
        one = model.family.encode(model, [prompt], answers=answers[:1])
        alone = model.model(**one.inputs).logits[0]
        assert relative(together[row, -len(alone) :], alone) < 1e-4


# The prompt


def test_a_conversation_is_written_as_phi_2_was_asked(grid: LoadedModel) -> None:
    several = (
        Message("system", ("Be brief.",)),
        *ask("one", picture()),
        Message("assistant", ("yes",)),
        Message("user", (picture(), "two", picture(), "three")),
    )
    assert render_chat(grid, several) == (
        "Be brief.\n<image>\nInstruct: one\nOutput: yes\n"
        "<image>\nInstruct: two<image>\nthree\nOutput:"
    )
    assert render_chat(grid, (Message("user", (picture(),)),)) == "<image>\nInstruct: \nOutput:"


def test_an_answers_first_word_has_its_space_in_its_token(grid: LoadedModel) -> None:
    """As the text of a prompt with its answer is tokenised whole."""
    words = code_gen_tokenizer()
    batch = grid.family.encode(grid, [ask("one")], answers=["true no"])
    assert batch.input_ids[0].tolist() == words("Instruct: one\nOutput: true no")["input_ids"]
    assert text_ids(grid, " true") == text_ids(grid, "true") != words("true")["input_ids"]
    assert text_ids(grid, "") == []


def test_words_of_a_sample_cannot_pose_as_an_image(grid: LoadedModel) -> None:
    batch = grid.family.encode(grid, [ask("<image> one <|endoftext|>", picture())])
    ids = batch.input_ids[0].tolist()
    assert ids.count(grid.base.config.image_token_id) == 16 and 2 not in ids


# What each stage learns


def test_an_images_embedding_is_the_projection_of_the_resnets_own_pooled_one(
    model: LoadedModel,
) -> None:
    encoder = model.base.image_encoder
    pixels = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    pooled = parts(model)[0](pixels).pooler_output.flatten(1)
    wanted = pooled @ encoder.align.weight.T + encoder.align.bias
    wanted = wanted / wanted.norm(dim=-1, keepdim=True)
    assert torch.allclose(encoder.embed(pixels), wanted, atol=1e-5)


def test_pair_logits_are_siglips(model: LoadedModel) -> None:
    """exp(t) * cos + b, pair by pair; t and b begin at log 10 and -10."""
    made = torch.Generator().manual_seed(1)
    images, texts = (
        functional.normalize(torch.randn(n, 64, generator=made), dim=-1) for n in (2, 3)
    )
    found = model.base.image_encoder.pair_logits(images, texts)
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            cosine = sum(float(a) * float(b) for a, b in zip(image, text, strict=True))
            assert float(found[i, j].detach()) == pytest.approx(10 * cosine - 10, abs=1e-4)
    assert float(model.base.image_encoder.logit_scale.detach()) == pytest.approx(math.log(10))


def test_text_features_are_phis_mean_state_on_whichever_side_they_are_padded(
    grid: LoadedModel,
) -> None:
    words = grid.tokenizer
    texts = ["a red circle", "the blue square is left of the red circle"]
    language = parts(grid)[1].model
    alone = []
    for text in texts:
        ids = torch.tensor([words(text)["input_ids"]])
        mean = language(input_ids=ids).last_hidden_state[0].mean(0)
        alone.append(mean / mean.norm())
    for side in ("left", "right"):
        batch = words(texts, padding=True, padding_side=side, return_tensors="pt")
        found = grid.base.embed_texts(batch["input_ids"], batch["attention_mask"])
        assert torch.allclose(found, torch.stack(alone), atol=1e-5)


def test_batch_norms_do_not_learn_unless_stage_1_says_so(folders: Path) -> None:
    model = load(folders / "grid").base
    encoder, pixels = model.image_encoder, torch.randn(4, 3, SIDE, SIDE)
    still = encoder(pixels)
    before = {k: v.clone() for k, v in encoder.resnet.state_dict().items()}
    model.train()
    assert torch.equal(encoder(pixels), still)  # of each image, whatever its batch
    assert all(torch.equal(v, before[k]) for k, v in encoder.resnet.state_dict().items())
    encoder.norms_learn = True
    model.train()
    encoder(pixels)
    changed = [k for k, v in encoder.resnet.state_dict().items() if not torch.equal(v, before[k])]
    assert changed and all("running" in k or "num_batches" in k for k in changed)
    model.eval()
    assert not any(module.training for module in model.modules())


def test_lora_on_the_language_part_leaves_the_encoder_alone(grid: LoadedModel) -> None:
    from training.parts import linear_layers

    found = linear_layers(grid.base)
    vision = {name.split(".")[0] for name, part in found.items() if part != "language"}
    assert vision == {"image_encoder", "image_projector"}
    assert {n.split(".")[0] for n, part in found.items() if part == "language"} == {
        "language_model"
    }


# How it is held


def test_quantisation_is_of_the_language_model_alone(folders: Path) -> None:
    from bitsandbytes.nn import Linear4bit

    loaded = load(folders / "grid", quantization="4bit")
    kinds = {
        name.split(".")[0]: type(module)
        for name, module in loaded.base.named_modules()
        if isinstance(module, torch.nn.Linear) and not name.endswith("lm_head")
    }
    assert kinds["language_model"] is Linear4bit
    assert kinds["image_encoder"] is kinds["image_projector"] is torch.nn.Linear


def test_in_fp16_the_encoder_stays_in_fp32_and_the_model_is_fp16(folders: Path) -> None:
    loaded = load(folders / "grid", dtype="fp16")
    assert loaded.dtype == "float16"
    assert {p.dtype for p in loaded.base.image_encoder.parameters()} == {torch.float32}
    assert len(generate(loaded, [PROMPTS[0]], Decoding(max_new_tokens=3))[0].tokens) == 3


# Maps


def test_pooled_images_have_maps_at_the_stages_alone(folders: Path) -> None:
    """Also where patches are to be pooled to tokens, which have no places here."""
    loaded = load(folders / "pooled")
    assert [*loaded.family.layers(loaded)] == [
        "patch.embed",
        *(f"patch.stage{i}" for i in (1, 2, 3)),
    ]
    batch = loaded.family.encode(loaded, [PROMPTS[1]])
    assert [grid for _, grid in loaded.family.image_tokens(batch, 0)] == [(1, 3), (1, 3)]
    settings = ExplainSettings(coarse=True, method="gradnorm")
    made = explain(loaded, PROMPTS[1], "true", settings=settings)
    assert made.layer == "patch.stage3" and [i.size for i in made.images] == [(64, 32), (30, 90)]
    # Cut out of the middle: the ends of an oblong image are not seen, and are cold.
    high = made.images[1].grid
    assert high[0].max() == high[-1].max() == 0 < high[len(high) // 2].max()


def test_sides_of_stages_are_those_of_the_feature_maps() -> None:
    from transformers import ResNetConfig, ResNetModel

    for more in ({}, {"downsample_in_first_stage": True}, {"layer_type": "basic"}):
        config = ResNetConfig(embedding_size=8, hidden_sizes=[8] * 3, depths=[1] * 3, **more)
        model = ResNetModel(config).eval()
        for size in (64, 50, 33):
            maps = model(torch.zeros(1, 3, size, size), output_hidden_states=True).hidden_states
            assert stage_sides(config, size) == [m.shape[-1] for m in maps]
    assert stage_sides(ResNetConfig(), 224) == [56, 56, 28, 14, 7]
    assert TwoStageConfig(vision_config=ResNetConfig()).image_seq_length == 49
