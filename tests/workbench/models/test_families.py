"""What every family promises, on small random models of the real classes with real processors.

One test for each capability, run for each family: `docs/models.md` shows their results.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workbench.models.family_cases import ANSWER, prompts, raw_inputs, relative
from tests.workbench.models.make_adapters import build_prefix, build_prompt
from tests.workbench.models.tiny import build_head, build_lora
from training.joint import WithHead, with_prompt
from workbench.explain.prepare import encode
from workbench.inference.batch import LiveBatch
from workbench.inference.decoding import Decoding
from workbench.inference.generate import Request, admit, generate, score_labels, stream
from workbench.inference.prefix_cache import PrefixCache
from workbench.models.base import LoadedModel, load_model
from workbench.models.head import Head, class_logits, why_blind
from workbench.models.parts import part_of
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Token

pytestmark = pytest.mark.slow


def test_it_is_served_by_the_file_that_names_it(name: str, model: LoadedModel) -> None:
    from workbench.models.families.registry import FAMILIES as FILES

    _, module = FILES.get(model.base.config.model_type, ("auto", "families.auto"))
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


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_batch_invariance(name: str, model: LoadedModel, size: int) -> None:
    """Logits of every answer position, in a left-padded batch and alone."""
    conversations = (prompts(name)[:3] + prompts(name))[-size:]
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


def best_of(model: LoadedModel, conversation: Any, beams: int, tokens: int) -> list[int]:
    """A search by whole forwards, one hypothesis at a time; none of them may end on the way."""
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(tokens):
        found = []
        for total, ids in live:
            inputs = model.family.encode(model, [conversation]).inputs
            if ids:
                inputs, _ = encode(model, [conversation], ids)
            with torch.no_grad():
                best = torch.log_softmax(model.model(**inputs).logits[0, -1], -1).topk(beams)
            pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            found += [(total + value, [*ids, i]) for value, i in pairs]
        live = sorted(found, reverse=True)[:beams]
    return live[0][1]


@pytest.mark.parametrize("kind", ["prefix", "prompt"])
def test_beams_under_virtual_tokens(name: str, model: LoadedModel, kind: str, tmp_path: Path):
    """Those of a search by whole forwards, and of PEFT's own `generate` where it counts alike."""
    from peft import PeftModel

    folder = {"prefix": build_prefix, "prompt": build_prompt}[kind](model.base, tmp_path / kind)
    conversation, knobs = prompts(name)[0], Decoding(num_beams=3, max_new_tokens=4)
    model.set_adapter(str(folder))
    found = [token.id for token in generate(model, [conversation], knobs)[0].tokens]
    assert found == best_of(model, conversation, 3, 4)
    model.set_adapter(None)
    if name in ("llava", "llava_next", "idefics3", "smolvlm", "auto"):
        theirs = PeftModel.from_pretrained(copy.deepcopy(model.base), str(folder)).eval()
        inputs = raw_inputs(name, model, conversation)
        out = theirs.generate(**inputs, max_new_tokens=4, do_sample=False, num_beams=3)
        assert found == out[0, -4:].tolist()


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


def test_prefix_tuning(name: str, model: LoadedModel, tmp_path: Path) -> None:
    """Logits alone and in a padded batch; off, the base again."""
    batch = model.family.encode(model, prompts(name), answers=[ANSWER] * 5)
    bare = model.model(**batch.inputs).logits.detach()
    model.set_adapter(str(build_prefix(model.base, tmp_path / "prefix")))
    together = model.model(**batch.inputs).logits
    for row in range(2):
        one = model.family.encode(model, prompts(name)[row : row + 1], answers=[ANSWER])
        alone = model.model(**one.inputs).logits[0]
        (start, stop), (first, last) = batch.answer_spans[row], one.answer_spans[0]
        assert relative(together[row, start - 1 : stop], alone[first - 1 : last]) < 1e-4
        assert relative(alone[first - 1 : last], bare[row, start - 1 : stop]) > 1e-3
    model.set_adapter(None)
    assert torch.equal(model.model(**batch.inputs).logits, bare)


def right_padded(inputs: dict) -> dict:
    """The same rows with their padding on the other side."""
    mask = inputs["attention_mask"]
    spare = (mask == 0).sum(1).tolist()
    out = dict(inputs)
    for key, value in inputs.items():
        if hasattr(value, "ndim") and value.shape[-2:] == mask.shape:
            rows = [value[..., i, :].roll(-n, -1) for i, n in enumerate(spare)]
            out[key] = torch.stack(rows, -2)
    return out


@pytest.mark.parametrize("pooling", ["last", "mean", "first"])
def test_classification_head(name: str, model: LoadedModel, pooling: str, tmp_path: Path) -> None:
    """Mixed lengths padded left or right as alone, before an answer as without, and generating."""
    head = build_head(model, tmp_path, pooling=pooling)
    if pooling == "first" and model.family.causal is not False:
        assert "sees nothing but itself" in why_blind(model.family, pooling)
        return
    assert not why_blind(model.family, pooling)
    bare = generate(model, prompts(name)[:1], Decoding(max_new_tokens=2))[0]
    model.set_adapter(str(tmp_path))
    alone = torch.cat([logits_of_classes(model, head, [c]) for c in prompts(name)])
    assert relative(alone[:1], alone[1:2]) > 1e-3  # prompts differ
    batch = model.family.encode(model, prompts(name))
    assert len(set(batch.lengths)) > 1
    assert relative(class_logits(model, batch.inputs), alone) < 1e-4
    assert relative(class_logits(model, right_padded(batch.inputs)), alone) < 1e-4
    taught = model.family.encode(model, prompts(name), answers=[ANSWER, "yes"] * 2 + ["no"])
    inputs = with_prompt(taught.inputs, taught.labels())
    trained = WithHead(model.model, head, model.base)(**inputs, use_cache=False)
    assert relative(trained.class_logits, alone) < 1e-4
    found = generate(model, prompts(name), Decoding(max_new_tokens=2), prefixes=PrefixCache())
    expected = head.named(alone)
    for answer, classes in zip(found, expected, strict=True):
        assert answer.head == pytest.approx(classes, abs=1e-5)
    assert bare.head is None and found[0].text == bare.text


def logits_of_classes(model: LoadedModel, head: Head, conversations: list) -> torch.Tensor:
    assert model.head is not None and model.head.labels == head.labels
    return class_logits(model, model.family.encode(model, conversations).inputs)


def smaller(folder: Path, name: str, model: LoadedModel, quantization: str) -> None:
    spec = ModelSpec(str(folder), device="cpu", quantization=quantization)
    loaded, whole = load_model(spec), load_model(spec.but(quantize_parts="all"))
    assert quantized_parts(loaded) == {"language"}
    seeing = {p for p in quantized_parts(whole) if p != "language"}
    assert bool(seeing) == (name != "two_stage")
    assert whole.memory_bytes() < 0.8 * model.memory_bytes()
    assert whole.memory_bytes() <= loaded.memory_bytes() < model.memory_bytes()
    answers = generate(loaded, prompts(name)[:2], Decoding(max_new_tokens=3))
    assert all(len(answer.tokens) == 3 for answer in answers)
    assert len({loaded.identity, whole.identity, model.identity}) == 3
    kept = {n: p for n, p in loaded.base.named_parameters() if part_of(n) != "language"}
    own = dict(model.base.named_parameters())
    assert kept and all(torch.equal(own[n], p) for n, p in kept.items())


def quantized_parts(loaded: LoadedModel) -> set[str]:
    """The parts that have quantised weights."""
    return {
        part_of(name)
        for name, parameter in loaded.base.named_parameters()
        if type(parameter).__name__ in ("Params4bit", "Int8Params")
    }


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
