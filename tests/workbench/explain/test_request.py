"""The engine's endpoint: a dict in, a dict out."""

import base64
import json

import pytest

from tests.workbench.models.tiny import ask, picture
from workbench.errors import Cancelled, UsageError
from workbench.explain.explain import explain
from workbench.explain.request import explain_request, read_messages
from workbench.explain.result import Explanation
from workbench.sample import Message

IMAGE = picture(64, 48, 1)
MESSAGES = ask("is it red", IMAGE)


def wire(ref):
    url = "data:image/png;base64," + base64.b64encode(ref.data).decode()
    return [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": "is it red"},
            ],
        }
    ]


def test_messages_of_the_chat_protocol_and_our_own_say_the_same(tiny):
    one = explain_request(tiny, {"messages": wire(IMAGE), "answer": "true"})
    two = explain_request(tiny, {"messages": MESSAGES, "answer_text": "true", "token": 0})
    assert one["images"] == two["images"]
    assert one["identity"] == tiny.identity
    assert "tokens" not in one
    assert json.loads(json.dumps(one))["images"][0]["grid"] == [6, 8]


def test_a_reply_reads_back_as_the_explanation(tiny):
    reply = explain_request(tiny, {"messages": MESSAGES, "answer": "true", "method": "layercam"})
    made = explain(tiny, MESSAGES, "true", method="layercam")
    again = Explanation.from_json(reply)
    assert (again.method, again.layer, again.target) == (made.method, made.layer, made.target)
    assert again.hottest == made.hottest


def test_all_tokens_come_in_one_reply_that_is_also_the_first_s(tiny):
    body = {"messages": MESSAGES, "answer": "true false yes", "token": "all"}
    reply = explain_request(tiny, body)
    count = len(tiny.tokenizer("true false yes")["input_ids"])
    assert [one["token"] for one in reply["tokens"]] == list(range(count))
    assert reply["images"] == reply["tokens"][0]["images"]
    some = explain_request(tiny, body | {"token": [2, 0]})
    assert [one["token"] for one in some["tokens"]] == [2, 0]


def test_generated_ids_stand_over_the_text(tiny):
    ids = tiny.tokenizer("yes no")["input_ids"]
    reply = explain_request(tiny, {"messages": MESSAGES, "answer": "?", "answer_ids": ids})
    assert reply["token_text"] == tiny.piece(ids[0])
    unknown = explain_request(tiny, {"messages": MESSAGES, "answer": "true", "answer_ids": [-1]})
    assert unknown["token_text"] == tiny.piece(tiny.tokenizer("true")["input_ids"][0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"answer": "true"}, "no messages"),
        ({"messages": MESSAGES}, "answer is empty"),
        ({"messages": MESSAGES, "answer": "a", "opacty": 1}, "opacty"),
        ({"messages": MESSAGES, "answer": "a", "token": "last"}, "token"),
        ({"messages": MESSAGES, "answer": "a", "steps": "many"}, "steps"),
        ({"messages": MESSAGES, "answer": "a", "method": 7}, "method"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}], "answer": "a"}, "audio"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": "http://127.0.0.1/x"}}
                        ],
                    }
                ],
                "answer": "a",
            },
            "image_url",
        ),
    ],
)
def test_a_wrong_request_is_refused_by_name(tiny, body, words):
    with pytest.raises(UsageError, match=words):
        explain_request(tiny, body)


def test_a_cancelled_request_stops(tiny):
    body = {"messages": MESSAGES, "answer": "true", "method": "integrated"}
    with pytest.raises(Cancelled):
        explain_request(tiny, body, cancelled=lambda: True)


def test_plain_strings_are_messages_too():
    assert read_messages([{"role": "system", "content": "be brief"}]) == (
        Message("system", ("be brief",)),
    )
