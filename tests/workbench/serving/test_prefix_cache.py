"""When what was read before may be used again, and when it must not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.workbench.models.test_shared_prefix import shots
from tests.workbench.models.tiny import ask, build_lora, picture, tokenizer
from tests.workbench.serving.told import serve
from workbench.errors import ImageError
from workbench.inference import prefill
from workbench.inference.decoding import Decoding
from workbench.inference.generate import PrefixCache, generate
from workbench.inference.prefix_split import SplitPlan
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef, Message
from workbench.serving.worker import Worker

KNOBS = Decoding(max_new_tokens=4)
GIGABYTE = 1 << 30


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> LoadedModel:
    torch.set_num_threads(1)
    return load_model(ModelSpec(str(tiny_folder), device="cpu"))


@pytest.fixture
def model(loaded: LoadedModel) -> Iterator[LoadedModel]:
    yield loaded
    loaded.set_adapter(None)


def prompt(*seeds: int, text: str = "one"):
    return [*shots(*seeds), *ask(text, picture(48, 40, 30))]


def texts(model, conversations, prefixes=None):
    return [
        (a.text, a.prompt_tokens) for a in generate(model, conversations, KNOBS, prefixes=prefixes)
    ]


def counts(prefixes: PrefixCache) -> tuple[int, int, int]:
    status = prefixes.status()
    return status["entries"], status["hits"], status["misses"]


def test_another_adapter_finds_nothing_of_what_this_one_read(model, tmp_path):
    adapters = [None, *(str(build_lora(model, tmp_path / n, s)) for n, s in (("a", 1), ("b", 2)))]
    expected = []
    for adapter in adapters:
        model.set_adapter(adapter)
        expected.append(texts(model, [prompt(1, 2)]))
    prefixes = PrefixCache(GIGABYTE)
    for turn in range(2):
        for adapter, whole in zip(adapters, expected, strict=True):
            model.set_adapter(adapter)
            assert texts(model, [prompt(1, 2)], prefixes) == whole
        assert counts(prefixes) == (3, 3 * turn, 3)


def test_another_model_empties_the_store(model, tmp_path, tiny_folder):
    prefixes = PrefixCache(GIGABYTE)
    texts(model, [prompt(1, 2)], prefixes)
    folder = shutil.copytree(tiny_folder, tmp_path / "copy")
    other = load_model(ModelSpec(str(folder), device="cpu"))
    assert other.identity == model.identity  # the same bytes, and yet not the same memory
    texts(other, [prompt(1, 2)], prefixes)
    assert counts(prefixes) == (1, 0, 2)


def test_other_pixels_behind_the_same_words_are_another_beginning(model):
    prefixes = PrefixCache(GIGABYTE)
    first = [*ask("is it?", picture(64, 64, 1)), Message("assistant", ("yes",)), *ask("one")]
    second = [*ask("is it?", picture(64, 64, 2)), Message("assistant", ("yes",)), *ask("one")]
    for conversation in (first, second):
        assert texts(model, [conversation], prefixes) == texts(model, [conversation])
    assert counts(prefixes) == (2, 0, 2)


def test_an_image_file_that_changes_is_seen(model, tmp_path):
    file, prefixes = tmp_path / "image.png", PrefixCache(GIGABYTE)
    conversation = [
        *ask("is it?", ImageRef(path=file)),
        *(Message("assistant", ("yes",)), *ask("one")),
    ]
    for seed in (1, 2):
        file.write_bytes(picture(64, 64, seed).read())
        assert texts(model, [conversation], prefixes) == texts(model, [conversation])
    assert counts(prefixes) == (2, 0, 2)


def test_the_store_never_holds_more_than_its_bytes_and_lets_the_oldest_go(model):
    prefixes = PrefixCache(GIGABYTE)
    texts(model, [prompt(1)], prefixes)
    one = prefixes.status()["bytes"]
    prefixes = PrefixCache(int(2.9 * one))
    for seed in (1, 3, 1, 5, 1, 3):  # 3 was used longest ago when 5 came
        texts(model, [prompt(seed)], prefixes)
        assert prefixes.status()["bytes"] <= prefixes.status()["max_bytes"]
    assert prefixes.status()["hits"] == 2 and prefixes.status()["entries"] == 2
    small = PrefixCache(one // 2)
    whole = texts(model, [prompt(1), prompt(1, text="two")])
    assert texts(model, [prompt(1), prompt(1, text="two")], small) == whole
    assert counts(small) == (0, 1, 1)  # too large to be kept, and shared within the batch


def test_no_bytes_turn_it_off(model, monkeypatch):
    monkeypatch.setenv("WB_PREFIX_CACHE_MB", "0")
    prefixes = PrefixCache()
    texts(model, [prompt(1), prompt(1)], prefixes)
    assert counts(prefixes) == (0, 0, 0) and prefixes.status()["off"] == "it is turned off"


def test_what_fails_leaves_nothing_broken_behind(model, monkeypatch):
    prefixes = PrefixCache(GIGABYTE)
    broken = ImageRef(data=b"no image", name="broken.png")
    bad = [[*shots(1), *ask("one", broken)], [*ask("x", broken), *shots(3), *ask("one")]]
    for conversation in bad:  # in the question, in an example
        with pytest.raises(ImageError):
            generate(model, [conversation], KNOBS, prefixes=prefixes)
    calls = []

    def dies(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:  # behind the head, before the question's tokens
            raise RuntimeError("a kernel died")
        return real(*args, **kwargs)

    real = prefill.prefill
    monkeypatch.setattr(prefill, "prefill", dies)
    with pytest.raises(RuntimeError, match="kernel"):
        generate(model, [prompt(5)], KNOBS, prefixes=prefixes)
    monkeypatch.undo()
    rows = [prompt(1), prompt(5), prompt(3)]
    assert texts(model, rows, prefixes) == texts(model, rows)
    cancelled = generate(model, rows, KNOBS, prefixes=prefixes, cancelled=lambda: True)
    assert {answer.finish_reason for answer in cancelled} == {"cancelled"}
    assert texts(model, rows, prefixes) == texts(model, rows)


def test_a_conversation_goes_on_from_its_last_turn_and_examples_from_the_system_turn(model):
    prefixes = PrefixCache(GIGABYTE)
    read: list[int] = []
    real = prefill.prefill

    def counted(loaded, batch, after=None):
        read.append(sum(batch.lengths))
        return real(loaded, batch, after)

    talk = [*ask("is the red circle left of it?", picture(64, 64, 1), system="a red circle " * 12)]
    for turn in range(4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(prefill, "prefill", counted)
            found = texts(model, [talk], prefixes)
        assert found == texts(model, [talk])
        talk += [Message("assistant", ("yes",)), *ask(f"and now {turn}?")]
    assert max(read[4:]) < 40  # each later turn reads what is new of it
    others = [[talk[0], *shots(seed), *ask("one")] for seed in (1, 3, 5)]
    before = prefixes.status()["tokens_saved"]
    assert texts(model, others, prefixes) == texts(model, others)
    assert prefixes.status()["tokens_saved"] == before  # three heads, each new behind its system


def test_a_cache_that_forgets_is_not_taken_apart(tmp_path):
    from tests.workbench.models.make_families import FAMILIES

    folder = FAMILIES["llava_next"](tmp_path / "sliding")
    config = (folder / "config.json").read_text()
    assert '"sliding_window": null' in config
    (folder / "config.json").write_text(
        config.replace('"sliding_window": null', '"sliding_window": 16')
    )
    sliding, prefixes = load_model(ModelSpec(str(folder), device="cpu")), PrefixCache(GIGABYTE)
    rows = [[*shots(1), *ask("one")], [*shots(1), *ask("two")]]
    assert texts(sliding, rows, prefixes) == texts(sliding, rows)
    assert counts(prefixes) == (0, 0, 0) and "slide" in prefixes.status()["off"]


def test_a_model_that_nobody_knows_is_tried_before_it_is_trusted(model, monkeypatch):
    """One whose images see each other across the cut, say: here its logits are made to differ."""
    monkeypatch.setattr(type(model.family), "causal", None)
    real = prefill.prefill

    def off(loaded, batch, after=None):
        state = real(loaded, batch, after)
        state.logits = state.logits + 0.1 * (after is not None)
        return state

    prefixes = PrefixCache(GIGABYTE)
    assert texts(model, [prompt(1)], prefixes) == texts(model, [prompt(1)])
    assert counts(prefixes) == (1, 0, 1)
    prefixes = PrefixCache(GIGABYTE)
    monkeypatch.setattr(prefill, "prefill", off)
    assert texts(model, [prompt(1)], prefixes) == texts(model, [prompt(1)])
    assert counts(prefixes) == (0, 0, 0) and "other logits" in prefixes.status()["off"]


def test_the_engine_counts_what_it_did_not_read_again_and_lets_it_go_with_the_model(model):
    from commands.engine import _prefixes

    worker = Worker()
    worker._loaded = model
    empty = worker.status()["prefix_cache"]
    try:
        for text in ("one", "two"):
            serve(worker, model, [prompt(1, text=text)], KNOBS)
        status = worker.status()["prefix_cache"]
        assert status.keys() == empty.keys() and not empty["hits"]
        assert (status["entries"], status["hits"], status["misses"]) == (1, 1, 1)
        assert f"1 hits, {status['tokens_saved']} tokens" in _prefixes(status)
        worker._unload()
        status = worker.status()["prefix_cache"]
        assert (status["entries"], status["bytes"], status["hits"]) == (0, 0, 1)
    finally:
        worker.stop()
        worker.join(30)


@pytest.mark.parametrize("scheme", ["always", "first"])
def test_cuts_keep_the_tokens_of_sentencepiece(model, monkeypatch, scheme):
    """LLaVA-1.5's words: no special token between turns, the space belongs to the next word."""
    from tokenizers import decoders, pre_tokenizers

    words = tokenizer()
    raw = words._tokenizer
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    raw.decoder = decoders.Metaspace(prepend_scheme=scheme)
    template = (
        "{% for m in messages %}{{ m.role.upper() }}: {% for c in m.content %}"
        "{% if c.type == 'text' %}{{ c.text }}{% endif %}{% endfor %} {% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
    )
    monkeypatch.setitem(model.__dict__, "tokenizer", words)
    monkeypatch.setattr(model.processor, "chat_template", template)
    turns = [*ask("is the red circle left"), Message("assistant", ("yes it is",))] * 2
    plan = SplitPlan(model, [*turns, *ask("one two")])
    assert plan.last is not None and len(plan.cuts) >= 2
    for cut in plan.cuts:
        rest = cut.behind(plan.prompt).text
        apart = [words(t, add_special_tokens=False)["input_ids"] for t in (cut.head.text, rest)]
        assert sum(apart, []) == words(plan.prompt.text, add_special_tokens=False)["input_ids"]
