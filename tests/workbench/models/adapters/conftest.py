"""A small base for the adapters of a file's tests; each test finds none on it and leaves none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> LoadedModel:
    """A model of the file's own: what is kept over it would stay for other tests."""
    torch.set_num_threads(1)
    return load_model(ModelSpec(str(tiny_folder), device="cpu"))


@pytest.fixture
def model(loaded: LoadedModel) -> Iterator[LoadedModel]:
    """The same, without an adapter before and after."""
    yield loaded
    loaded.set_adapter(None)
