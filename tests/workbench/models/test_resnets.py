"""ResNets: torchvision's weights give torchvision's features; others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from workbench.errors import ModelError, UsageError
from workbench.models.two_stage.resnets import load_resnet, resnet_config


def saved(folder: Path, name: str) -> tuple[torch.nn.Module, Path]:
    import torchvision

    torch.manual_seed(0)
    model = getattr(torchvision.models, name)().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    file = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
    return model, file


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvisions_weights_give_torchvisions_feature_maps(name: str, tmp_path: Path) -> None:
    theirs, file = saved(tmp_path, name)
    ours, _ = load_resnet(str(file))
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = ours(pixels, output_hidden_states=True).hidden_states
        state = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(pixels))))
        for number, layer in enumerate(("layer1", "layer2", "layer3", "layer4"), start=1):
            state = getattr(theirs, layer)(state)
            torch.testing.assert_close(found[number], state, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_file_with_a_tensor_missing_or_of_no_resnet_is_refused(tmp_path: Path) -> None:
    model, file = saved(tmp_path, "resnet18")
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    del state["layer3.0.conv1.weight"]
    save_file(state, file)
    with pytest.raises(ModelError, match=r"stages\.2\.layers\.0\.layer\.0\.convolution"):
        load_resnet(str(file))
    save_file({"weight": torch.zeros(2)}, file)
    with pytest.raises(ModelError, match="no ResNet"):
        load_resnet(str(file))


def test_width_scales_the_channels_in_steps_of_eight() -> None:
    config = resnet_config("resnet18", 0.25)
    assert (config.embedding_size, config.hidden_sizes) == (16, [16, 32, 64, 128])
    assert resnet_config("resnet50").hidden_sizes == [256, 512, 1024, 2048]
    for name, width in (("resnet51", 1.0), ("resnet50", 0.0)):
        with pytest.raises(UsageError):
            resnet_config(name, width)
