"""Conversations (LLaVA, ShareGPT, OpenAI's messages), and an image folder with tables per split."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import mine, picture, samples, write_lines, write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample

DATA = "data:image/png;base64," + base64.b64encode(picture()).decode()
FORMS = {
    "llava": {
        "id": "7",
        "image": "a.png",
        "conversations": [
            {"from": "human", "value": "<image>\nWhat is it?"},
            {"from": "gpt", "value": "A disc."},
            {"from": "human", "value": "Is it red?"},
            {"from": "gpt", "value": "Yes."},
        ],
    },
    "sharegpt": {
        "id": "7",
        "images": ["a.png"],
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "<image>What is it?"},
            {"from": "gpt", "value": "A disc."},
        ],
    },
    "openai": {
        "id": "7",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": DATA}},
                    {"type": "text", "text": "What is it?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "A disc."}]},
        ],
    },
}


@pytest.mark.parametrize("document", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_first_question_and_its_reply_are_read(tmp_path: Path, form: str, document: bool):
    write_pictures(tmp_path, ["a.png"])
    text = json.dumps([FORMS[form]], indent=1) if document else json.dumps(FORMS[form]) + "\n"
    added = mine(tmp_path, text, "t.json")
    (sample,) = samples()
    assert (sample.uid, sample.texts, sample.label) == (
        "mine/t/7",
        {"question": "What is it?"},
        "A disc.",
    )
    assert (sample.task, sample.error, sample.labels) == ("question", None, ())
    assert sample.images[0].load().size == (8, 6)
    assert sample.metadata["exchanges"] == (2 if form == "llava" else 1)
    assert DATA[:60] not in repr(sample.metadata)
    assert any("the first question and the reply to it" in guess for guess in added.guessed)
    assert get_sample("mine/t/7") == sample


def test_a_column_of_that_name_that_is_no_conversation_stays_what_it_is(tmp_path: Path):
    mine(tmp_path, json.dumps({"id": 1, "caption": "x", "messages": ["a"]}) + "\n", "t.jsonl")
    assert samples()[0].metadata == {"messages": ["a"]}


def test_an_image_folder_may_have_a_table_in_each_split(tmp_path: Path):
    write_pictures(tmp_path / "f", ["train/1.png", "test/1.png", "dev/1.png"])
    write_lines(tmp_path / "f/train/metadata.jsonl", [{"file_name": "1.png", "caption": "a dog"}])
    (tmp_path / "f/test/metadata.csv").write_text("file_name,caption\n1.png,a cat\n")
    added = add("mine", tmp_path / "f")
    assert added.info.splits == {"test": 1, "train": 1}
    assert "splits: test, train (dev: no metadata file)" in added.guessed
    (sample,) = samples("mine/test")
    assert (sample.texts, sample.images[0].load().size) == ({"caption": "a cat"}, (8, 6))
    assert sample.images[0].path == tmp_path / "f/test/1.png"
