"""Whatever an answer depends on, and whichever of it changes, the key is another one."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from workbench.data.image_ids import ImageIds
from workbench.evaluation import answer_key as keys
from workbench.evaluation.answer_key import answer_key, scope_digest, scope_of
from workbench.inference.decoding import Decoding
from workbench.sample import ImageRef, Message

RED, BLUE = ImageRef(data=b"red", name="1.png"), ImageRef(data=b"blue", name="1.png")
ASKED = (Message("system", ("be short",)), Message("user", (RED, "what is it?")))
WARM = Decoding(temperature=0.7)


def key(conversation=ASKED, decoding=WARM, words=("yes", "no"), scope="s") -> str | None:
    return answer_key(scope, conversation, decoding, words, ImageIds().of_image)


def test_the_same_question_has_the_same_key_whatever_a_picture_is_called():
    other = (ASKED[0], Message("user", (replace(RED, name="2.png"), "what is it?")))
    assert key() == key(other) is not None


@pytest.mark.parametrize(
    "conversation",
    [
        (ASKED[1],),
        (Message("system", ("be brief",)), ASKED[1]),
        (Message("user", ("be short",)), ASKED[1]),
        (ASKED[0], Message("user", (BLUE, "what is it?"))),
        (ASKED[0], Message("user", ("what is it?", RED))),
        (ASKED[0], Message("user", (RED, RED, "what is it?"))),
        (ASKED[0], Message("user", (RED, "what is it? "))),
        (ASKED[0], Message("user", (RED, "what", " is it?"))),
        (ASKED[0], Message("user", (RED, "what is\ud800 it?"))),
        (ASKED[0], Message("user", ("what is it?",))),
        (ASKED[0], Message("user", (RED,)), Message("user", ("what is it?",))),
        (*ASKED, Message("assistant", ("a",))),
    ],
)
def test_another_turn_text_or_picture_is_another_key(conversation):
    assert key(conversation) != key()


def test_a_text_that_spells_a_picture_is_none():
    name = ImageIds().of_image(RED)
    assert key((Message("user", (RED,)),)) != key((Message("user", (name,)),))


@pytest.mark.parametrize("knob", [field.name for field in fields(Decoding)])
def test_every_knob_is_in_the_key(knob):
    others = {
        "temperature": 0.8,
        "top_p": 0.5,
        "top_k": 3,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
        "num_beams": 2,
        "max_new_tokens": 3,
        "stop": (".",),
        "seed": 1,
        "top_logprobs": 0,
    }
    plain = Decoding()
    assert key(decoding=replace(plain, **{knob: others[knob]})) != key(decoding=plain)


@pytest.mark.parametrize("words", [(), ("yes",), ("no", "yes"), ("yes", "No")])
def test_other_labels_are_another_key(words):
    assert key(words=words) != key()


def test_what_a_picture_holds_must_be_known(tmp_path: Path):
    for ref in (ImageRef(url="https://a.example/1.png"), ImageRef(path=tmp_path / "gone.png")):
        assert key((Message("user", (ref, "what?")),)) is None


def test_a_file_whose_bytes_changed_is_another_key(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"red")
    asked = (Message("user", (ImageRef(path=tmp_path / "a.png"), "what?")),)
    before = key(asked)
    (tmp_path / "a.png").write_bytes(b"ref")
    assert before != key(asked) is not None


def test_another_scope_is_another_key():
    assert key(scope="t") != key()


def test_every_fact_of_a_scope_but_a_name_is_in_its_digest(tiny):
    scope = scope_of(tiny)
    digest = scope_digest(scope)
    assert scope_digest(scope_of(tiny)) == digest
    for name, value in scope.items():
        changed = scope_digest({**scope, name: [value, "other"]})
        # Where a model's files lie matters not: their bytes are in its identity.
        assert (changed == digest) == (name in ("model", "adapter")), name


def test_the_scope_holds_what_the_model_is_and_how_it_computes(tiny, monkeypatch):
    import torch

    scope = scope_of(tiny)
    assert scope["identity"] == tiny.identity
    assert (scope["dtype"], scope["attention"]) == ("float32", ["sdpa", "sdpa"])
    assert scope["devices"][0].startswith("cpu ")
    assert {"torch", "transformers", "tokenizers"} <= set(scope["packages"])
    assert "unreadable" not in scope["switches"].values()

    monkeypatch.setattr(tiny, "identity", "of other weights")
    assert scope_of(tiny)["identity"] == "of other weights"
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert scope_of(tiny)["switches"] != scope["switches"]
    finally:
        torch.set_float32_matmul_precision(before)


def test_code_that_changed_is_another_scope(tiny, tmp_path: Path, monkeypatch):
    before = scope_digest(scope_of(tiny))
    monkeypatch.setattr(keys, "_COMPUTES", ("models", "inference"))
    keys._code.cache_clear()
    try:
        assert scope_digest(scope_of(tiny)) != before
    finally:
        keys._code.cache_clear()
    (tmp_path / "a.py").write_text("x = 1")
    one = keys._source([tmp_path / "a.py"])
    (tmp_path / "a.py").write_text("x = 2")
    assert keys._source([tmp_path / "a.py"]) != one


def test_the_code_of_a_plug_in_counts(tmp_path: Path, monkeypatch):
    (tmp_path / "plugged_family.py").write_text("class Plugged: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import plugged_family  # type: ignore[import-not-found]

    one = keys._plugged(plugged_family.Plugged)
    (tmp_path / "plugged_family.py").write_text("class Plugged: x = 1\n")
    assert one != keys._plugged(plugged_family.Plugged)
    assert one != ""
