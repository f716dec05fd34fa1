"""LoRA over a loaded model: which layers, put on, and saved so that `--adapter` takes it at once.

Guarantee: the base's weights are frozen and never written; an adapter folder appears whole or not
at all. Not for using an adapter: `workbench.models.adapters.kept` does that.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.checkpoints import fresh_folder
from training.config_groups import LoraSettings
from training.parts import choose_layers
from workbench.errors import ModelError

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel
    from workbench.models.head import Head


def prepared(loaded: LoadedModel) -> Any:
    """The base to put a method on, made ready for gradients where its weights are quantised."""
    if loaded.spec.quantization == "none":
        return loaded.base
    from peft import prepare_model_for_kbit_training

    return prepare_model_for_kbit_training(loaded.base, use_gradient_checkpointing=False)


def attach_lora(
    loaded: LoadedModel, settings: LoraSettings, adapter: str = "", parts: Sequence[str] = ()
) -> Any:
    """The model in training form: LoRA over the frozen base, or a saved adapter to go on with.

    Args:
        loaded: Without an adapter.
        settings: Of a new one.
        adapter: A folder or a run's id, to be trained further instead.
        parts: Only layers of these; empty: of those that the settings name.

    Raises:
        UsageError: No layer is meant.
        ModelError: The adapter does not fit.
    """
    from peft import LoraConfig, get_peft_model

    base = prepared(loaded)
    if adapter:
        return _continue(base, adapter, loaded)
    layers = choose_layers(base, settings.target_modules, parts)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=settings.dropout,
        target_modules=layers,
        modules_to_save=list(settings.modules_to_save) or None,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        bias="none",
        init_lora_weights=settings.init or True,  # pyright: ignore[reportArgumentType]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT's own, about transformers
        # PEFT sets it layer by layer: GPT-2's weights stand the other way round.
        warnings.filterwarnings("ignore", "fan_in_fan_out", UserWarning)
        return get_peft_model(base, config)


def _continue(base: Any, adapter: str, loaded: LoadedModel) -> Any:
    from workbench.models.adapters.kept import attach
    from workbench.models.locate import find_adapter

    model = attach(base, find_adapter(adapter), loaded.device)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or "modules_to_save" in name)
    for config in model.peft_config.values():
        config.inference_mode = False
        # PEFT looks for the base's config there when it saves; a folder asks no hub.
        config.base_model_name_or_path = str(loaded.path)
    return model


def save_adapter(
    model: Any, folder: Path, base: str, card: str = "", head: Head | None = None
) -> None:
    """Write `adapter_config.json` and safetensors into `folder`, taking the place of one there.

    In the format of the method: PEFT's own, or that of a bottleneck adapter.

    Args:
        model: In training form.
        folder: Where to.
        base: What the user calls the model under it; PEFT would write a path of this machine.
        card: Its model card, in the place of PEFT's, which names a path too.
        head: A classification head that was trained with it.

    Raises:
        ModelError: A weight is not finite; nothing was written.
    """
    from training.finite import all_finite
    from training.joint import refuse_not_finite
    from workbench.models.head import write_head

    refuse_not_finite(head)
    if not all_finite(p for p in model.parameters() if p.requires_grad):
        raise ModelError(
            "the adapter is not saved: it has weights that are not finite",
            hint="train again with a lower learning_rate",
            kind="diverged",
        )
    with fresh_folder(folder) as fresh:
        _write(model, fresh, base)
        if card:
            (fresh / "README.md").write_text(card, "utf-8")
        if head is not None:
            write_head(head, fresh)


def _write(model: Any, fresh: Path, base: str) -> None:
    from workbench.models.adapters.bottleneck import bottlenecks, write_bottleneck
    from workbench.models.adapters.virtual_tokens import VirtualTokens

    if isinstance(model, VirtualTokens):
        model.write(fresh)
    elif made := bottlenecks(model):
        write_bottleneck(made, fresh)
    else:
        _write_peft(model, fresh)
    config = fresh / "adapter_config.json"
    values = json.loads(config.read_text("utf-8")) | {"base_model_name_or_path": base}
    config.write_text(json.dumps(values, indent=2, sort_keys=True), "utf-8")
    (fresh / "README.md").unlink(missing_ok=True)


def _write_peft(model: Any, fresh: Path) -> None:
    name = model.active_adapter if isinstance(model.active_adapter, str) else "default"
    model.save_pretrained(str(fresh), safe_serialization=True, save_embedding_layers=False)
    inner = fresh / name
    if not (fresh / "adapter_config.json").is_file() and inner.is_dir():
        # PEFT puts an adapter of another name than `default` into a folder of its own.
        for file in inner.iterdir():
            file.rename(fresh / file.name)
        inner.rmdir()
