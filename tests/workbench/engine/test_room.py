"""Room on a GPU is made by asking the engine, and by nothing else."""

import pytest

from workbench.engine import room
from workbench.errors import EngineError


class Running:
    """An engine whose model lies where it is told."""

    def __init__(self, device):
        self.model = {"device": device} if device else None
        self.released = 0

    def status(self):
        return {"model": self.model}

    def release_gpu(self):
        self.released += 1


@pytest.mark.parametrize(
    ("device", "wanted", "released"),
    [("cuda:0", "cuda", 1), ("cuda:0", "cpu", 0), ("cpu", "cuda", 0), (None, "cuda", 0)],
)
def test_the_engine_lets_go_of_a_gpu_that_another_process_wants(
    monkeypatch, device, wanted, released
):
    engine = Running(device)
    monkeypatch.setattr(room.Engine, "connect", lambda **_: engine)
    assert room.make_room(wanted) is bool(released)
    assert engine.released == released


def test_no_engine_is_started_to_be_asked(monkeypatch):
    def connect(*, start):
        assert not start
        raise EngineError("no engine is running", hint="start it", kind="engine_off")

    monkeypatch.setattr(room.Engine, "connect", connect)
    assert room.make_room("cuda") is False
