"""What a fine-tuning is: one frozen config from a YAML file; all its faults in one message.

Guarantee: imports no torch; a key that is not known is refused with the nearest one that is, never
ignored. The docstring of a field is what docs, schema and commented configs say of its key. Not for
looking at data or models: names are checked for their form here and for their existence when the
training is made ready.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import Field

from training.best import refuse_unknown
from training.config_file import HINT, load_values
from training.settings import ConfigGroup, Flag, Keys, Number, Text, Texts, Wants, Whole, validate
from workbench.errors import ModelError, UsageError
from workbench.models.remote_model import refuse_weights
from workbench.models.spec import ModelSpec

Scheduler = Literal["cosine", "linear", "constant", "constant_with_warmup", "cosine_with_min_lr"]
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


class TrainConfig(ConfigGroup):
    """A fine-tuning; the keys of the YAML file."""

    train: Annotated[
        Texts, Field(min_length=1, examples=["name what to train on, such as demo/train[:2000]"])
    ]
    """`dataset/split` or `dataset/split[:800]`, one or several."""
    eval: Text = ""
    """The same, to be evaluated on after each epoch; with `keep: best` it chooses the checkpoint;
    empty for none."""
    report: Text = ""
    """The same, to be reported on afterwards by `wb run-eval`; kept apart, never asked."""
    overlap: Literal["warn", "refuse", "leave_out"] = "warn"
    """What to do where `train` holds texts or images of `eval` or `report`, or `eval` of `report`.
    `leave_out` takes those samples out of the first."""
    model: Text = "demo"
    """What to start from: `demo`, a folder in Hugging Face layout, or a hub id."""
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
    device: Text = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, ..."""
    attention: Text = "sdpa"
    """The attention kernels: `sdpa`, `eager` or `flash_attention_2`."""
    attention_fallback: Flag = False
    """Where `flash_attention_2` cannot be had (no package, no GPU, fp32), take `sdpa` instead of
    refusing it."""
    revision: Text = ""
    """Branch, tag or commit of a hub id."""
    image_min_pixels: Whole = 0
    """As `--min-pixels`; 0 leaves it to the processor."""
    image_max_pixels: Whole = 0
    """As `--max-pixels`; 0 leaves it to the processor."""
    quantize_parts: Text = ""
    """Which weights are quantised: `language` (empty means it), `vision` (with the projector) or
    `all`."""
    quant_type: Text = ""
    """Of 4bit weights: `nf4` (empty means it) or `fp4`."""
    double_quant: Flag = True
    """Whether the scales of 4bit weights are quantised as well."""
    quant_compute_dtype: Text = ""
    """What 4bit weights are multiplied in; empty is the dtype."""
    method: Text = "lora"
    """What trains: `lora`, `ia3`, `bitfit`, `adapter` (bottlenecks), `prefix_tuning`,
    `prompt_tuning`, `full`, `peft` for any other of PEFT's, or `head` for a classification head
    alone."""
    parts: Annotated[tuple[PartName, ...], Wants("some of language, projector, vision")] = ()
    """Which of `language`, `projector`, `vision` train; empty: the language model, or what
    `lora.target_modules` says."""
    lora: LoraSettings = LoraSettings()
    """The adapter of `method: lora`."""
    peft: Keys = {}
    """Fields of one of PEFT's configs, for `method: peft` (with `peft_type`) and `ia3`."""
    head: HeadSettings = HeadSettings()
    """A classification head beside what `method` trains."""
    adapter_style: Style = "pfeiffer"
    """Of `method: adapter`: after each feed-forward block (`pfeiffer`), or after each attention as
    well (`houlsby`)."""
    adapter_reduction: Annotated[Whole, Field(ge=1)] = 16
    """Of `method: adapter`: what a layer's width is divided by inside."""
    adapter_nonlinearity: Nonlinearity = "relu"
    """Of `method: adapter`: what stands between its two layers."""
    num_virtual_tokens: Annotated[Whole, Field(ge=1)] = 20
    """Of `prefix_tuning` and `prompt_tuning`: how many stand before every prompt."""
    prefix_projection: Flag = False
    """Of `prefix_tuning`: whether the prefix comes out of two layers while it is trained."""
    virtual_init_text: Text = ""
    """What virtual tokens begin as; empty: words drawn from the vocabulary."""
    templates: Texts = ()
    """A pool of names (`statement/*` is all of them): each sample is asked in one that fits its
    task, drawn anew each epoch. Empty: what the model is asked in unsaid."""
    max_length: Annotated[Whole, Field(ge=0)] = 0
    """Most tokens of a prompt with its answer, image tokens included: a longer sample is left out
    whole. 0 leaves it to the model's context."""
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
    """Out of memory: `stop` ends the training, `halve` takes the step again in halves (twice the
    forwards of half the samples, equal gradients) and goes on so."""
    activation_checkpointing: Flag = False
    """Keep the activations of whole layers alone and compute the others again in the backward pass:
    less memory, about a third more time, equal gradients."""
    learning_rate: Annotated[Number, Field(gt=0, lt=10)] = 2e-4
    """At its height; 1e-4 is common for LoRA."""
    optimizer: Optimizer = "adamw"
    """`adamw`; the 8-bit ones keep its moments in 8 bits, and the paged ones let CUDA move them out
    of a GPU that is full; `adafactor` keeps next to none, `sgd` none."""
    optimizer_fallback: Flag = False
    """Without a GPU, take the unpaged form of a paged optimizer instead of refusing it."""
    scheduler: Scheduler = "cosine"
    """How the learning rate falls."""
    warmup: Annotated[Number, Field(ge=0)] = 0.03
    """Share of the steps (below 1), or steps."""
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    """The optimizer's; decoupled from the gradient in the AdamW ones."""
    max_grad_norm: Annotated[Number, Field(ge=0)] = 1.0
    """Gradients are clipped to it; 0 is off."""
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Share of the target's mass that is spread over the vocabulary."""
    epochs: Number = 3.0
    """Times over the data, unless `max_steps` is given."""
    max_steps: Annotated[Whole, Field(ge=0)] = 0
    """Steps in all; 0 leaves it to `epochs`."""
    max_minutes: Annotated[Number, Field(ge=0)] = 0.0
    """Stop there whatever is left; 0 is off. The schedule does not know of it."""
    eval_at_start: Flag = False
    """Evaluate before the first step too: what the model can do untrained, by the same samples."""
    eval_metrics: Texts = ()
    """Text metrics of the evaluation: `coco_bleu`, `coco_rouge_l`, `cider`, `meteor`, `distinct`,
    `bertscore`, `evaluate:NAME`; empty: all but the last two."""
    bertscore_model: Text = ""
    """A folder or a cached hub id for `bertscore`; empty: roberta-large."""
    tensorboard: Flag = True
    """Whether curves and a few answers go to `tensorboard/` in the run's folder."""
    eval_samples: Annotated[Whole, Field(ge=0)] = 200
    """Drawn by the seed from `eval`; 0 for all."""
    eval_batch_size: Annotated[Whole, Field(ge=1)] = 32
    """Prompts at once when answers are generated."""
    eval_new_tokens: Annotated[Whole, Field(ge=1)] = 48
    """Longest answer."""
    keep: Literal["best", "last"] = "best"
    """Which adapter the run ends with: `best` by the evaluation (`best_by`), or `last`."""
    best_by: Text = ""
    """The figure of the evaluation that says which is best, and what `early_stopping` counts by:
    `cider`, `macro_f1`, `loss`, `explanation/cider`, ... (of a loss, less is better). Empty:
    accuracy, or BLEU-4 for captions. Of equal ones the lower loss is the better."""
    early_stopping: EarlyStopping = EarlyStopping()
    """When to stop before the end."""
    save_every: Annotated[Whole, Field(ge=0)] = 0
    """Steps between checkpoints; 0 for once an epoch."""
    keep_checkpoints: Annotated[Whole, Field(ge=1)] = 2
    """How many of the newest stay."""
    log_every: Annotated[Whole, Field(ge=1)] = 10
    """Steps between figures."""
    cache_mb: Annotated[Whole, Field(ge=0)] = 1024
    """Memory for encoded prompts and images; what does not fit is encoded again."""
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0
    """Of the order, the draws and the initial weights."""
    threads: Annotated[Whole, Field(ge=0)] = 0
    """For torch on a CPU; 0 leaves it as it is."""
    name: Text = ""
    """What to call it."""

    if not TYPE_CHECKING:  # so that type checkers see the fields

        def __init__(self, **values: Any) -> None:
            self._fill(values)

    def _fill(self, values: Mapping[Any, Any], where: str = "") -> None:
        problems = validate(type(self), values, self)
        problems += [p for p in check(self) if p not in problems]
        if problems:
            text = "; ".join(problems)
            raise UsageError(f"{where}: {text}" if where else text, kind="bad_config", hint=HINT)

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

    def to_json(self) -> dict[str, Any]:
        """As YAML and JSON hold it."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: Mapping[Any, Any], where: str = "the config") -> Self:
        """From a mapping as YAML gives it.

        Raises:
            UsageError: With every unknown key, wrong type and impossible value in one message.
        """
        config = object.__new__(cls)
        config._fill(values, where)
        return config

    def changed(self, **values: Any) -> Self:
        """A copy with other values, checked as they are when it is read."""
        return self.from_json(dict(self) | values)


def load_config(name: str | Path, changes: Sequence[str] = ()) -> TrainConfig:
    """The config of a YAML file, or the shipped one of that name.

    Args:
        name: A path, or a name of `wb train --list`.
        changes: `KEY=VALUE`, over what the file says.

    Raises:
        UsageError: With all of its faults at once.
    """
    return TrainConfig.from_json(load_values(name, changes), str(name))


# The keys that a run's key has always been made of.
_FIRST = frozenset(
    {
        *("train", "eval", "report", "overlap", "model", "adapter", "quantization", "dtype"),
        *("device", "attention", "revision", "image_min_pixels", "image_max_pixels"),
        *("quant_type", "double_quant", "quant_compute_dtype", "lora", "templates"),
        *("batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup"),
        *("weight_decay", "max_grad_norm", "label_smoothing", "epochs", "max_steps"),
        *("max_minutes", "eval_samples", "eval_batch_size", "eval_new_tokens", "keep"),
        *("save_every", "keep_checkpoints", "log_every", "cache_mb", "seed", "threads", "name"),
    }
)
_FIRST_LORA = frozenset(
    {"r", "alpha", "dropout", "target_modules", "modules_to_save", "rslora", "dora"}
)


def without_later(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config's values without the keys that came later and are as usual.

    A run's key is made of them, so that the runs of older versions can be resumed.
    """
    usual = TrainConfig(train=("-",)).to_json()
    out = {k: v for k, v in values.items() if k in _FIRST or v != usual[k]}
    lora = usual["lora"]
    out["lora"] = {k: v for k, v in out["lora"].items() if k in _FIRST_LORA or v != lora[k]}
    return out


def check(config: TrainConfig) -> list[str]:
    """Every fault that lies between keys, in their words."""
    problems = []
    if config.epochs <= 0 and not config.max_steps:
        problems.append(f"'epochs' wants above 0, got {config.epochs!r}")
    if problem := refuse_unknown(config.best_by):
        problems.append(problem)
    for key, given in (("best_by", config.best_by), ("early_stopping", config.early_stopping)):
        if given and given != EarlyStopping() and not config.eval:
            problems.append(f"'{key}' wants 'eval': what to evaluate on")
    if config.eval_at_start and not config.eval:
        problems.append("'eval_at_start' wants an 'eval' to evaluate on")
    if config.eval_metrics:
        from workbench.evaluation.metrics.text.registry import unknown

        if wrong := unknown(config.eval_metrics):
            problems.append(f"'eval_metrics': {wrong}")
    problems += _method_problems(config)
    if config.encoder and config.adapter:
        problems.append("'adapter' is of a model that is there already: leave 'encoder' out")
    try:
        refuse_weights(config.spec, "'model': a fine-tune")
    except (UsageError, ModelError) as error:
        problems.append(error.message)
    return problems


def _further_problems(config: TrainConfig) -> list[str]:
    """What cannot be said of an adapter that is there: it is of the form that it was made in."""
    method, fields = config.method, TrainConfig.model_fields
    if method not in FURTHER:
        which = f"{', '.join(FURTHER[:-1])} and {FURTHER[-1]}"
        return [f"'adapter' is trained further by {which}, and 'method' is {method}"]
    fixed = ("parts", "prefix_projection", "virtual_init_text") if method != "lora" else ()
    return [
        f"'{key}' says nothing to an 'adapter' that is trained further: leave it out"
        for key in fixed
        if getattr(config, key) != fields[key].default
    ]


def _method_problems(config: TrainConfig) -> list[str]:
    method, lora = config.method, config.lora
    if method in UNUSABLE:
        return [f"'method' {method} is not trained here: {UNUSABLE[method]}"]
    if method not in METHODS:
        near = difflib.get_close_matches(method, METHODS, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        return [f"'method' wants one of {', '.join(METHODS)}, got {method!r}{meant}"]
    problems = []
    if method != "lora" and lora != LoraSettings():
        problems.append(f"'lora' says nothing to 'method' {method}")
    if config.adapter:
        problems += _further_problems(config)
    if config.peft and method not in ("peft", "ia3"):
        problems.append(f"'peft' says nothing to 'method' {method}")
    unread = () if method == "adapter" else OF_BOTTLENECKS
    unread += () if method in VIRTUAL else OF_VIRTUAL
    for key in unread:
        if getattr(config, key) != TrainConfig.model_fields[key].default:
            problems.append(f"'{key}' says nothing to 'method' {method}")
    if method == "prompt_tuning" and config.prefix_projection:
        problems.append("'prefix_projection' says nothing to 'method' prompt_tuning")
    if method in VIRTUAL and config.parts:
        problems.append(f"'parts' says nothing to 'method' {method}: its vectors are of no part")
    if config.trainer == "seq2seq" and (method in VIRTUAL or config.has_head):
        what = "classifies nothing" if config.has_head else "supplies no virtual tokens"
        problems.append(f"'trainer' seq2seq answers by generate alone, which {what}: take auto")
    if method == "peft" and "peft_type" not in config.peft:
        problems.append("'peft.peft_type' is missing: name one of PEFT's kinds, such as VERA")
    if method == "ia3" and "peft_type" in config.peft:
        problems.append("'peft.peft_type' goes with 'method' peft")
    if method == "head" and config.parts:
        problems.append("'parts' says nothing to 'method' head, which trains no part of the model")
    if not config.has_head and config.head != HeadSettings():
        problems.append("'head.pooling' is missing: last, mean or first; without it there is none")
    if 0 < len(config.head.labels) < 2 or len(set(config.head.labels)) < len(config.head.labels):
        problems.append(
            f"'head.labels' wants two different labels at least, got {list(config.head.labels)!r}"
        )
    if config.parts and lora.target_modules in ("vision", "all"):
        problems.append("'parts' and 'lora.target_modules' both say which part: leave one out")
    if lora.init in ("pissa", "olora") and config.quantization != "none":
        problems.append(f"'lora.init' {lora.init} changes the base, whose weights are quantised")
    return problems
