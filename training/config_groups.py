"""The groups of keys of a fine-tuning's config: `lora`, `head`, `early_stopping`, and their words.

Guarantee: imports no torch. The docstring of a field is what docs, schema and commented configs say
of its key. Not for the config itself: see `training.train_config`.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from training.settings import ConfigGroup, Flag, Number, Texts, Wants, Whole

Optimizer = Literal[
    "adamw", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
]
Target = Literal["language", "vision", "all"]
Init = Literal["", "gaussian", "orthogonal", "olora", "pissa"]
Style = Literal["pfeiffer", "houlsby"]
Nonlinearity = Literal["relu", "gelu", "silu", "tanh"]
PartName = Literal["language", "projector", "vision"]
PARTS: tuple[str, ...] = get_args(PartName)
METHODS = (
    *("lora", "ia3", "bitfit", "adapter", "prefix_tuning", "prompt_tuning"),
    *("full", "peft", "head"),
)
# Those whose vectors stand before every prompt.
VIRTUAL = ("prefix_tuning", "prompt_tuning")
# Those whose adapters can be trained further.
FURTHER = ("lora", "adapter", *VIRTUAL)
# What PEFT has and no training here can use -> why.
UNUSABLE = {"p_tuning": "its vectors come out of a network that no prompt is put through here"}
# Keys of `method: adapter`, and of `VIRTUAL`, alone.
OF_BOTTLENECKS = ("adapter_style", "adapter_reduction", "adapter_nonlinearity")
OF_VIRTUAL = ("num_virtual_tokens", "prefix_projection", "virtual_init_text")


class LoraSettings(ConfigGroup):
    """The adapter (Hu et al. 2021)."""

    r: Annotated[Whole, Field(ge=1)] = 16
    """The rank of the update."""
    alpha: Annotated[Number, Field(gt=0)] = 32.0
    """The update is scaled by alpha / r (by alpha / sqrt(r) with `rslora`)."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Dropout on the adapter's input during training."""
    target_modules: Annotated[
        Target | tuple[str, ...], Wants("language, vision, all, or a list of layers' names")
    ] = "language"
    """`language` (every linear layer of the language model, of a captioner its decoder), `vision`
    (those of the vision tower and its projector), `all`, or the names of layers."""
    modules_to_save: Texts = ()
    """Layers trained whole beside the adapter, such as `embed_tokens`."""
    init: Annotated[Init, Wants("one of gaussian, orthogonal, olora, pissa, or to be left out")] = (
        ""
    )
    """How the adapter begins: empty (PEFT's default: no change of the base), `gaussian`,
    `orthogonal`, or `pissa` and `olora`, which subtract the adapter's start from the base's
    weights."""
    rslora: Flag = False
    """Rank-stabilised scaling."""
    dora: Flag = False
    """Weight-decomposed (Liu et al. 2024); slower."""


class HeadSettings(ConfigGroup):
    """A classification head on the prompt's last hidden states, trained beside the text."""

    pooling: Annotated[
        Literal["", "last", "mean", "first"], Wants("one of last, mean, first, or to be left out")
    ] = ""
    """What the head reads at the prompt, before the answer: the hidden state of the `last` token,
    the `mean` over all tokens, or the `first` token (if a token sees the whole prompt). Empty: no
    head, or `last` with `method: head`."""
    labels: Texts = ()
    """The classes of the head. Empty: the closed set of labels of `train`. A sample with another
    label teaches only the text."""
    weight: Annotated[Number, Field(gt=0, le=1)] = 0.5
    """The weight w of the joint loss, (1 - w) * text + w * class (Camburu et al. 2018). It is 1
    with `method: head`."""
    hidden: Annotated[Whole, Field(ge=0)] = 0
    """The width of a layer with tanh before the last one; 0: no such layer."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Dropout before each layer of the head during training."""


class EarlyStopping(ConfigGroup):
    """When to stop before the end."""

    patience: Annotated[Whole, Field(ge=0)] = 0
    """How many evaluations in a row may gain too little before the training ends; 0 is off."""
    min_delta: Annotated[Number, Field(ge=0)] = 0.0
    """The least gain over the best earlier evaluation, in the figure of `best_by`."""
