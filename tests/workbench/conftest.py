"""The tiny random model, built once for all tests of the core."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Qwen2-VL of a million parameters."""
    from tests.workbench.models.tiny import build_qwen2_vl

    return build_qwen2_vl(tmp_path_factory.mktemp("tiny") / "qwen2-vl")


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path):
    """That model, loaded; tests leave it without an adapter."""
    import torch

    from workbench.models.base import load_model
    from workbench.models.spec import ModelSpec

    torch.set_num_threads(1)
    return load_model(ModelSpec(str(tiny_folder), device="cpu"))
