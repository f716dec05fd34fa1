"""LoRA over a loaded model: which layers, put on, and saved so that `--adapter` takes it at once.

Guarantee: the base's weights are frozen and never written; an adapter folder appears whole or not
at all. Not for using an adapter: `workbench.models.adapters` does that.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.checkpoints import sync_files
from training.train_config import LoraSettings
from workbench.errors import ModelError, UsageError

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

# How the parts of a model that see are called in `transformers`.
_VISION = frozenset(
    {
        *("visual", "vision_tower", "vision_model", "vision", "vision_encoder", "encoder"),
        *("multi_modal_projector", "connector", "image_newline", "merger"),
        *("image_encoder", "image_projector"),
    }
)


def linear_layers(model: Any) -> dict[str, str]:
    """Name of every linear layer that LoRA can be put on -> `language` or `vision`.

    The output embedding is left out: it is tied to the input's in most models.
    """
    output = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    found: dict[str, str] = {}
    for name, module in model.named_modules():
        # bitsandbytes' layers derive from nn.Linear too; convolutions are not meant.
        if module is output or not _is_linear(module) or name.rpartition(".")[2] == "lm_head":
            continue
        found[name] = "vision" if set(name.split(".")) & _VISION else "language"
    return found


def _is_linear(module: Any) -> bool:
    from torch import nn

    return isinstance(module, nn.Linear)


def choose_layers(model: Any, target: str | Sequence[str]) -> list[str]:
    """The names of the layers that a config means.

    Raises:
        UsageError: A name in the list fits no linear layer.
    """
    layers = linear_layers(model)
    if isinstance(target, str):
        return [name for name, part in layers.items() if target in ("all", part)]
    chosen: list[str] = []
    for wish in target:
        fits = [name for name in layers if name == wish or name.endswith(f".{wish}")]
        if not fits:
            kinds = sorted({name.rpartition(".")[2] for name in layers})
            raise UsageError(
                f"'lora.target_modules' names {wish!r}, which no linear layer is called",
                hint=f"the layers are called {', '.join(kinds)}",
                kind="bad_config",
            )
        chosen += [name for name in fits if name not in chosen]
    return chosen


def attach_lora(loaded: LoadedModel, settings: LoraSettings, adapter: str = "") -> Any:
    """The model in training form: LoRA over the frozen base, or a saved adapter to go on with.

    Args:
        loaded: Without an adapter.
        settings: Of a new one.
        adapter: A folder or a run's id, to be trained further instead.

    Raises:
        UsageError: No layer is meant.
        ModelError: The adapter does not fit.
    """
    from peft import LoraConfig, get_peft_model

    base = loaded.base
    if loaded.spec.quantization != "none":
        from peft import prepare_model_for_kbit_training

        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)
    if adapter:
        return _continue(base, adapter, loaded)
    layers = choose_layers(base, settings.target_modules)
    if not layers:
        raise UsageError(
            f"'lora.target_modules' {settings.target_modules!r} means no layer of "
            f"{type(base).__name__}",
            kind="bad_config",
        )
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=settings.dropout,
        target_modules=layers,
        modules_to_save=list(settings.modules_to_save) or None,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        bias="none",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT's own, about transformers
        return get_peft_model(base, config)


def _continue(base: Any, adapter: str, loaded: LoadedModel) -> Any:
    from workbench.models.adapters import attach
    from workbench.models.locate import find_adapter

    model = attach(base, find_adapter(adapter), loaded.device)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or "modules_to_save" in name)
    for config in model.peft_config.values():
        config.inference_mode = False
        # PEFT looks for the base's config there when it saves; a folder asks no hub.
        config.base_model_name_or_path = str(loaded.path)
    return model


def save_adapter(model: Any, folder: Path, base: str, card: str = "") -> None:
    """Write `adapter_config.json` and safetensors into `folder`, taking the place of one there.

    Args:
        model: In training form.
        folder: Where to.
        base: What the user calls the model under it; PEFT would write a path of this machine.
        card: Its model card, in the place of PEFT's, which names a path too.

    Raises:
        ModelError: A weight is not finite; nothing was written.
    """
    from training.finite import all_finite

    if not all_finite(p for p in model.parameters() if p.requires_grad):
        raise ModelError(
            "the adapter is not saved: it has weights that are not finite",
            hint="train anew with a lower learning_rate",
            kind="diverged",
        )
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    name = model.active_adapter if isinstance(model.active_adapter, str) else "default"
    model.save_pretrained(str(fresh), safe_serialization=True, save_embedding_layers=False)
    inner = fresh / name
    if not (fresh / "adapter_config.json").is_file() and inner.is_dir():
        # PEFT puts an adapter of another name than `default` into a folder of its own.
        for file in inner.iterdir():
            file.rename(fresh / file.name)
        inner.rmdir()
    config = fresh / "adapter_config.json"
    values = json.loads(config.read_text("utf-8")) | {"base_model_name_or_path": base}
    config.write_text(json.dumps(values, indent=2, sort_keys=True), "utf-8")
    (fresh / "README.md").unlink(missing_ok=True)
    if card:
        (fresh / "README.md").write_text(card, "utf-8")
    sync_files(fresh)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def count_parameters(model: Any) -> tuple[int, int]:
    """Trainable parameters, and all of them."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, on in sizes if on), sum(n for n, _ in sizes)
