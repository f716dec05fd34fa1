"""Flips by hand, and what is right throughout."""

from __future__ import annotations

import pytest

from workbench.evaluation.invariance import flips_of, right_throughout


def lines(labels: str) -> list[dict]:
    """`y`, `n`, `?` for unparsed and `!` for failed; all targets are yes."""
    words = {"y": "yes", "n": "no", "?": None, "!": None}
    return [
        {"uid": f"d/t/{i}", "target": "yes", "label": words[each], "correct": each == "y"}
        | {"error": {"kind": "bad_image", "message": ""} if each == "!" else None}
        for i, each in enumerate(labels)
    ]


def test_a_flip_is_another_label_and_failed_samples_are_left_out():
    found = flips_of("images", "r", lines("yyn?!y"), lines("nyn?yy"))
    assert (found.rate.value, found.rate.n) == (pytest.approx(1 / 5), 5)
    assert found.uids == ("d/t/0",)
    assert flips_of("images", "r", lines("?"), lines("n")).rate.value == 1.0
    assert flips_of("images", "r", lines("!"), lines("y")).rate.value is None


def test_right_throughout_is_right_in_every_run():
    assert right_throughout([lines("yyny"), lines("ynny"), lines("yyy!")]).value == 1 / 4
