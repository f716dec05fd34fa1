"""What a classification head says, in the answer's panel."""

from __future__ import annotations

from workbench.app.explore.answer import head_line
from workbench.sample import Answer


def test_a_head_has_a_line_with_its_likeliest_classes_first_and_nothing_to_act_on():
    head = {"maybe\x1b[31m": 0.2, "true": 0.7, "false": 0.1}
    assert head_line(Answer("true", head=head)).plain == "head  true 0.70 · maybe 0.20 · false 0.10"
    many = {f"class {i}": i / 45 for i in range(10)}
    assert head_line(Answer("", head=many)).plain.endswith("class 5 0.11 · 5 more")


def test_a_model_without_a_head_has_no_such_line():
    assert head_line(Answer("true")).plain == head_line(None).plain == ""
