"""Prefix tuning and prompt tuning in a training: how the vectors begin, and put on.

Guarantee: a family that cannot go on from a prefix is refused before anything is loaded; what is
saved is PEFT's own format. Not for the forward: `workbench.models.adapters.virtual_tokens`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.lora import prepared
from training.train_config import TrainConfig
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel


def refuse_family(config: TrainConfig) -> None:
    """Refuse a family that has no place for a prefix. Raises `UsageError` with the reason."""
    from workbench.models.default_prompt import family_of
    from workbench.models.families.registry import limits_of

    if config.method != "prefix_tuning":
        return
    why = limits_of(family_of(config.spec)).get("prefix tuning")
    if why:
        raise UsageError(
            f"'method' prefix_tuning is refused for {config.model}: {why}",
            hint="take another method, such as prompt_tuning or lora",
            kind="unsupported",
        )


def attach_virtual(loaded: LoadedModel, config: TrainConfig) -> Any:
    """The base with virtual tokens before its prompts, which alone train: new, or an adapter's.

    Raises:
        UsageError: A text to begin with that gives no tokens.
        ModelError: The base has no place for a prefix, or the adapter does not fit.
    """
    base = prepared(loaded)
    for parameter in base.parameters():
        parameter.requires_grad_(False)
    made = _prefix if config.method == "prefix_tuning" else _prompt
    model = _read(loaded, base, config.adapter) if config.adapter else made(loaded, base, config)
    if loaded.spec.quantization != "none":
        # `Trainer` trains nothing over quantised weights without an adapter, and asks this.
        vars(base)["_hf_peft_config_loaded"] = True
    loaded.adapters.teach(loaded.path, model)
    return model.train(base.training)


def _read(loaded: LoadedModel, base: Any, adapter: str) -> Any:
    """A saved prefix or prompt, in fp32: what a projection made of it is trained by itself."""
    from workbench.models.adapters.config import read_config
    from workbench.models.adapters.read_virtual import read_table
    from workbench.models.adapters.virtual_tokens import Table
    from workbench.models.locate import find_adapter

    folder = find_adapter(adapter)
    about = read_config(folder, base)
    made, values = read_table(base, folder, about, loaded.device)
    return made(base, Table(values.float(), trained=True), about, training=True)


def _prefix(loaded: LoadedModel, base: Any, config: TrainConfig) -> Any:
    from peft import PrefixTuningConfig

    from workbench.models.adapters.prefix_tuning import Prefixed, Projected
    from workbench.models.adapters.virtual_tokens import Table

    layers, heads, head = Prefixed.shape(base)
    about = PrefixTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=config.num_virtual_tokens,
        token_dim=heads * head,
        num_transformer_submodules=1,
        num_attention_heads=heads,
        num_layers=layers,
        encoder_hidden_size=heads * head,  # pyright: ignore[reportArgumentType]
        prefix_projection=config.prefix_projection,
    )
    if config.prefix_projection:
        table: Any = Projected(about).to(loaded.device)
    else:
        table = Table(_keys_of_words(loaded, config, Prefixed.width(base)), trained=True)
    return Prefixed(base, table, about, training=True)


def _prompt(loaded: LoadedModel, base: Any, config: TrainConfig) -> Any:
    from peft import PromptTuningConfig

    from workbench.models.adapters.prompt_tuning import Prompted, embedding_of
    from workbench.models.adapters.virtual_tokens import Table, decoder_config

    text = decoder_config(base)
    about = PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=config.num_virtual_tokens,
        token_dim=Prompted.width(base),
        num_transformer_submodules=1,
        num_attention_heads=text.num_attention_heads,
        num_layers=text.num_hidden_layers,
    )
    rows = embedding_of(base).weight[_words(loaded, config)]
    table = Table(rows.detach().float().clone(), trained=True)
    return Prompted(base, table, about, training=True)


def _words(loaded: LoadedModel, config: TrainConfig) -> Any:
    """(N,) ids to begin with: those of a text, again and again, or drawn from the vocabulary.

    Real words begin better than noise does (Li and Liang 2021, Lester et al. 2021).
    """
    import torch

    count = config.num_virtual_tokens
    if config.virtual_init_text:
        ids = loaded.tokenizer(config.virtual_init_text, add_special_tokens=False)["input_ids"]
        if not ids:
            raise UsageError(
                f"'virtual_init_text' {config.virtual_init_text!r} gives no tokens",
                kind="bad_config",
            )
        found = torch.tensor((ids * count)[:count])
    else:
        special = set(loaded.tokenizer.all_special_ids)
        plain = torch.tensor([i for i in range(len(loaded.tokenizer)) if i not in special])
        found = plain[torch.randint(len(plain), (count,))]
    return found.to(loaded.device)


def _keys_of_words(loaded: LoadedModel, config: TrainConfig, width: int) -> Any:
    """(N, width): the keys and values that the base itself has for words."""
    import torch

    ids = _words(loaded, config).unsqueeze(0)
    positions = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    inputs |= loaded.family.step_inputs(loaded, positions)
    if getattr(loaded.base.config, "is_encoder_decoder", False):
        side = loaded.base.config.encoder.image_size
        high, wide = side if isinstance(side, (list, tuple)) else (side, side)
        blank = torch.zeros(1, 3, high, wide, device=ids.device, dtype=loaded.base.dtype)
        inputs["pixel_values"] = blank
    with torch.no_grad():
        layers = loaded.base(**inputs, use_cache=True).past_key_values.layers
    pairs = [t[0] for layer in layers for t in (layer.keys, layer.values)]  # (heads, N, head)
    table = torch.stack(pairs).permute(2, 0, 1, 3).flatten(1)
    if table.shape != (config.num_virtual_tokens, width):  # a window that is shorter
        return torch.randn(config.num_virtual_tokens, width, device=ids.device) * 0.02
    return table.float().contiguous()
