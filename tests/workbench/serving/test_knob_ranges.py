"""One table says what each knob may be; whoever takes knobs refuses the rest in its words."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import pytest
from PIL import Image

from tests.workbench.models.tiny import picture
from workbench.app.explore.knobs import read_knobs
from workbench.errors import ImageError, UsageError
from workbench.explain.settings import ExplainSettings
from workbench.images.decode import TOGETHER
from workbench.inference.decoding import Decoding
from workbench.knobs import LONGEST_LABEL, LONGEST_STOP, MOST_LABELS, MOST_STOPS, RANGES, Range
from workbench.notebook.arguments import decoding_from
from workbench.serving.protocol import read_chat

DECODING = [f for f in RANGES if f in Decoding.__dataclass_fields__]
HEATMAP = [f for f in RANGES if f in ExplainSettings.__dataclass_fields__]
NEVER = [math.nan, math.inf, -math.inf, "1", True, [1], 1e300, -1]


def allowed(span: Range) -> list[Any]:
    kind = int if span.whole else float
    found = [kind(span.low), kind(span.high)]
    inside = [(span.low + span.high) / 2] if not span.whole else [int(span.low) + 1]
    found = [v for v in found + inside if span.holds(v)]
    return found + ([0] if span.zero else [])


def refused(span: Range) -> list[Any]:
    outside = [span.low - 1, span.high + 1]
    if span.whole:
        outside = [int(span.low) - 1, int(span.high) + 1, 1.5, 10**400, 2.0]
    outside += [span.low] if span.above else []
    outside += [span.high] if span.below else []
    return [v for v in (*outside, *NEVER) if not (span.zero and v == 0 and v is not False)]


def body(**knobs: Any) -> dict[str, Any]:
    """A request as it arrives: numbers have been through JSON."""
    asked = {"model": "demo", "messages": [{"role": "user", "content": "one"}], **knobs}
    return json.loads(json.dumps(asked))


@pytest.mark.parametrize("name", DECODING)
def test_command_notebook_bench_and_server_take_the_same_values(name):
    flag = f"--{name.replace('_', '-')}"
    word = {"max_new_tokens": "max_tokens"}.get(name, name)
    logprobs = {"logprobs": True} if name == "top_logprobs" else {}
    for value in allowed(RANGES[name]):
        assert getattr(Decoding.from_json({name: value}), name) == value
        assert getattr(decoding_from({name: value}), name) == value
        assert getattr(read_chat(body(**{word: value}, **logprobs)).decodings[0], name) == value
        if name != "top_logprobs":
            assert read_knobs({name: str(value)})[1] == {}
    for value in refused(RANGES[name]):
        for read in (Decoding.from_json, decoding_from):
            with pytest.raises(UsageError, match=RANGES[name].wants.replace("^", r"\^")) as caught:
                read({name: value})
            assert flag in caught.value.message and len(caught.value.message) < 300
        with pytest.raises(UsageError, match=RANGES[name].wants.replace("^", r"\^")):
            read_chat(body(**{word: value}, **logprobs))
        if name != "top_logprobs" and isinstance(value, (int, float)) and value not in (True, 2.0):
            assert name in read_knobs({name: str(value)})[1]


@pytest.mark.parametrize("name", HEATMAP)
def test_knobs_of_heatmaps_have_their_ranges_too(name):
    for value in allowed(RANGES[name]):
        assert getattr(ExplainSettings.from_json({name: value}), name) == value
    for value in refused(RANGES[name]):
        with pytest.raises(UsageError, match=name):
            ExplainSettings.from_json({name: value})


@pytest.mark.parametrize("text", ["1e999", "-1e999", "NaN", "0", "17", "-3", "2.5", '"4"', "true"])
def test_a_request_for_an_impossible_number_of_answers_is_refused_by_name(text):
    with pytest.raises(UsageError, match="n wants a whole number from 1 to 16") as caught:
        read_chat(json.loads(json.dumps(body())[:-1] + f', "n": {text}}}'))
    assert caught.value.kind == "bad_knob"


def test_too_many_or_too_long_stop_strings_and_labels_are_refused():
    most = ["x" * LONGEST_STOP] * MOST_STOPS
    assert len(read_chat(body(stop=most)).decodings[0].stop) == MOST_STOPS
    for stop in ([*most, "y"], ["x" * (LONGEST_STOP + 1)], [""], [1], 5, {"a": 1}):
        with pytest.raises(UsageError, match="stop"):
            read_chat(body(stop=stop))
    words = ["x" * LONGEST_LABEL] * MOST_LABELS
    assert len(read_chat(body(labels=words)).labels) == MOST_LABELS
    for labels in ([*words, "y"], ["x" * (LONGEST_LABEL + 1)], [1], "word", 5):
        with pytest.raises(UsageError, match="labels"):
            read_chat(body(labels=labels))


def test_the_seeds_of_several_answers_stay_in_range():
    with pytest.raises(UsageError, match="--seed"):
        read_chat(body(seed=2**63 - 1, n=2))


def png(width: int, height: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def test_images_of_one_request_have_one_budget_of_pixels(monkeypatch):
    monkeypatch.setenv("WB_MAX_PIXELS", "10000")
    good = [png(100, 100)] * TOGETHER
    assert (
        len(read_chat(body(messages=[{"role": "user", "content": good}])).messages[0].images) == 4
    )
    turns = [
        {"role": "user", "content": [*good]},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": [png(1, 1)]},
    ]
    with pytest.raises(ImageError, match=r"5 images have 40,001 pixels together; at most 40,000"):
        read_chat(body(messages=turns))


def test_small_requests_are_left_alone():
    url = "data:image/png;base64," + base64.b64encode(picture().read()).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, "one"]
    assert read_chat(body(messages=[{"role": "user", "content": content}])).messages
