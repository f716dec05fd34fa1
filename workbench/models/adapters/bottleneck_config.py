"""What a bottleneck adapter's folder says of it, and where in a model its layers go; torch-free.

PEFT has no bottleneck adapters. Their folder looks like one of PEFT's, `adapter_config.json` beside
`adapter_model.safetensors`, under a kind of our own. Not for the layers themselves:
`workbench.models.adapters.bottleneck`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

KIND = "BOTTLENECK"
# Pfeiffer et al. 2020: after the feed-forward block; Houlsby et al. 2019: after attention as well.
STYLES = ("pfeiffer", "houlsby")
NONLINEARITIES = ("relu", "gelu", "silu", "tanh")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

# The layers whose output a block adds to its residual stream, by the names that transformers gives
# them; `output.dense` is ViT's in older checkpoints.
_ATTENTION = re.compile(
    r".*\.\d+\.\w*(?:attn|attention)\w*\.(?:o_proj|out_proj|dense|c_proj|proj|output\.dense)"
)
_FEED_FORWARD = re.compile(r".*\.\d+\.(?:mlp\.(?:down_proj|fc2|c_proj)|output\.dense)")


@dataclass(frozen=True)
class BottleneckConfig:
    """A bottleneck adapter.

    Attributes:
        style: One of `STYLES`.
        reduction_factor: A layer's width is divided by it inside.
        nonlinearity: One of `NONLINEARITIES`.
        layers: The modules of the base that it stands behind.
        base_model_name_or_path: What it was trained over.
    """

    style: str = "pfeiffer"
    reduction_factor: int = 16
    nonlinearity: str = "relu"
    layers: tuple[str, ...] = ()
    base_model_name_or_path: str = ""

    def width(self, size: int) -> int:
        """Of the bottleneck behind a layer of `size` outputs."""
        return max(1, size // self.reduction_factor)

    def write(self, folder: Path) -> None:
        """Put the config into an adapter's folder."""
        values = {"v": 1, "peft_type": KIND, **asdict(self)}
        (folder / CONFIG).write_text(json.dumps(values, indent=2, sort_keys=True), "utf-8")


def places(names: Iterable[str], style: str) -> list[str]:
    """Those of a model's modules that a bottleneck of that style stands behind."""
    patterns = (_ATTENTION, _FEED_FORWARD) if style == "houlsby" else (_FEED_FORWARD,)
    return [name for name in names if any(p.fullmatch(name) for p in patterns)]


def read_bottleneck(path: Path) -> BottleneckConfig | None:
    """The config in an adapter's folder, `None` where the adapter is of another kind.

    Raises:
        ModelError: It is damaged.
    """
    file = path / CONFIG
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    if not isinstance(values, dict) or values.get("peft_type") != KIND:
        return None
    if problem := _problem(values):
        raise ModelError(
            f"{file} is no bottleneck adapter's: {problem}",
            hint="copy the folder again, or train it again",
            kind="adapter_misfit",
        )
    return BottleneckConfig(
        style=values["style"],
        reduction_factor=values["reduction_factor"],
        nonlinearity=values["nonlinearity"],
        layers=tuple(values["layers"]),
        base_model_name_or_path=str(values.get("base_model_name_or_path", "")),
    )


def _problem(values: dict[str, Any]) -> str:
    layers, factor = values.get("layers"), values.get("reduction_factor")
    named = isinstance(layers, list) and layers and all(isinstance(n, str) for n in layers)
    wrong = {
        "v": values.get("v") != 1,
        "style": values.get("style") not in STYLES,
        "nonlinearity": values.get("nonlinearity") not in NONLINEARITIES,
        "reduction_factor": type(factor) is not int or factor < 1,
        "layers": not named,
    }
    return ", ".join(
        f"{name} is {str(values.get(name))[:80]}" for name, bad in wrong.items() if bad
    )
