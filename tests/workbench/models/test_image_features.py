"""A picture's features are the mean of the vision tower's last layer, and nothing after it runs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workbench.models.tiny import ask, picture
from workbench.errors import Cancelled, ModelError
from workbench.explain import features
from workbench.explain.capture import capture
from workbench.explain.features import image_features
from workbench.explain.geometry import lay_out
from workbench.explain.prepare import prepare
from workbench.explain.targets import Target
from workbench.models.base import LoadedModel
from workbench.sample import ImageRef

pytestmark = pytest.mark.slow
PICTURES = [picture(40, 40, 1), picture(96, 32, 2), picture(48, 80, 3), picture(100, 30, 6)]


@pytest.fixture
def seeing(model: LoadedModel) -> LoadedModel:
    if limit := model.family.limits.get("gradcam"):
        with pytest.raises(ModelError, match=limit):
            image_features(model, PICTURES)
        pytest.skip("it has no vision tower that is known here, and says so")
    return model


def test_features_are_the_mean_over_the_places_that_a_heat_map_reads(seeing: LoadedModel) -> None:
    made = image_features(seeing, PICTURES[:1])
    prepared = prepare(seeing, ask("image", PICTURES[0]), [7], 0)
    held = capture(seeing, prepared, [made.layer], [(0, Target("logit", 7))], gradients=False)
    values = held.activations[made.layer]
    order = seeing.family.row_order(seeing, prepared.inputs, made.layer)
    values = values if order is None else values[order.numpy()]
    assert sum(s.places(made.layer) for s in prepared.spans) == len(values)
    assert lay_out(seeing, prepared, made.layer, held.activations[made.layer])
    np.testing.assert_allclose(made.vectors[0], values.mean(0), rtol=1e-4, atol=1e-5)


def test_a_picture_has_the_same_features_in_every_batch(
    seeing: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = image_features(seeing, PICTURES).vectors
    monkeypatch.setattr(features, "AT_ONCE", 1)
    alone = image_features(seeing, PICTURES).vectors
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)
    assert len({row.tobytes() for row in alone}) == len(PICTURES)


def test_the_language_model_does_not_run(seeing: LoadedModel) -> None:
    ran = []
    rest = {n: m for n, m in seeing.family.layers(seeing).items() if not n.startswith("patch.")}
    handles = [m.register_forward_hook(lambda *_: ran.append(1)) for m in rest.values()]
    try:
        image_features(seeing, PICTURES[:2])
    finally:
        for handle in handles:
            handle.remove()
    assert ran == []


def test_a_picture_that_cannot_be_read_costs_its_own_vector_alone(seeing: LoadedModel) -> None:
    broken = ImageRef(data=b"no picture", name="broken.png")
    made = image_features(seeing, [PICTURES[0], broken, PICTURES[1]])
    assert "broken.png" in made.errors[1] and list(made.errors) == [1]
    assert np.isnan(made.vectors[1]).all() and np.isfinite(made.vectors[[0, 2]]).all()


def test_features_can_be_cancelled_between_passes(seeing: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        image_features(seeing, PICTURES, cancelled=lambda: True)
