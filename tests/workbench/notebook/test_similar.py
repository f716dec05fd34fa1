"""Similar samples from Python: a gallery that says how alike they are, and marks leaks."""

from __future__ import annotations

import pytest

from tests.workbench.similar.planted import plant
from workbench import api as wb
from workbench.errors import UsageError


def test_the_planted_picture_is_first_and_marked(tmp_path):
    uids = plant(tmp_path / "pictures")
    found = wb.similar(uids["jpeg"], "pixels", top=3)
    assert [one.uid for one in found][0] == "mine/train/t5" and len(found) == 3
    assert found.neighbours.found[0].leak
    shown = found._repr_mimebundle_()["text/html"]
    assert "leak: near picture" in shown and "train: all 12" in shown
    assert wb.similar(wb.sample(uids["text"]), "text").neighbours.found[0].in_common.text == "same"


def test_a_wrong_measure_or_option_is_refused_by_name(tmp_path):
    uids = plant(tmp_path / "pictures")
    with pytest.raises(UsageError, match="smell"):
        wb.similar(uids["jpeg"], "smell")
    with pytest.raises(UsageError, match="temprature"):
        wb.similar(uids["jpeg"], "text", temprature=1)
