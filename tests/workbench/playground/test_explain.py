"""What is put on record of an explanation, and that it makes the map again."""

from __future__ import annotations

import json
from dataclasses import replace

from sessions.records import GradcamRecord, from_json
from workbench.data.source import get_sample
from workbench.explain.request import explain_request
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.spec import ModelSpec
from workbench.playground.explain import Explained, explained_by, records_of
from workbench.playground.question import question_of
from workbench.playground.record import recorded_spec

UID = "demo/test/000003"


def asked(tiny, **knobs) -> Explained:
    spec = ModelSpec(str(tiny.path), device="cpu", dtype="fp32")
    sample = get_sample(UID)
    question = question_of(sample, spec=spec, decoding=Decoding(max_new_tokens=3), text="a red")
    (answer,) = generate(tiny, [question.messages], question.decoding)
    return Explained(question, answer, token=1, knobs=knobs, prompt_id="p")


def read_back(record: GradcamRecord) -> GradcamRecord:
    read = from_json(json.loads(json.dumps(record.to_json())))
    assert isinstance(read, GradcamRecord)
    return read


def test_a_record_makes_the_same_map_again(tiny):
    wanted = asked(tiny, method="integrated", steps=3, baseline="grey", contrast=None)
    reply = explain_request(tiny, wanted.request())
    (record,) = records_of(wanted, reply)
    assert read_back(record) == record
    assert "heat" not in record.images[0] and record.images[0]["peak"] == reply["images"][0]["peak"]
    assert record.identity == tiny.identity and record.timing["total_s"] > 0
    assert record.environment["dtype"] == tiny.dtype and record.prompt_id == "p"
    again = explained_by(read_back(record))
    assert again.question.messages == wanted.question.messages
    assert again.question.spec == replace(wanted.question.spec, device="auto")
    assert again.answer_ids == wanted.answer_ids and len(record.answer_ids) == 3
    assert again.turned == {"method": "integrated", "steps": 3, "baseline": "grey"}
    assert explain_request(tiny, again.request())["images"] == reply["images"]


def test_each_of_several_tokens_is_a_record_of_its_own(tiny):
    wanted = replace(asked(tiny), token="all")
    records = records_of(wanted, explain_request(tiny, wanted.request()))
    assert [record.token for record in records] == [0, 1, 2]
    assert [explained_by(record).token for record in records] == [0, 1, 2]


def test_a_record_from_before_its_knobs_were_kept_is_explained_by_what_it_says():
    line = {"kind": "gradcam", "id": "x", "ts": "t", "dtype": "float32", "token": 1}
    line |= {"model": "demo", "answer_text": "True", "method": "gradcam", "layer": "patch.last"}
    line |= {"target": "margin", "contrast": "no", "messages": [{"role": "user", "content": "?"}]}
    record = from_json(line)
    assert isinstance(record, GradcamRecord)
    assert recorded_spec(record).dtype == "fp32"
    assert explained_by(record).turned == {
        "method": "gradcam",
        "layer": "patch.last",
        "target": "margin",
        "contrast": "no",
    }
