"""What every family promises, on small random models of the real classes with real processors.

One test for each capability, run for each family: `docs/models.md` shows their results.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.workbench.models.make_families import FAMILIES
from tests.workbench.models.tiny import ask, build_lora, picture
from workbench.engine.decoding import Decoding
from workbench.engine.generation import Request, admit, generate, score_labels, stream
from workbench.engine.live_batch import LiveBatch
from workbench.errors import ModelError
from workbench.explain.capture import capture
from workbench.explain.explain import explain, explain_tokens
from workbench.explain.geometry import lay_out
from workbench.explain.prepare import prepare
from workbench.explain.settings import Settings
from workbench.explain.targets import Target
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Conversation, ImageRef, Message, Token

ONE_TURN = {"paligemma", "captioner"}
ANSWER = "true false yes no one two maybe"


@pytest.fixture(scope="module", params=FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES[name](tmp_path_factory.mktemp("families") / name)


@pytest.fixture(scope="module")
def shared(folder: Path) -> LoadedModel:
    torch.set_num_threads(1)
    return load_model(ModelSpec(str(folder), device="cpu"))


@pytest.fixture
def model(shared: LoadedModel) -> Iterator[LoadedModel]:
    yield shared
    shared.set_adapter(None)


@cache
def prompts(name: str) -> tuple[Conversation, ...]:
    """Five prompts of many lengths and image sizes, with all that the family reads."""
    plain = [
        ask("is the red circle left of the blue square?", picture(40, 40, 1)),
        ask("one", picture(96, 32, 2)),
        ask("a longer text " * 6, picture(48, 80, 3)),
        ask("true", picture(64, 64, 4)),
        ask("yes or no", picture(33, 61, 5)),
    ]
    if name != "captioner":
        plain[3] = ask("true", picture(64, 64, 4), picture(100, 30, 6))
    if name not in ONE_TURN:
        plain[1] = ask("no image at all")
        shot = (*ask("one", picture(30, 50, 7)), Message("assistant", ("yes",)))
        plain[2] = (Message("system", ("a red circle",)), *shot, *plain[2])
    return tuple(plain)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a - b).abs().max() / b.abs().max()).detach())


def raw_inputs(name: str, loaded: LoadedModel, conversation: Conversation) -> dict:
    """What the processor itself makes of a conversation; nothing of ours takes part."""
    images = [image.load() for message in conversation for image in message.images]
    if name == "captioner":
        ids = [1, *loaded.tokenizer(conversation[0].text, add_special_tokens=False)["input_ids"]]
        pixels = loaded.processor.image_processor(images, return_tensors="pt")
        return {"decoder_input_ids": torch.tensor([ids]), **pixels}
    if name == "paligemma":
        text = "<image>" * len(images) + conversation[0].text
    else:
        messages = [
            {
                "role": m.role,
                "content": [
                    {"type": "text", "text": p} if isinstance(p, str) else {"type": "image"}
                    for p in m.parts
                ],
            }
            for m in conversation
        ]
        text = loaded.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
    inputs = loaded.processor(text=[text], images=[images] if images else None, return_tensors="pt")
    return {k: v for k, v in inputs.items() if k != "labels"}


def test_it_is_served_by_the_file_that_names_it(name: str, model: LoadedModel) -> None:
    from workbench.models.families import FAMILIES as FILES

    module, _ = FILES.get(model.base.config.model_type, ("auto", ""))
    assert type(model.family).__module__ == f"workbench.models.{module}"
    assert name == "auto" or model.base.config.model_type in model.family.model_types
    assert model.context_length in (128, 512, 1024) and len(model.identity) == 64


def test_greedy_answers_are_those_of_transformers_on_the_processors_own_inputs(
    name: str, model: LoadedModel
) -> None:
    answers = generate(model, prompts(name), Decoding(max_new_tokens=6))
    for conversation, answer in zip(prompts(name), answers, strict=True):
        inputs = raw_inputs(name, model, conversation)
        out = model.model.generate(**inputs, max_new_tokens=6, do_sample=False)
        length = inputs.get("input_ids", inputs.get("decoder_input_ids")).shape[1]
        assert [t.id for t in answer.tokens] == [i for i in out[0, length:].tolist() if i != 2]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batch_invariance(name: str, model: LoadedModel, size: int) -> None:
    """Logits of every answer position, in a left-padded batch and alone."""
    conversations = prompts(name)[-size:]
    answers = [ANSWER] * size
    batch = model.family.encode(model, conversations, answers=answers)
    together = model.model(**batch.inputs).logits
    for row, conversation in enumerate(conversations):
        one = model.family.encode(model, [conversation], answers=answers[:1])
        alone = model.model(**one.inputs).logits[0]
        (start, stop), (first, last) = batch.answer_spans[row], one.answer_spans[0]
        assert last - first == stop - start > 3
        assert relative(together[row, start - 1 : stop], alone[first - 1 : last]) < 1e-4


def test_cached_steps_have_the_logits_of_one_forward(name: str, model: LoadedModel) -> None:
    live = LiveBatch(model)
    rows = admit(live, [Request(c, Decoding(max_new_tokens=5)) for c in prompts(name)])
    steps = []
    while live.rows:
        steps.append(live._state.logits.clone())
        live.pick()
        live.advance()
    from workbench.explain.prepare import encode

    for row, conversation in enumerate(prompts(name)):
        ids = [token.id for token in rows[row].tokens]
        inputs, _ = encode(model, [conversation], ids)
        whole = model.model(**inputs).logits[0, -len(ids) - 1 :]
        for step, logits in enumerate(steps[: len(ids)]):
            assert relative(logits[row], whole[step]) < 1e-4


def test_streaming(name: str, model: LoadedModel) -> None:
    knobs = Decoding(temperature=1.0, seed=4, max_new_tokens=7)
    together = generate(model, prompts(name), knobs)
    for conversation, answer in zip(prompts(name)[:3], together, strict=False):
        *tokens, last = stream(model, conversation, knobs)
        assert all(isinstance(token, Token) for token in tokens) and isinstance(last, Answer)
        assert last.tokens == tuple(tokens)
        assert last.text == answer.text


def test_logprobs(name: str, model: LoadedModel) -> None:
    from workbench.explain.prepare import encode

    (answer,) = generate(model, prompts(name)[:1], Decoding(max_new_tokens=5, top_logprobs=3))
    ids = [token.id for token in answer.tokens]
    inputs, _ = encode(model, prompts(name)[:1], ids)
    logprobs = torch.log_softmax(model.model(**inputs).logits[0].detach(), -1)[-len(ids) - 1 :]
    for place, token in enumerate(answer.tokens):
        assert token.logprob == pytest.approx(float(logprobs[place, token.id]), abs=1e-4)
        best = logprobs[place].topk(3)
        assert [value for _, value in token.top] == pytest.approx(best.values.tolist(), abs=1e-4)


@pytest.mark.parametrize("end_of_turn", [False, True])
def test_label_scores(name: str, model: LoadedModel, end_of_turn: bool) -> None:
    """As a plain loop of single forwards."""
    labels = ["true", "maybe it is", "é"]
    scores = score_labels(model, prompts(name), labels, end_of_turn=end_of_turn)
    for conversation, row in zip(prompts(name), scores, strict=True):
        for label in labels:
            batch = model.family.encode(
                model, [conversation], answers=[label], end_of_turn=end_of_turn
            )
            logprobs = torch.log_softmax(model.model(**batch.inputs).logits[0].detach(), -1)
            columns = range(*batch.answer_spans[0])
            assert len(columns) > 0
            total = sum(float(logprobs[c - 1, batch.input_ids[0, c]]) for c in columns)
            assert row[label] == pytest.approx(total, rel=1e-4)


def test_beams(name: str, model: LoadedModel) -> None:
    (answer,) = generate(model, prompts(name)[:1], Decoding(num_beams=3, max_new_tokens=5))
    inputs = raw_inputs(name, model, prompts(name)[0])
    out = model.model.generate(**inputs, max_new_tokens=5, do_sample=False, num_beams=3)
    length = inputs.get("input_ids", inputs.get("decoder_input_ids")).shape[1]
    assert [t.id for t in answer.tokens] == [i for i in out[0, length:].tolist() if i not in (0, 2)]


def test_requests_that_arrive_later(name: str, model: LoadedModel) -> None:
    """They join a batch under way and answer as alone; a captioner's wait, and say so."""
    knobs = Decoding(temperature=1.2, seed=5, max_new_tokens=6)
    alone = [generate(model, [c], knobs)[0] for c in prompts(name)]
    live, rows, waiting = LiveBatch(model), [], list(prompts(name))
    while waiting or live.rows:
        if waiting and live.open:
            rows += admit(live, [Request(waiting.pop(0), knobs)])
        live.pick()
        live.advance()
        if name == "captioner" and live.rows:
            assert not live.open
    assert [row.answer().text for row in rows] == [answer.text for answer in alone]


def test_image_tokens(name: str, model: LoadedModel) -> None:
    """The map of an image's tokens holds every one that the processor wrote, in its order."""
    if limit := model.family.limits.get("image tokens"):  # it has none to tell, and says so
        with pytest.raises(ModelError, match=limit):
            model.family.image_tokens(model.family.encode(model, prompts(name)), 0)
        return
    batch = model.family.encode(model, prompts(name), answers=[ANSWER] * 5)
    token = model.base.config.image_token_id
    for row, conversation in enumerate(prompts(name)):
        raw = raw_inputs(name, model, conversation)["input_ids"][0].tolist()
        written = (batch.input_ids[row] == token).nonzero()[:, 0].tolist()
        assert len(written) == raw.count(token)
        spans = batch.image_spans[row]
        assert [s.size for s in spans] == [i.load().size for m in conversation for i in m.images]
        mapped = [column for span in spans for column in span.columns]
        newlines = sum(s.grid[0] for s in spans) if name == "llava_next" else 0
        assert len(mapped) + newlines == len(written)
        assert set(mapped) <= set(written) and len(set(mapped)) == len(mapped)
        for span in spans:
            assert span.grid[0] * span.grid[1] == len(span.indices)
        for before, after in zip(spans, spans[1:], strict=False):
            assert max(before.columns) < min(after.columns)


def spotted(size: tuple[int, int], centre: tuple[float, float], side: int) -> ImageRef:
    """Grey but for a white square around `centre`, in shares of width and height."""
    image = Image.new("RGB", size, (90, 90, 90))
    x, y = round(size[0] * centre[0]), round(size[1] * centre[1])
    half = side // 2
    image.paste((255, 255, 255), (x - half, y - half, x + half, y + half))
    out = io.BytesIO()
    image.save(out, "PNG")
    return ImageRef(data=out.getvalue())


def heat_of(loaded: LoadedModel, layer: str, *pictures: ImageRef) -> list[list[np.ndarray]]:
    grids = []
    for picture_ in pictures:
        prompt = ask("one", *([] if is_single(loaded) else [spotted((50, 34), (0.5, 0.5), 2)]))
        prompt = (Message("user", (*prompt[0].parts[:-1], picture_, "one")),)
        prepared = prepare(loaded, prompt, [7], 0)
        found = capture(loaded, prepared, [layer], [(0, Target("logit", 7))], gradients=False)
        grids.append(lay_out(loaded, prepared, layer, found.activations[layer]))
    return grids


def is_single(loaded: LoadedModel) -> bool:
    return "several images" in loaded.family.limits


@pytest.mark.parametrize("centre", [(0.5, 0.2), (0.35, 0.8), (0.64, 0.55)])
def test_patches_are_mapped_to_pixels(
    name: str, model: LoadedModel, centre: tuple[float, float]
) -> None:
    """A square in the second of two images changes most what lies on it, at every layer."""
    size = (96, 64)
    assert model.family.layers(model) or "gradcam" in model.family.limits
    for layer in model.family.layers(model):
        if layer in ("token.layer1", "patch.block1"):
            continue  # attention has mixed the places of a random model by then
        one, none = heat_of(model, layer, spotted(size, centre, 16), spotted(size, (0.5, 0.5), 0))
        change = np.linalg.norm(one[-1] - none[-1], axis=-1)
        if layer == "patch.embed":  # no attention yet: its centre of gravity is the square's
            shares = change / change.sum()
            across, down = (np.arange(n) + 0.5 for n in change.shape[::-1])
            assert shares.sum(0) @ across / len(across) == pytest.approx(centre[0], abs=0.04)
            assert shares.sum(1) @ down / len(down) == pytest.approx(centre[1], abs=0.04)
        row, column = np.unravel_index(change.argmax(), change.shape)
        x, y = (column + 0.5) / change.shape[1], (row + 0.5) / change.shape[0]
        # Within a cell and half of the square, whichever is coarser.
        assert abs(x - centre[0]) <= 0.5 / change.shape[1] + 8 / size[0] + 0.02, (layer, x, y)
        assert abs(y - centre[1]) <= 0.5 / change.shape[0] + 8 / size[1] + 0.02, (layer, x, y)
        if len(one) == 2 and layer.startswith(("patch", "merged")):
            assert np.abs(one[0] - none[0]).max() < 1e-4  # the first image is as it was


def test_gradient_maps(name: str, model: LoadedModel) -> None:
    """At every layer that feeds the answer; the model is left without a gradient."""
    pictures = prompts(name)[3][0].images
    if limit := model.family.limits.get("gradcam"):
        with pytest.raises(ModelError, match=limit):
            explain(model, prompts(name)[3], "true no")
        return
    for layer in model.family.layers(model):
        made = explain(model, prompts(name)[3], "true no", token=1, method="gradnorm", layer=layer)
        assert [image.size for image in made.images] == [p.load().size for p in pictures]
        grids = [image.grid for image in made.images]
        assert all(np.isfinite(grid).all() for grid in grids)
        # Nothing reads an image token after the last layer.
        assert all(grid.max() > 0 for grid in grids) or layer == "token.layer1", layer
    assert not any(p.grad is not None for p in model.base.parameters())


def test_integrated_gradients_sum_to_the_change_of_the_target(
    name: str, model: LoadedModel
) -> None:
    """Whatever the layout, no share of an attribution is lost on the way to the image."""
    from workbench.explain.explain import blank_pixels
    from workbench.explain.maps import raw_maps

    if "gradcam" in model.family.limits:
        return  # `test_gradient_maps` sees that it says so
    settings = Settings(method="integrated", layer="patch.embed", target="logit", steps=24)
    prepared = prepare(model, prompts(name)[0], [9], 0)
    blank = blank_pixels(model, prompts(name)[0], prepared, "grey")
    target = [(0, Target("logit", 9))]
    grids, whole = raw_maps(model, prepared, target, settings, baseline=blank)
    start = capture(
        model, prepared, ["patch.embed"], target, pixel_values=blank, gradients=False
    ).scores[0]
    total = float(sum(g.sum() for g in grids[0]))
    assert total == pytest.approx(whole.scores[0] - start, rel=0.1, abs=0.02)


def test_occlusion(name: str, model: LoadedModel) -> None:
    settings = Settings(method="occlusion", baseline="grey", window=24, stride=24)
    made = explain_tokens(model, prompts(name)[0], "true no yes", settings=settings)
    assert all(one.images[0].size == (40, 40) for one in made)
    # Heat is what speaks for a token: of three, one at least finds some in a random model.
    assert max(float(one.images[0].grid.max()) for one in made) > 0


def test_adapter(name: str, model: LoadedModel, tmp_path: Path) -> None:
    """Two in turn, and none: the base stays in memory, and is exactly what it was."""
    targets = ("c_attn",) if name == "captioner" else ("q_proj", "v_proj")
    targets = ("qkv", *targets) if name == "qwen2_5_vl" else targets
    first, second = (
        str(build_lora(model, tmp_path / n, s, targets)) for n, s in (("a", 1), ("b", 2))
    )
    weight = next(model.base.parameters()).data_ptr()
    results, seen = [], []
    for adapter in (None, first, second, first, None):
        model.set_adapter(adapter)
        batch = model.family.encode(model, prompts(name)[:2])
        results.append(model.model(**batch.inputs).logits[:, -1].detach())
        seen.append(model.identity)
    assert torch.equal(results[0], results[4]) and torch.equal(results[1], results[3])
    assert relative(results[1], results[0]) > 1e-3 < relative(results[2], results[1])
    assert next(model.base.parameters()).data_ptr() == weight
    assert len(set(seen)) == 3


def smaller(folder: Path, name: str, model: LoadedModel, quantization: str) -> None:
    loaded = load_model(ModelSpec(str(folder), device="cpu", quantization=quantization))
    assert loaded.memory_bytes() < 0.8 * model.memory_bytes()
    answers = generate(loaded, prompts(name)[:2], Decoding(max_new_tokens=3))
    assert all(len(answer.tokens) == 3 for answer in answers)
    assert loaded.identity != model.identity


def test_4bit(name: str, folder: Path, model: LoadedModel) -> None:
    smaller(folder, name, model, "4bit")


def test_8bit(name: str, folder: Path, model: LoadedModel) -> None:
    smaller(folder, name, model, "8bit")


def test_training_batches(name: str, model: LoadedModel) -> None:
    """Rows taken apart and joined anew, as a training does, have the logits of the batch."""
    from training.collate import join, split_batch

    rows = [
        model.family.encode(model, [conversation], answers=[ANSWER], end_of_turn=True)
        for conversation in prompts(name)
    ]
    examples = [split_batch(batch, [key])[0] for key, batch in enumerate(rows)]
    joined = join(examples, lambda example: example.images or {}, model.pad_id)
    labels = joined.pop("labels")
    together = model.model(**joined, use_cache=False).logits
    for row, batch in enumerate(rows):
        start, stop = batch.answer_spans[0]
        alone = model.model(**batch.inputs).logits[0, start - 1 : stop]
        assert relative(together[row, start - stop - 1 :], alone) < 1e-4
        assert labels[row, start - stop :].tolist() == batch.input_ids[0, start:stop].tolist()
        assert (labels[row, : start - stop] == -100).all()
