"""What many prompts share is read once, and answers are as if it were not, for every family."""

from __future__ import annotations

from tests.workbench.models.family_cases import ONE_TURN, prompts, relative
from tests.workbench.models.tiny import ask, picture
from workbench.engine.decoding import Decoding
from workbench.engine.generation import PrefixCache, Request, admit
from workbench.engine.live_batch import LiveBatch
from workbench.engine.reading import read
from workbench.models.base import LoadedModel
from workbench.models.families import LIMITS
from workbench.sample import Conversation, Message


def shots(*seeds: int) -> Conversation:
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
    module = model.family.__module__.rpartition(".")[2]
    status = prefixes.status()
    if "shared prefix" in LIMITS.get(module, {}):
        assert status["entries"] == 0 and status["off"]
    else:
        assert (status["hits"], status["misses"], status["off"]) == (2 + 4, 2, "")
        lengths = read(model, rows, [0] * len(rows)).ids
        assert status["tokens_saved"] > 3 * min(map(len, lengths[:3]))


def test_tokens_of_prompts_in_parts_are_those_of_the_whole(name: str, model: LoadedModel) -> None:
    rows = questions(name)
    assert read(model, rows, [0] * 5, PrefixCache(1 << 30)).ids == read(model, rows, [0] * 5).ids
