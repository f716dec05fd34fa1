"""Batches that run out of memory, told by a forward that holds only so many rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.workbench.models.test_shared_prefix import shots
from tests.workbench.models.tiny import ask, mixed_conversations, picture
from tests.workbench.serving.told import serve
from workbench.errors import ModelError
from workbench.inference import capacity
from workbench.inference.decoding import Decoding
from workbench.inference.generate import PrefixCache, generate
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec
from workbench.sample import Answer
from workbench.serving.worker import Worker

KNOBS = Decoding(temperature=1.2, seed=3, max_new_tokens=6)
CUDA = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
CPU = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 8589934592 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> LoadedModel:
    torch.set_num_threads(1)
    return load_model(ModelSpec(str(tiny_folder), device="cpu"))


@pytest.fixture
def model(loaded: LoadedModel) -> Iterator[LoadedModel]:
    loaded.max_batch_tokens = None
    yield loaded
    loaded.max_batch_tokens = None


class Room:
    """A model's forward that fails where it gets more rows, or more columns, than there is room."""

    def __init__(self, model: LoadedModel, patch: pytest.MonkeyPatch, error: Exception) -> None:
        self.rows, self.columns, self.sizes = 100, 10_000, []
        real = model.base.forward

        def forward(*args, **kwargs):
            mask = kwargs.get("attention_mask")
            ids = kwargs["input_ids"]
            self.sizes.append(len(ids))
            if len(ids) > self.rows or (mask is not None and mask.shape[1] > self.columns):
                raise type(error)(*error.args)
            return real(*args, **kwargs)

        # The signature is looked at: it must stay that of the class.
        forward.__signature__ = __import__("inspect").signature(real)
        patch.setattr(model.base, "forward", forward)


@pytest.mark.slow
@pytest.mark.parametrize("error", [CUDA, CPU, MemoryError()], ids=["cuda", "cpu", "python"])
def test_a_batch_is_halved_until_it_fits_and_the_size_is_remembered(model, monkeypatch, error):
    conversations = mixed_conversations()
    expected = [a.text for a in generate(model, conversations, KNOBS)]
    room = Room(model, monkeypatch, error)
    room.rows = 3
    assert [a.text for a in generate(model, conversations, KNOBS)] == expected
    assert room.sizes[0] == 8 and model.max_batch_tokens is not None
    room.sizes.clear()
    assert [a.text for a in generate(model, conversations, KNOBS)] == expected
    assert max(room.sizes) <= 3  # it was not tried again


def test_a_prompt_that_does_not_fit_alone_fails_alone_and_says_its_size(model, monkeypatch):
    rows = [ask("one"), ask("a longer text " * 30), ask("two")]
    expected = [a.text for a in generate(model, rows, KNOBS)]
    Room(model, monkeypatch, CUDA).columns = 60
    found = generate(model, rows, KNOBS, return_errors=True)
    assert [found[0].text, found[2].text] == [expected[0], expected[2]]
    assert isinstance(found[1], ModelError) and found[1].kind == "out_of_memory"
    assert "this prompt alone: " in found[1].message and "up to 6 new" in found[1].message
    assert "--shots" in found[1].hint
    with pytest.raises(ModelError, match="this prompt alone"):
        generate(model, rows, KNOBS)


def test_other_failures_of_torch_are_not_taken_for_it(model, monkeypatch):
    Room(model, monkeypatch, RuntimeError("shapes cannot be multiplied")).rows = 1
    with pytest.raises(RuntimeError, match="multiplied"):
        generate(model, [ask("one"), ask("two")], KNOBS)
    assert model.max_batch_tokens is None


def test_what_was_kept_of_other_prompts_is_let_go_first(model, monkeypatch):
    prefixes = PrefixCache(1 << 30)
    rows = [[*shots(1), *ask(text)] for text in ("one", "two", "three")]
    expected = [a.text for a in generate(model, rows, KNOBS, prefixes=prefixes)]
    assert prefixes.status()["entries"] == 1
    Room(model, monkeypatch, CUDA).rows = 2
    assert [a.text for a in generate(model, rows, KNOBS, prefixes=prefixes)] == expected
    prefixes.clear()
    with pytest.raises(ModelError), capacity.out_of_memory_explained(prefixes):
        prefixes.put("key", prefixes.get("key") or _head(model, rows[0]))
        raise CUDA
    assert prefixes.status()["entries"] == 0


def _head(model, conversation):
    from workbench.inference.prefill import read
    from workbench.inference.prefix_cache import head_of

    found = read(model, [conversation], [0])
    return head_of(found.state, 0, found.ids[0])


def test_lengths_count_image_tokens_without_reading_pixels(model):
    for conversation in mixed_conversations():
        batch = model.family.encode(model, [conversation])
        assert capacity.prompt_length(model, conversation) == batch.lengths[0]
    assert capacity.image_tokens(model, picture(128, 128)) > capacity.image_tokens(
        model, picture(16, 16)
    )


def test_batches_hold_prompts_of_like_length_within_what_fits(model):
    lengths = {0: 100, 1: 10, 2: 95, 3: 12, 4: 400}
    assert capacity.parts(model, lengths) == [[0, 1, 2, 3, 4]]
    model.max_batch_tokens = 200
    assert capacity.parts(model, lengths) == [[1, 3], [2, 0], [4]]


@pytest.fixture
def worker(model: LoadedModel) -> Iterator[Worker]:
    found = Worker()
    found._loaded = model
    yield found
    found.stop()
    found.join(30)


def test_a_running_batch_is_taken_apart_and_says_nothing_twice(model, worker, monkeypatch):
    conversations = mixed_conversations()[:5]
    knobs = Decoding(temperature=1.2, seed=3, max_new_tokens=9)
    expected = generate(model, conversations, knobs)
    room = Room(model, monkeypatch, CUDA)
    real, calls = worker.tell, []

    def tell(ticket, token, visible):
        calls.append(ticket.id)
        if len(calls) == 12:  # in the midst of it others take the memory
            room.rows = 2
        real(ticket, token, visible)

    monkeypatch.setattr(worker, "tell", tell)
    for one, answer in zip(serve(worker, model, conversations, knobs), expected, strict=True):
        assert isinstance(one.last, Answer) and one.last.text == answer.text
        assert [t.id for t in one.tokens] == [t.id for t in answer.tokens]
    assert worker.tokens == sum(len(answer.tokens) for answer in expected)
    assert (worker.serving, worker.served) == (0, 5)
    room.sizes.clear()
    serve(worker, model, conversations, knobs)
    assert max(room.sizes) <= 2


def test_one_that_does_not_fit_alone_fails_and_the_others_are_answered(model, worker, monkeypatch):
    conversations = [ask("one"), ask("a longer text " * 30), ask("two")]
    expected = generate(model, conversations, KNOBS)
    Room(model, monkeypatch, CPU).columns = 60
    first, long, last = serve(worker, model, conversations, KNOBS)
    assert isinstance(first.last, Answer) and first.last.text == expected[0].text
    assert isinstance(last.last, Answer) and last.last.text == expected[2].text
    assert isinstance(long.last, ModelError) and "this prompt alone" in long.last.message
