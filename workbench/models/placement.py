"""Where a model goes: the CPU, one GPU, or several that hold it together.

Guarantee: what was asked for is what is used, or it is refused with both numbers; nothing is moved
to a disk behind one's back. Layers are spread whole, by accelerate, and only where no GPU holds the
model alone or where several were named. Not for training on several GPUs at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelError, UsageError
from workbench.models.memory import check_memory, free_bytes, gigabytes, needed_bytes
from workbench.models.spec import ModelSpec

# Of what a GPU has free; the rest is for what a prompt needs beside the weights.
SHARE = 0.9


@dataclass(frozen=True)
class Placement:
    """Devices for one model.

    Attributes:
        devices: Those that hold it, in order.
        needed: Bytes of its weights.
    """

    devices: tuple[torch.device, ...]
    needed: int

    @property
    def main(self) -> torch.device:
        """Where prompts go in."""
        return self.devices[0]

    @property
    def words(self) -> str:
        """As `--device` takes it."""
        return ",".join(map(str, self.devices))


def plan(path: Path, spec: ModelSpec) -> Placement:
    """Where a model is to go.

    Args:
        path: A folder that `find_model` checked.
        spec: Its `device` as typed: `auto`, `cpu`, `cuda:1`, `cuda:0,cuda:1`, `balanced`.

    Raises:
        UsageError: A device named twice, or the CPU among GPUs.
        ModelError: No such device, or not enough memory; both numbers are said.
    """
    devices = candidates(spec.device)
    first = devices[0]
    if spec.device == "auto" and len(devices) > 1:
        for device in devices:
            if (needed := needed_bytes(path, spec, device)) <= (free_bytes(device) or 0) * SHARE:
                return Placement((device,), needed)
    if len(devices) == 1:
        return Placement(devices, check_memory(path, spec, first))
    needed = needed_bytes(path, spec, first)
    free = sum(int((free_bytes(device) or 0) * SHARE) for device in devices)
    if needed > free:
        raise ModelError(
            f"the weights in {path} take {gigabytes(needed)}, and {len(devices)} GPUs "
            f"({', '.join(map(str, devices))}) have {gigabytes(free)} for them",
            hint="try --quantization 4bit, or free memory",
            kind="out_of_memory",
        )
    return Placement(devices, needed)


def candidates(name: str) -> tuple[torch.device, ...]:
    """The devices that `--device` names: one, or several to choose among or to spread over.

    Raises:
        UsageError, ModelError: As `plan`.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = tuple(torch.device("cuda", index) for index in range(count))
    if name == "auto":
        return gpus or (torch.device("cpu"),)
    if name == "balanced":
        if not gpus:
            raise ModelError(
                "--device balanced spreads a model over GPUs, and there is none",
                hint="`auto` and `cpu` always work",
            )
        return gpus
    named = [part.strip() for part in name.split(",")]
    devices = tuple(_checked(part, count) for part in named)
    twice = len(set(devices)) < len(devices)
    if len(devices) > 1 and (twice or any(device.type != "cuda" for device in devices)):
        raise UsageError(
            f"--device wants one device, or several GPUs each named once; got {name!r}",
            hint="such as cuda:0,cuda:1",
            kind="bad_knob",
        )
    return devices


def _checked(name: str, count: int) -> torch.device:
    try:
        device = torch.device(name)
        if device.type == "cuda":
            device = torch.device("cuda", device.index or 0)
            if device.index >= count:
                raise RuntimeError("there is no such GPU")
        else:
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device {name!r} cannot be used: {str(error).splitlines()[0]}",
            hint=f"there are {count} GPUs; `auto` and `cpu` always work",
        ) from error
    return device


def loading_arguments(words: str, quantized: bool) -> dict[str, Any]:
    """What `from_pretrained` takes for a placement.

    Args:
        words: `Placement.words`.
        quantized: Whether weights are quantised on the way, which needs a map on a CPU too.
    """
    devices = [torch.device(name) for name in words.split(",")]
    if len(devices) > 1:
        budget = {d.index: int((free_bytes(d) or 0) * SHARE) for d in devices}
        return {"device_map": "balanced", "max_memory": budget}
    if quantized or devices[0].type != "cpu":
        return {"device_map": {"": devices[0]}}
    return {}


def input_device(model: Any, main: torch.device) -> torch.device:
    """Where a spread model's prompts go in: where its embeddings lie."""
    device = model.get_input_embeddings().weight.device
    return main if device.type == "meta" else device


def devices_of(model: Any, main: torch.device) -> tuple[torch.device, ...]:
    """The devices that hold a loaded model."""
    spread = getattr(model, "hf_device_map", None) or {}
    found = dict.fromkeys(torch.device(place) for place in spread.values() if place != "disk")
    return tuple(found) or (main,)


def gpu_ids(devices: Sequence[torch.device]) -> list[str]:
    """What GPUs are called by every process, whichever of them it may see: their UUIDs."""
    return [
        str(torch.cuda.get_device_properties(device).uuid)
        for device in devices
        if device.type == "cuda"
    ]


def wanted_gpus(spec: ModelSpec) -> list[str]:
    """The GPUs that loading a model would use, were nobody in its way.

    Raises:
        UnknownName, ModelError: As `find_model` and `plan`, but for a lack of memory.
    """
    from workbench.models.locate import find_model

    if all(device.type == "cpu" for device in candidates(spec.device)):
        return []
    try:
        return gpu_ids(plan(find_model(spec.model, spec.revision), spec).devices)
    except ModelError as error:
        if error.kind != "out_of_memory":
            raise
        return gpu_ids(candidates(spec.device))
