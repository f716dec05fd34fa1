"""JSON documents that are one dictionary: records by key, lists by column, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import mine, samples
from workbench.data.source import get_sample
from workbench.errors import DataError

RECORDS = {
    "q0": {"question": "caf\u00e9?", "answer": "red"},
    "q1": {"question": "what?", "answer": "blue"},
}


@pytest.mark.parametrize("indent", [None, 1])
def test_a_dictionary_of_records_is_a_row_per_key(tmp_path: Path, indent: int | None):
    text = json.dumps(RECORDS, indent=indent, ensure_ascii=False)
    mine(tmp_path, text, "t.json")
    assert [s.uid for s in samples()] == ["mine/t/q0", "mine/t/q1"]
    assert get_sample("mine/t/q1").texts == {"question": "what?"}
    assert get_sample("mine/t/q0").texts == {"question": "caf\u00e9?"}


def test_an_id_in_the_records_goes_before_the_key(tmp_path: Path):
    body = {key: {"id": key + "x", **row} for key, row in RECORDS.items()}
    mine(tmp_path, json.dumps(body), "t.json")
    assert samples()[0].uid == "mine/t/q0x"
    assert samples()[0].metadata == {"__key__": "q0"}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("pandas", [False, True])
def test_a_dictionary_of_columns_is_a_table(tmp_path: Path, indent: int | None, pandas: bool):
    lists = {"id": [7, 8], "question": ["what?", "who?"], "answer": ["red", "blue"]}
    body = {k: {str(i): v for i, v in enumerate(vs)} for k, vs in lists.items()}
    mine(tmp_path, json.dumps(body if pandas else lists, indent=indent), "t.json")
    found = samples()
    assert [(s.uid, s.texts["question"], s.label) for s in found] == [
        ("mine/t/7", "what?", "red"),
        ("mine/t/8", "who?", "blue"),
    ]
    assert get_sample("mine/t/8") == found[1]


def test_one_row_on_one_line_stays_a_row(tmp_path: Path):
    mine(tmp_path, json.dumps({"id": 1, "question": "what?", "box": {"x": 1}}), "t.json")
    assert [s.uid for s in samples()] == ["mine/t/1"]


@pytest.mark.parametrize("body", [{"a": [{"x": 1}], "b": [{"x": 2}]}, {"a": 1, "b": [2]}])
def test_another_dictionary_is_refused_with_what_it_is(tmp_path: Path, body: dict):
    with pytest.raises(DataError, match="more than one list or none|dictionary"):
        mine(tmp_path, json.dumps(body, indent=1), "t.json")


def test_a_dictionary_that_is_cut_off_says_so(tmp_path: Path):
    with pytest.raises(DataError, match="cut off|more than one list"):
        mine(tmp_path, json.dumps(RECORDS, indent=1)[:-20], "t.json")
