"""Each family's small model, built once for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbench.models.make_families import FAMILIES
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec


@pytest.fixture(scope="module", params=FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES[name](tmp_path_factory.mktemp("families") / name)


@pytest.fixture(scope="module")
def shared(folder: Path) -> LoadedModel:
    import torch

    torch.set_num_threads(1)
    return load_model(ModelSpec(str(folder), device="cpu"))


@pytest.fixture
def model(shared: LoadedModel) -> Iterator[LoadedModel]:
    yield shared
    shared.set_adapter(None)


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads weights from here on fails the test."""
    from transformers import PreTrainedModel

    monkeypatch.setattr(PreTrainedModel, "from_pretrained", lambda *_, **__: pytest.fail("read"))
