"""The shipped model's maps point at what a question names; docs/explain.md has the whole table."""

import numpy as np
import pytest

from benchmarks.localisation import questions
from workbench.explain.explain import explain
from workbench.explain.pointing import box_share, points_at
from workbench.explain.settings import ExplainSettings
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import default_template

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo():
    return load_model(ModelSpec("demo", device="cpu"))


def share(demo, settings, limit):
    hits = [
        points_at(
            explain(demo, default_template("question").render(sample), "yes", settings=settings),
            0,
            box,
        )
        for sample, box in questions(limit, "test", "existence")
    ]
    return np.mean(hits)


def test_the_default_map_is_hottest_on_the_object_that_the_question_names(demo):
    assert share(demo, ExplainSettings(), 30) >= 0.8
    chance = [box_share(box, 0, [(64, 64)]) for _, box in questions(30, "test", "existence")]
    assert np.mean(chance) < 0.15


def test_occlusion_is_hottest_there_too(demo):
    control = ExplainSettings("occlusion", baseline="border", window=16, stride=8, batch_size=81)
    assert share(demo, control, 8) >= 0.75
