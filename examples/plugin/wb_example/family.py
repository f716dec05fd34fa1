"""The family of `example_vl`: the weights of a Qwen2-VL, under a `model_type` of its own.

A family of another kind builds on `DecoderFamily` and says where its image tokens lie (`spans`,
`layers`, `to_grid`); `workbench/models/families/` has small ones to begin from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, Qwen2VLConfig, Qwen2VLForConditionalGeneration

from wb_example.known import EXAMPLE_VL
from workbench.models.families.qwen2_vl import Qwen2VL
from workbench.models.loading import load_weights
from workbench.models.spec import ModelSpec


class ExampleConfig(Qwen2VLConfig):
    """What transformers makes of a `config.json` of that type."""

    model_type = "example_vl"


AutoConfig.register("example_vl", ExampleConfig, exist_ok=True)


class ExampleVL(Qwen2VL):
    """Models whose config says `example_vl`."""

    name = "Example-VL"
    model_types = ("example_vl",)
    limits = dict(EXAMPLE_VL.limits)

    def load(
        self, spec: ModelSpec, path: Path, device: torch.device
    ) -> tuple[torch.nn.Module, Any]:
        """The model in evaluation mode and its processor."""
        processor = self.processor(spec, path)
        return load_weights(Qwen2VLForConditionalGeneration, spec, path, device), processor


FAMILY = ExampleVL()
