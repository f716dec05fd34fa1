"""What a fine-tuning is: one frozen config from a YAML file; all its faults in one message.

Guarantee: imports no torch; a key that is not known is refused with the nearest one that is, never
ignored. The docstring of a field is what docs, schema and commented configs say of its key. Not for
looking at data or models: names are checked for their form here and for their existence when the
training is made ready.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from training import config_shared as shared
from training.config_checks import check
from training.config_file import HINT, load_values
from training.config_groups import (
    EarlyStopping,
    HeadSettings,
    LoraSettings,
    Nonlinearity,
    Optimizer,
    PartName,
    Style,
)
from training.settings import Flag, Keys, Number, Text, Texts, Wants, Whole
from workbench.models.spec import ModelSpec


class TrainConfig(shared.ConfigFile):
    """A fine-tuning; the keys of the YAML file."""

    train: Annotated[
        Texts, Field(min_length=1, examples=["name what to train on, such as demo/train[:2000]"])
    ]
    """`dataset/split` or `dataset/split[:800]`, one or several."""
    eval: Text = ""
    """A split, or part of one, to evaluate on after each epoch; with `keep: best` it chooses the
    checkpoint. Empty: none."""
    report: Text = ""
    """A split, or part of one, for the final figures by `wb run-eval`. The training never asks it;
    it only checks that it shares nothing with `train` (see `overlap`)."""
    overlap: Literal["warn", "refuse", "leave_out"] = "warn"
    """What to do if `train` shares texts or images with `eval` or `report`, or `eval` with
    `report`. `leave_out` takes those samples out of the first of the two."""
    model: Text = "demo"
    """The model to start from: `demo`, a folder in Hugging Face layout, or a hub id."""
    encoder: Text = ""
    """An image encoder, the run (by id or `name`) or folder of a contrastive training, or a ResNet:
    `model` is then a Phi, and the two are composed into one model first. Train its projector by
    `lora.modules_to_save: [image_projector]`."""
    image_tokens: Literal["grid", "pooled"] = "grid"
    """With `encoder`: a token for each place of an image, or its embedding in `pooled_tokens`."""
    pooled_tokens: Annotated[Whole, Field(ge=1)] = 8
    """With `image_tokens: pooled`: tokens of an image."""
    adapter: Text = ""
    """A folder or a run, to be trained further by the `method` that made it: `lora`, `adapter`,
    `prefix_tuning` or `prompt_tuning`."""
    quantization: Text = "none"
    """`none`, `4bit` or `8bit`, by bitsandbytes."""
    dtype: Text = "auto"
    """`auto` (fp32 on a CPU, the model's own on a GPU), `bf16`, `fp16` or `fp32`."""
    device: shared.Device = "auto"
    attention: Text = "sdpa"
    """The attention kernels: `sdpa`, `eager` or `flash_attention_2`."""
    attention_fallback: Flag = False
    """If `flash_attention_2` is not available (no package, no GPU, fp32), take `sdpa` instead of
    refusing it."""
    revision: Text = ""
    """Branch, tag or commit of a hub id."""
    image_min_pixels: Whole = 0
    """Smaller images are enlarged to this area (`--min-pixels`); 0: the processor decides."""
    image_max_pixels: Whole = 0
    """Larger images are scaled down to this area (`--max-pixels`); 0: the processor decides."""
    quantize_parts: Text = ""
    """Which weights are quantised: `language` (the default if empty), `vision` (with the projector)
    or `all`."""
    quant_type: Text = ""
    """The number format of 4bit weights: `nf4` (the default if empty) or `fp4`."""
    double_quant: Flag = True
    """Whether the scales of 4bit weights are quantised as well."""
    quant_compute_dtype: Text = ""
    """The dtype of products with 4bit weights. Empty: the `dtype`."""
    method: Text = "lora"
    """What trains: `lora`, `ia3`, `bitfit`, `adapter` (bottlenecks), `prefix_tuning`,
    `prompt_tuning`, `full`, `peft` for any other of PEFT's, or `head` for a classification head
    alone."""
    parts: Annotated[tuple[PartName, ...], Wants("some of language, projector, vision")] = ()
    """Which of `language`, `projector`, `vision` train. Empty: the language model, or the layers of
    `lora.target_modules`."""
    lora: LoraSettings = LoraSettings()
    """The adapter of `method: lora`."""
    peft: Keys = {}
    """Fields of one of PEFT's configs, for `method: peft` (with `peft_type`) and `ia3`."""
    head: HeadSettings = HeadSettings()
    """A classification head, trained together with the `method`."""
    adapter_style: Style = "pfeiffer"
    """Of `method: adapter`: after each feed-forward block (`pfeiffer`), or after each attention as
    well (`houlsby`)."""
    adapter_reduction: Annotated[Whole, Field(ge=1)] = 16
    """Of `method: adapter`: the layer's width divided by this is the width of the bottleneck."""
    adapter_nonlinearity: Nonlinearity = "relu"
    """Of `method: adapter`: the function between its two layers."""
    num_virtual_tokens: Annotated[Whole, Field(ge=1)] = 20
    """Of `prefix_tuning` and `prompt_tuning`: the number of virtual tokens before every prompt."""
    prefix_projection: Flag = False
    """Of `prefix_tuning`: whether two layers produce the prefix during training."""
    virtual_init_text: Text = ""
    """The text that virtual tokens begin as. Empty: words drawn from the vocabulary."""
    templates: Texts = ()
    """Names of prompt templates (`statement/*` is all of a task). Each sample is asked with one
    that fits its task, drawn again each epoch. Empty: the default template of the model and the
    task."""
    max_length: Annotated[Whole, Field(ge=0)] = 0
    """The most tokens of a prompt with its answer, image tokens included. A longer sample is left
    out whole. 0: the model's context."""
    trainer: Literal["auto", "answer", "seq2seq"] = "auto"
    """Who answers the dev set's prompts while training: `answer` (the engine, as `wb run-eval`),
    `seq2seq` (`transformers.Seq2SeqTrainer` with `predict_with_generate`), or `auto`: `seq2seq` for
    captioners, where neither virtual tokens nor a head are trained. Steps and checkpoints are the
    same."""
    batch_size: Annotated[Whole, Field(ge=1)] = 16
    """Samples per forward."""
    gradient_accumulation: Annotated[Whole, Field(ge=1)] = 1
    """Forwards per step."""
    on_oom: Literal["stop", "halve"] = "stop"
    """If a step runs out of memory: `stop` ends the training; `halve` takes the step again in
    halves (twice the forwards of half the samples, equal gradients) and keeps that size."""
    activation_checkpointing: Flag = False
    """Keep only the inputs of layers and compute the other activations again in the backward pass:
    less memory, about a third more time, equal gradients."""
    learning_rate: Annotated[Number, Field(gt=0, lt=10)] = 2e-4
    """The highest learning rate; 1e-4 is common for LoRA."""
    optimizer: Optimizer = "adamw"
    """`adamw`; the 8-bit ones keep its moments in 8 bits, and the paged ones let CUDA move them out
    of a GPU that is full; `adafactor` keeps next to none, `sgd` none."""
    optimizer_fallback: Flag = False
    """Without a GPU, take the unpaged form of a paged optimizer instead of refusing it."""
    scheduler: shared.Scheduler = "cosine"
    warmup: shared.Warmup = 0.03
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    """The optimizer's weight decay; decoupled from the gradient in the AdamW ones."""
    max_grad_norm: shared.MaxGradNorm = 1.0
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """The share of the target's probability that is spread over the vocabulary."""
    epochs: Number = 3.0
    """Passes over the data, unless `max_steps` is given."""
    max_steps: shared.MaxSteps = 0
    max_minutes: shared.MaxMinutes = 0.0
    eval_at_start: Flag = False
    """Evaluate before the first step too, on the same samples: what the model can do untrained."""
    eval_metrics: Texts = ()
    """Text metrics of the evaluation: `coco_bleu`, `coco_rouge_l`, `cider`, `meteor`, `distinct`,
    `bertscore`, `evaluate:NAME`; empty: all but the last two."""
    bertscore_model: Text = ""
    """A folder or a cached hub id for `bertscore`; empty: roberta-large."""
    tensorboard: Flag = True
    """Whether curves and a few answers are written to `tensorboard/` in the run's folder."""
    eval_samples: Annotated[Whole, Field(ge=0)] = 200
    """The number of samples drawn from `eval` by the seed; 0: all."""
    eval_batch_size: Annotated[Whole, Field(ge=1)] = 32
    """Prompts per batch when answers are generated."""
    eval_new_tokens: Annotated[Whole, Field(ge=1)] = 48
    """The most tokens of an answer."""
    keep: Literal["best", "last"] = "best"
    """Which adapter the run ends with: `best` by the evaluation (`best_by`), or `last`."""
    best_by: Text = ""
    """The figure that chooses the best evaluation, and by which `early_stopping` counts: `cider`,
    `macro_f1`, `loss`, `explanation/cider`, ... (less is better for a loss). Empty: accuracy, or
    BLEU-4 for captions. Among equal figures the lower loss wins."""
    early_stopping: EarlyStopping = EarlyStopping()
    """When to stop before the end."""
    save_every: shared.SaveEvery = 0
    keep_checkpoints: shared.KeepCheckpoints = 2
    log_every: shared.LogEvery = 10
    cache_mb: Annotated[Whole, Field(ge=0)] = 1024
    """Megabytes for encoded prompts and images; the rest is encoded again."""
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0
    """The seed of the order, the draws and the initial weights."""
    threads: shared.Threads = 0
    name: shared.Name = ""

    HINT: ClassVar[str] = HINT

    def faults(self) -> list[str]:
        """Every fault that lies between keys, in their words."""
        return check(self)

    @property
    def has_head(self) -> bool:
        """Whether a classification head is trained."""
        return self.method == "head" or bool(self.head.pooling)

    @property
    def head_weight(self) -> float:
        """W of the joint loss: with the head alone no other part of it trains anything."""
        return 1.0 if self.method == "head" else self.head.weight

    @property
    def spec(self) -> ModelSpec:
        """The base to load, without the adapter."""
        return ModelSpec(
            model=self.model,
            quantization=self.quantization,
            dtype=self.dtype,
            device=self.device,
            attention=self.attention,
            revision=self.revision or None,
            image_min_pixels=self.image_min_pixels or None,
            image_max_pixels=self.image_max_pixels or None,
            quantize_parts=self.quantize_parts or None,
            quant_type=self.quant_type or None,
            double_quant=None if self.double_quant else False,
            quant_compute_dtype=self.quant_compute_dtype or None,
        )


def load_config(name: str | Path, changes: Sequence[str] = ()) -> TrainConfig:
    """The config of a YAML file, or the shipped one of that name.

    Args:
        name: A path, or a name of `wb train --list`.
        changes: `KEY=VALUE`, over what the file says.

    Raises:
        UsageError: With all of its faults at once.
    """
    return TrainConfig.from_json(load_values(name, changes), str(name))
