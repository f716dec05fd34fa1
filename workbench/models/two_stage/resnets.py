"""ResNets by name, by folder, and from torchvision's weights, all as `transformers`' `ResNetModel`.

The networks are the same (version 1.5, the stride in the 3 x 3 convolution): a test holds every
feature map of `torchvision.models` to ours. Only safetensors are read; torchvision's own downloads
are pickles, and `timm/resnet50.tv_in1k` on the hub is the same weights as safetensors.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.errors import ModelError, UsageError
from workbench.models.fitting import refuse_misfit
from workbench.models.loading import explained, load_weights
from workbench.models.locate import existing_path, find_model, read_config
from workbench.models.spec import ModelSpec

_BASIC, _BOTTLENECK = [64, 128, 256, 512], [256, 512, 1024, 2048]
# Name -> (kind of layer, channels and depths of the stages): He et al. 2016, table 1.
RESNETS: dict[str, tuple[str, list[int], list[int]]] = {
    "resnet18": ("basic", _BASIC, [2, 2, 2, 2]),
    "resnet34": ("basic", _BASIC, [3, 4, 6, 3]),
    "resnet50": ("bottleneck", _BOTTLENECK, [3, 4, 6, 3]),
    "resnet101": ("bottleneck", _BOTTLENECK, [3, 4, 23, 3]),
}
_FROM_TORCHVISION = (
    (r"conv1\.(.*)", r"embedder.embedder.convolution.\1"),
    (r"bn1\.(.*)", r"embedder.embedder.normalization.\1"),
    (r"layer(\d)\.(\d+)\.downsample\.0\.(.*)", r"\1.layers.\2.shortcut.convolution.\3"),
    (r"layer(\d)\.(\d+)\.downsample\.1\.(.*)", r"\1.layers.\2.shortcut.normalization.\3"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.(.*)", r"\1.layers.\2.layer.\3.convolution.\4"),
    (r"layer(\d)\.(\d+)\.bn(\d)\.(.*)", r"\1.layers.\2.layer.\3.normalization.\4"),
)


def resnet_config(name: str, width: float = 1.0) -> Any:
    """The config of a ResNet of `RESNETS`, its channels times `width` in steps of 8.

    Raises:
        UsageError: No such name, or channels that come to nothing.
    """
    from transformers import ResNetConfig

    if name not in RESNETS:
        raise UsageError(
            f"there is no ResNet {name!r}", hint=f"they are {', '.join(RESNETS)}", kind="bad_config"
        )
    if not 0 < width <= 4:
        raise UsageError(f"'width' wants a number above 0, at most 4; got {width!r}")
    layer, channels, depths = RESNETS[name]
    sizes = [max(8, round(c * width / 8) * 8) for c in channels]
    stem = max(8, round(64 * width / 8) * 8)
    made: Any = ResNetConfig
    return made(
        embedding_size=stem, hidden_sizes=sizes, depths=depths, layer_type=layer, num_labels=0
    )


def load_resnet(name: str, width: float = 1.0, revision: str | None = None) -> tuple[Any, Any]:
    """A ResNet and the image processor that goes with it.

    Args:
        name: One of `RESNETS` (its weights are drawn), a folder or hub id, or a `.safetensors`
            file of torchvision's or timm's names.
        width: Of a named one; see `resnet_config`.
        revision: Of a hub id.

    Returns:
        The `ResNetModel` without a head, fp32, and an image processor with its size and colours.

    Raises:
        UnknownName, ModelError: There is none of that name, or it is no ResNet.
    """
    from transformers import AutoImageProcessor, ConvNextImageProcessor, ResNetModel

    if name in RESNETS:
        return ResNetModel(resnet_config(name, width)), ConvNextImageProcessor()
    file = existing_path(name)
    if file is not None and file.suffix == ".safetensors":
        return from_torchvision(file), ConvNextImageProcessor()
    path = find_model(name, revision)
    if (found := read_config(path)["model_type"]) != "resnet":
        raise ModelError(
            f"{name} is of model_type {found!r}, not a ResNet",
            hint=f"give one of {', '.join(RESNETS)}, or an id such as microsoft/resnet-50",
            kind="wrong_architecture",
        )
    with explained(path):
        own = AutoImageProcessor.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
    return without_head(name, path), own


def without_head(name: str, path: Path) -> Any:
    """The ResNet of a folder without the head that a classifier has."""
    from transformers import ResNetForImageClassification, ResNetModel

    spec = ModelSpec(name, dtype="fp32", device="cpu", attention="eager")
    named = read_config(path).get("architectures") or ()
    if "ResNetForImageClassification" not in named:
        return load_weights(ResNetModel, spec, path, torch.device("cpu"))
    whole: Any = load_weights(ResNetForImageClassification, spec, path, torch.device("cpu"))
    return whole.resnet


def from_torchvision(file: Path) -> Any:
    """A `ResNetModel` with the weights of a safetensors file in torchvision's names.

    Raises:
        ModelError: They are of no ResNet of `RESNETS`, or some are missing.
    """
    from safetensors.torch import load_file
    from transformers import ResNetModel

    with explained(file):
        given = load_file(file)
    state = {_renamed(key): value for key, value in given.items() if not key.startswith("fc.")}
    depths = [_count(given, rf"layer{n}\.(\d+)\.") for n in (1, 2, 3, 4)]
    layer = "bottleneck" if "layer1.0.conv3.weight" in given else "basic"
    name = next((n for n, (kind, _, d) in RESNETS.items() if (kind, d) == (layer, depths)), None)
    if name is None:
        raise ModelError(
            f"{file} holds no ResNet that is known here (blocks {depths})",
            hint=f"it wants torchvision's names of one of {', '.join(RESNETS)}",
            kind="wrong_architecture",
        )
    model = ResNetModel(resnet_config(name))
    own = model.state_dict()
    counts = {key for key in own if key.endswith("num_batches_tracked")}
    refuse_misfit(
        f"{file} ({name})",
        missing=set(own) - set(state) - counts,
        unexpected=set(state) - set(own),
        shapes={
            key: (tuple(state[key].shape), tuple(own[key].shape))
            for key in set(own) & set(state)
            if state[key].shape != own[key].shape
        },
        hint="give the whole file of a ResNet",
        kind="wrong_architecture",
    )
    model.load_state_dict(state, strict=False)
    return model.eval()


def _renamed(key: str) -> str:
    for pattern, form in _FROM_TORCHVISION:
        if (match := re.fullmatch(pattern, key)) is None:
            continue
        new = match.expand(form)
        if key.startswith("layer"):  # stages and convolutions are counted from 1 there
            stage, _, rest = new.partition(".")
            rest = re.sub(
                r"\.layer\.(\d)\.", lambda m: f".layer.{int(m[1]) - 1}.", f".{rest}"
            ).lstrip(".")
            new = f"encoder.stages.{int(stage) - 1}.{rest}"
        return new
    return key


def _count(state: dict[str, Tensor], pattern: str) -> int:
    numbers = [int(found[1]) for key in state if (found := re.match(pattern, key))]
    return max(numbers, default=-1) + 1
