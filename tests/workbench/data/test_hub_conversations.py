"""Conversations in a hub's Parquet: read as in local files, for the bytes of their column."""

from __future__ import annotations

import random

import pytest

from tests.workbench.data.hub_data import forget, parquet
from tests.workbench.data.tables import picture
from workbench.data.adding import add
from workbench.data.hub.cache import cache_dataset
from workbench.data.hub.state import remember
from workbench.data.source import open_source

REPO = "someone/chats"
HEAVY = 3_000_000


def llava(number: int) -> dict:
    said = [("human", f"<image>\nWhat is {number}?"), ("gpt", f"Disc {number}.")]
    said += [("human", "Sure?"), ("gpt", "Yes.")]
    return {"conversations": [{"from": who, "value": text} for who, text in said]}


def openai(number: int) -> dict:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": f"What is {number}?"}]
    answer = [{"type": "text", "text": f"Disc {number}."}]
    turns = [("system", [{"type": "text", "text": "Be brief."}]), ("user", parts)]
    turns += [("assistant", answer), ("user", answer), ("assistant", answer)]
    return {"messages": [{"role": who, "content": content} for who, content in turns]}


def cauldron(number: int) -> dict:
    texts = [{"user": f"What is {number}?", "assistant": f"Disc {number}."}]
    return {"texts": [*texts, {"user": "Sure?", "assistant": "Yes."}]}


FORMS = {"llava": llava, "openai": openai, "cauldron": cauldron}


def rows(form: str, weight: int = 0) -> list[dict]:
    padded = [picture() + random.Random(i).randbytes(weight) for i in range(4)]
    images = [{"images": [{"bytes": data, "path": None}]} for data in padded]
    return [{"id": f"n{i}"} | FORMS[form](i) | images[i] for i in range(4)]


@pytest.mark.parametrize("mode", ["streamed", "cached"])
@pytest.mark.parametrize("form", FORMS)
def test_the_first_question_and_reply_of_a_hub_are_those_of_the_local_file(
    fast_hub, tmp_path, form: str, mode: str
):
    content = parquet(rows(form), 2)
    fast_hub.commit(REPO, {"data/train-00000-of-00001.parquet": content})
    added = add("chats", f"hub:{REPO}")
    assert any("later turns stay in the metadata" in guess for guess in added.guessed)
    if mode == "cached":
        cache_dataset("chats", limit=2)  # the conversations of all, the pictures of two
        forget(fast_hub)
    remember("chats", mode=mode)
    (tmp_path / "train.parquet").write_bytes(content)
    add("local", tmp_path / "train.parquet")
    found, local = list(open_source("chats").iter()), list(open_source("local").iter())
    assert [s.error for s in found] == [None] * 4
    facts = [(s.texts, s.label, s.task, len(s.images), s.metadata["exchanges"]) for s in found]
    assert facts[3] == ({"question": "What is 3?"}, "Disc 3.", "question", 1, 2)
    assert facts == [
        (s.texts, s.label, s.task, len(s.images), s.metadata["exchanges"]) for s in local
    ]
    assert found[0].images[0].load().size == local[0].images[0].load().size


def test_to_know_conversations_no_picture_is_fetched(fast_hub):
    content = parquet(rows("llava", HEAVY), 1)
    fast_hub.commit(REPO, {"data/train-00000-of-00001.parquet": content})
    forget(fast_hub)
    added = add("chats", f"hub:{REPO}")
    assert added.mapping.texts == {"question": "question"}
    spans = [span.removeprefix("bytes=").split("-") for span in fast_hub.ranges()]
    assert 0 < sum(int(stop) - int(start) + 1 for start, stop in spans) < HEAVY
