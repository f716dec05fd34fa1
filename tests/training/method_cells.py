"""A method trained on a small model of a family, for the tests of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tests.workbench.models.family_cases import ANSWER, prompts
from training.config_groups import LoraSettings
from training.lora import save_adapter
from training.methods import attach, plan
from training.train_config import TrainConfig
from training.trainer import answer_loss
from training.whole import save_model
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec

VERA = {"peft_type": "VERA", "r": 16}
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"method": "lora", "lora": LoraSettings(r=4, rslora=True)},
    "qlora": {"method": "lora", "lora": LoraSettings(r=4), "quantization": "4bit"},
    "dora": {"method": "lora", "lora": LoraSettings(r=4, dora=True)},
    "pissa": {"method": "lora", "lora": LoraSettings(r=4, init="pissa")},
    "ia3": {"method": "ia3"},
    "bitfit": {"method": "bitfit", "parts": ("language", "projector", "vision")},
    "pfeiffer": {"method": "adapter", "adapter_reduction": 8},
    "houlsby": {
        "method": "adapter",
        "adapter_style": "houlsby",
        "adapter_nonlinearity": "gelu",
        "parts": ("language", "vision"),
    },
    "prefix": {"method": "prefix_tuning", "num_virtual_tokens": 5},
    "projected": {
        "method": "prefix_tuning",
        "num_virtual_tokens": 4,
        "prefix_projection": True,
    },
    "prompt": {"method": "prompt_tuning", "num_virtual_tokens": 5},
    "full": {"method": "full"},
    "vera": {"method": "peft", "peft": VERA},
}
# What cannot be written into the base's weights, by the words of the refusal.
UNMERGED = {"pfeiffer": "fits in no weight", "houlsby": "fits in no weight"}
UNMERGED["qlora"] = "the weights are 4bit"
UNMERGED |= dict.fromkeys(("prefix", "projected", "prompt"), "stands beside the weights")
# Where PEFT's own wrapper loses what a prompt needs: positions of images, the types of a prompt's
# tokens (a prefix too shifts PaliGemma's mask), or the ids that say where images stand.
PEFT_DIFFERS = {
    *(("prefix", "qwen2_vl"), ("prefix", "qwen2_5_vl"), ("prefix", "paligemma")),
    *(("prompt", "qwen2_vl"), ("prompt", "qwen2_5_vl")),
    *(("prompt", "paligemma"), ("prompt", "two_stage")),
}
# AdamW's, so that six steps teach something; 3e-2 for the others.
RATES = dict.fromkeys(("lora", "qlora", "dora"), 5e-3) | dict.fromkeys(("full", "pissa"), 3e-3)
RATES |= {"ia3": 0.1, "vera": 0.1, "prefix": 0.3, "prompt": 0.1}
STEPS = 6


@dataclass
class Cell:
    """One method on one family.

    Attributes:
        folder: The base's.
        out: Where what was trained is saved.
        model: In training form.
        losses: Of each step.
        taught: Logits after the last step.
    """

    family: str
    method: str
    folder: Path
    out: Path
    loaded: Any = None
    model: Any = None
    batch: Any = None
    losses: list[float] = field(default_factory=list)
    taught: Any = None
    before: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def config(self) -> TrainConfig:
        return TrainConfig(
            train=("-",), model=str(self.folder), device="cpu", **METHODS[self.method]
        )

    @cached_property
    def fresh(self) -> LoadedModel:
        """A base loaded anew, with what was saved."""
        if self.method == "full":
            return load_model(ModelSpec(str(self.out), device="cpu"))
        return load_model(replace(self.config.spec, adapter=str(self.out)))

    def loss(self) -> torch.Tensor:
        logits = self.model(**self.batch.inputs, use_cache=False).logits
        return answer_loss(logits, self.batch.labels(), None)

    def gradients(self) -> dict[str, torch.Tensor]:
        """Of the loss, by the names of what trains."""
        self.model.zero_grad()
        self.loss().backward()
        trained = {n: p.grad for n, p in self.model.named_parameters() if p.requires_grad}
        return {name: grad.clone() for name, grad in trained.items() if grad is not None}


def teach(family: str, method: str, folder: Path, out: Path) -> Cell:
    """Train on two samples that are shown again and again, and save."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cell = Cell(family, method, folder, out)
    planned = plan(cell.config)
    cell.loaded = load_model(cell.config.spec)
    cell.before = {n: p.detach().clone() for n, p in cell.loaded.base.named_parameters()}
    cell.model = attach(cell.loaded, cell.config, planned)
    asked = prompts(family)[:2]
    cell.batch = cell.loaded.family.encode(cell.loaded, asked, answers=[ANSWER, "yes"])
    train = [p for p in cell.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(train, lr=RATES.get(method, 3e-2), weight_decay=0.0)
    for _ in range(STEPS):
        loss = cell.loss()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cell.losses.append(float(loss.detach()))
    cell.model.eval()
    cell.taught = logits(cell.model, cell.batch)
    if method == "full":
        save_model(cell.loaded, out)
    else:
        save_adapter(cell.model, out, str(folder))
    return cell


@torch.no_grad()
def logits(model: Any, batch: Any) -> torch.Tensor:
    return model(**batch.inputs).logits
