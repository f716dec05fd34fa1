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
    """Rank."""
    alpha: Annotated[Number, Field(gt=0)] = 32.0
    """The update is scaled by alpha / r (by alpha / sqrt(r) with `rslora`)."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """On the adapter's input while training."""
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
    """How it begins: empty (PEFT's own: no change of the base), `gaussian`, `orthogonal`, or
    `pissa` and `olora`, which take the adapter's start off the base's weights."""
    rslora: Flag = False
    """Rank-stabilised scaling."""
    dora: Flag = False
    """Weight-decomposed (Liu et al. 2024); slower."""


class HeadSettings(ConfigGroup):
    """A classification head on the prompt's last hidden states, trained beside the text."""

    pooling: Annotated[
        Literal["", "last", "mean", "first"], Wants("one of last, mean, first, or to be left out")
    ] = ""
    """What it reads of the prompt, before the answer: the hidden state of the `last` token, the
    `mean` over all, or that of the `first` (where a token sees the whole prompt). Empty: there is
    no head, or with `method: head` `last`."""
    labels: Texts = ()
    """Its classes; empty: the closed set of labels of what is trained on. A sample of another label
    teaches the text alone."""
    weight: Annotated[Number, Field(gt=0, le=1)] = 0.5
    """w of the joint loss, (1 - w) * text + w * class (Camburu et al. 2018); it is 1 with
    `method: head`."""
    hidden: Annotated[Whole, Field(ge=0)] = 0
    """Width of a layer with tanh before the last one; 0 is none."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Before each of its layers, while training."""


class EarlyStopping(ConfigGroup):
    """When to stop before the end."""

    patience: Annotated[Whole, Field(ge=0)] = 0
    """Evaluations in a row that may gain too little before the training ends; 0 is off."""
    min_delta: Annotated[Number, Field(ge=0)] = 0.0
    """What an evaluation has to gain over the best before it, in the figure of `best_by`."""
