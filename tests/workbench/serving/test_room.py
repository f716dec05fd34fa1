"""Room on a GPU is made by asking the engine, and only where it is in the way."""

import pytest

from workbench.errors import EngineError
from workbench.models import placement
from workbench.models.spec import ModelSpec
from workbench.serving import release_gpu


class Running:
    """An engine whose model lies on the GPUs that it is told."""

    def __init__(self, gpus):
        self.model = {"gpus": gpus} if gpus is not None else None
        self.released = 0

    def status(self):
        return {"model": self.model}

    def release_gpu(self):
        self.released += 1


@pytest.mark.parametrize(
    ("held", "wanted", "released"),
    [
        (["gpu-a"], ["gpu-a"], 1),
        (["gpu-a"], ["gpu-b"], 0),  # another GPU: it is not in the way
        (["gpu-a", "gpu-b"], ["gpu-b"], 1),  # a model that lies on both
        (["gpu-b"], ["gpu-a", "gpu-b"], 1),
        (["gpu-a"], [], 0),
        ([], ["gpu-a"], 0),
        (None, ["gpu-a"], 0),
    ],
)
def test_the_engine_lets_go_of_a_gpu_that_another_process_wants(
    monkeypatch, held, wanted, released
):
    engine = Running(held)
    monkeypatch.setattr(release_gpu.Engine, "connect", lambda **_: engine)
    monkeypatch.setattr(placement, "wanted_gpus", lambda spec: wanted)
    assert release_gpu.release_gpu(ModelSpec()) is bool(released)
    assert engine.released == released


def test_no_engine_is_started_to_be_asked(monkeypatch):
    def connect(*, start):
        assert not start
        raise EngineError("no engine is running", hint="start it", kind="engine_off")

    monkeypatch.setattr(release_gpu.Engine, "connect", connect)
    monkeypatch.setattr(placement, "wanted_gpus", lambda spec: ["gpu-a"])
    assert release_gpu.release_gpu(ModelSpec()) is False


def test_without_a_gpu_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(release_gpu.Engine, "connect", lambda **_: pytest.fail("asked"))
    assert release_gpu.release_gpu(ModelSpec(device="cpu")) is False
