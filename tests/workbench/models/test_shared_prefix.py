"""What many prompts share is read once, and answers are as if it were not, for every family."""

from __future__ import annotations

import pytest

from tests.workbench.models.family_cases import ONE_TURN, prompts, relative
from tests.workbench.models.tiny import ask, picture
from workbench.inference.batch import LiveBatch
from workbench.inference.decoding import Decoding
from workbench.inference.generate import PrefixCache, Request, admit, generate, score_labels
from workbench.inference.prefill import read
from workbench.models.base import LoadedModel
from workbench.models.families.limits import LIMITS
from workbench.models.families.registry import FAMILIES
from workbench.sample import Conversation, Message

pytestmark = pytest.mark.slow


def shots(*seeds: int) -> list[Message]:
    """Examples of images of several sizes, with their answers."""
    turns: list[Message] = []
    for seed in seeds:
        question = ask(f"is it {'red' if seed % 2 else 'green'}?", picture(30 + 9 * seed, 50, seed))
        turns += [*question, Message("assistant", ("yes it is" if seed % 2 else "no",))]
    return turns


def questions(name: str) -> list[Conversation]:
    """Prompts behind the same examples: of many lengths, with images and without."""
    if name in ONE_TURN:
        return list(prompts(name))
    system = Message("system", ("a red circle is left of the blue square",))
    tails = [
        ask("one", picture(64, 64, 21)),
        ask("a longer text " * 5, picture(100, 30, 22), picture(33, 61, 23)),
        ask("no image at all"),
    ]
    other = [*shots(2), *ask("true", picture(48, 80, 24))]
    return [*([system, *shots(1, 2), *tail] for tail in tails), other, ask("alone")]


def steps(model: LoadedModel, rows: list[Conversation], prefixes: PrefixCache | None) -> list:
    """The logits (B, V) of each step of greedy answers."""
    live = LiveBatch(model, prefixes)
    admit(live, [Request(c, Decoding(max_new_tokens=4)) for c in rows])
    found = []
    while live.rows:
        assert live._state is not None
        found.append(live._state.logits.clone())
        live.pick()
        live.advance()
    return found


def test_reuse_has_the_logits_of_whole_prompts(name: str, model: LoadedModel) -> None:
    """In one batch of rows with other beginnings or none, and again from what was kept."""
    rows, prefixes = questions(name), PrefixCache(1 << 30)
    expected = steps(model, rows, None)
    for _ in range(2):
        for one, other in zip(expected, steps(model, rows, prefixes), strict=True):
            for row in range(len(rows)):
                assert relative(other[row], one[row]) < 1e-4
    status = prefixes.status()
    if "shared prefix" in LIMITS.get(FAMILIES.get(name, (name, ""))[0], {}):
        assert status["entries"] == 0 and status["off"]
    else:
        assert (status["hits"], status["misses"], status["off"]) == (2 + 4, 2, "")
        assert status["entries"] == 2 and 0 < status["bytes"] <= status["max_bytes"]
        lengths = read(model, rows, [0] * len(rows)).ids
        assert status["tokens_saved"] > 3 * min(map(len, lengths[:3]))


def test_prompts_in_parts_have_the_tokens_and_label_scores_of_whole_ones(
    name: str, model: LoadedModel
) -> None:
    rows, prefixes = questions(name), PrefixCache(1 << 30)
    assert read(model, rows, [0] * 5, prefixes).ids == read(model, rows, [0] * 5).ids
    labels = ["true", "maybe it is"]
    whole = score_labels(model, rows, labels)
    for one, other in zip(whole, score_labels(model, rows, labels, prefixes=prefixes), strict=True):
        assert other == pytest.approx(one, rel=1e-4)


def test_reuse_draws_the_same_text_when_rows_come_one_by_one(name: str, model: LoadedModel) -> None:
    knobs = Decoding(temperature=1.2, seed=5, max_new_tokens=5)
    alone = generate(model, questions(name), knobs)
    live, rows, waiting = LiveBatch(model, PrefixCache(1 << 30)), [], questions(name)
    while waiting or live.rows:
        if waiting and live.open:
            rows += admit(live, [Request(waiting.pop(0), knobs)])
        live.pick()
        live.advance()
    for row, answer in zip(rows, alone, strict=True):
        found = row.answer()
        assert (found.text, found.prompt_tokens) == (answer.text, answer.prompt_tokens)
        assert [t.logprob for t in found.tokens] == pytest.approx(
            [t.logprob for t in answer.tokens], abs=1e-4
        )


def about_two_pictures() -> list[Conversation]:
    """Questions of many lengths about one of two pictures, behind the same example."""
    first, second = picture(64, 64, 31), picture(48, 80, 32)
    words = ["one", "a longer text " * 4, "is it red?", "true or false", "and now"]
    return [ask(text, second if n == 3 else first) for n, text in enumerate(words)]


@pytest.mark.parametrize("examples", [False, True])
def test_pictures_that_several_prompts_show_are_read_once_with_the_logits_of_whole_prompts(
    name: str, model: LoadedModel, examples: bool
) -> None:
    before = shots(1, 2) if examples and name not in ONE_TURN else []
    rows, prefixes = [[*before, *row] for row in about_two_pictures()], PrefixCache(1 << 30)
    expected, seen = steps(model, rows, None), []
    pixels = lambda _, __, kwargs: seen.append(kwargs.get("pixel_values"))  # noqa: E731
    handle = model.base.register_forward_pre_hook(pixels, with_kwargs=True)
    try:
        found = steps(model, rows, prefixes)
    finally:
        handle.remove()
    for one, other in zip(expected, found, strict=True):
        for row in range(len(rows)):
            assert relative(other[row], one[row]) < 1e-4
    if prefixes.status()["off"] or model.family.causal is None:
        return
    assert prefixes.status()["entries"] == bool(before)  # what pictures share is not kept
    with_pictures = [one for one in seen if one is not None]
    assert len(with_pictures) == 1 + bool(before)  # the examples', and both pictures together
    assert read(model, rows, [0] * 5, prefixes).ids == read(model, rows, [0] * 5).ids
    labels = ["true", "maybe it is"]
    whole = score_labels(model, rows, labels)
    for one, other in zip(whole, score_labels(model, rows, labels, prefixes=prefixes), strict=True):
        assert other == pytest.approx(one, rel=1e-4)


def test_prompts_of_different_pictures_are_read_in_one_forward(
    name: str, model: LoadedModel
) -> None:
    rows = [ask("what is it?", picture(64, 64, 40 + n)) for n in range(4)]
    forwards: list[int] = []
    count = lambda *_: forwards.append(1)  # noqa: E731
    handle = model.base.register_forward_pre_hook(count)
    try:
        prefixes = PrefixCache(1 << 30)
        prefixes.serves(model)
        prefixes.prove()
        read(model, rows, [0] * 4, prefixes)
    finally:
        handle.remove()
    assert len(forwards) == 1
