"""What a fine-tuning is: one frozen config from a YAML file; all its faults in one message.

Guarantee: imports no torch; a key that is not known is refused with the nearest one that is, never
ignored. Not for looking at data or models: names are checked for their form here and for their
existence when the training is made ready.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from workbench.errors import ModelError, UsageError
from workbench.models.elsewhere import refuse_weights
from workbench.models.spec import ModelSpec

SCHEDULERS = ("cosine", "linear", "constant", "constant_with_warmup", "cosine_with_min_lr")
TARGETS = ("language", "vision", "all")
INITS = ("gaussian", "orthogonal", "olora", "pissa")
METHODS = ("lora", "ia3", "bitfit", "full", "peft")
# What PEFT has and no training here can use -> why.
UNUSABLE = {
    "prompt_tuning": "it puts vectors before the text, where images are counted by their tokens",
    "p_tuning": "it puts vectors before the text, where images are counted by their tokens",
    "prefix_tuning": "PEFT's wrapper drops the positions that images need; a prefix trained "
    "elsewhere can be used (docs/models.md)",
}
PARTS = ("language", "projector", "vision")
OVERLAPS = ("warn", "refuse", "leave_out")


@dataclass(frozen=True)
class LoraSettings:
    """The adapter (Hu et al. 2021).

    Attributes:
        r: Rank.
        alpha: The update is scaled by alpha / r (by alpha / sqrt(r) with `rslora`).
        dropout: On the adapter's input while training.
        target_modules: `language` (every linear layer of the language model), `vision` (those of
            the vision tower and its projector), `all`, or the names of layers.
        modules_to_save: Layers trained whole beside the adapter, such as `embed_tokens`.
        init: How it begins: empty (PEFT's own: no change of the base), or one of `INITS`. `pissa`
            and `olora` take the adapter's start off the base's weights.
        rslora: Rank-stabilised scaling.
        dora: Weight-decomposed (Liu et al. 2024); slower.
    """

    r: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    target_modules: str | tuple[str, ...] = "language"
    modules_to_save: tuple[str, ...] = ()
    init: str = ""
    rslora: bool = False
    dora: bool = False


@dataclass(frozen=True)
class TrainConfig:
    """A fine-tuning; the keys of the YAML file.

    Attributes:
        train: `dataset/split` or `dataset/split[:800]`, one or several.
        eval: The same, to be evaluated on; empty for none.
        report: The same, to be reported on afterwards by `wb run-eval`; kept apart, never asked.
        overlap: What to do where `train` holds texts or images of `eval` or `report`, or `eval`
            of `report`: one of `OVERLAPS`. `leave_out` takes those samples out of the first.
        model, adapter, quantization, dtype, device, attention, revision: What to start from. An
            adapter given is trained further.
        image_min_pixels, image_max_pixels: As `--min-pixels` and `--max-pixels`; 0 leaves them to
            the processor.
        quant_type, double_quant, quant_compute_dtype: As the flags of 4bit weights.
        method: One of `METHODS`.
        parts: Which of `PARTS` train; empty: the language model, or what `lora.target_modules`
            says.
        lora: See `LoraSettings`.
        peft: Fields of one of PEFT's configs, for `method: peft` (with `peft_type`) and `ia3`.
        templates: Names of the pool; each sample is asked in one that fits its task, drawn anew
            each epoch. Empty: the task's default.
        batch_size: Samples per forward.
        gradient_accumulation: Forwards per step.
        learning_rate: At its height.
        scheduler: One of `SCHEDULERS`.
        warmup: Share of the steps (below 1) or steps.
        weight_decay: AdamW's.
        max_grad_norm: Gradients are clipped to it; 0 is off.
        label_smoothing: Share of the target's mass that is spread over the vocabulary.
        epochs: Times over the data, unless `max_steps` is given.
        max_steps: Steps in all; 0 leaves it to `epochs`.
        max_minutes: Stop there whatever is left; 0 is off. The schedule does not know of it.
        eval_samples: Drawn by the seed from `eval`; 0 for all.
        eval_batch_size: Prompts at once when answers are generated.
        eval_new_tokens: Longest answer.
        keep: `best` (by the evaluation) or `last`: which adapter the run ends with.
        save_every: Steps between checkpoints; 0 for once an epoch.
        keep_checkpoints: How many of the newest stay.
        log_every: Steps between figures.
        cache_mb: Memory for preprocessed images.
        seed: Of the order, the draws and the initial weights.
        threads: For torch on a CPU; 0 leaves it as it is.
        name: What to call it.
    """

    train: tuple[str, ...]
    eval: str = ""
    report: str = ""
    overlap: str = "warn"
    model: str = "demo"
    adapter: str = ""
    quantization: str = "none"
    dtype: str = "auto"
    device: str = "auto"
    attention: str = "sdpa"
    revision: str = ""
    image_min_pixels: int = 0
    image_max_pixels: int = 0
    quant_type: str = ""
    double_quant: bool = True
    quant_compute_dtype: str = ""
    method: str = "lora"
    parts: tuple[str, ...] = ()
    lora: LoraSettings = field(default_factory=LoraSettings)
    peft: Mapping[str, Any] = field(default_factory=dict)
    templates: tuple[str, ...] = ()
    batch_size: int = 16
    gradient_accumulation: int = 1
    learning_rate: float = 2e-4
    scheduler: str = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    label_smoothing: float = 0.0
    epochs: float = 3.0
    max_steps: int = 0
    max_minutes: float = 0.0
    eval_samples: int = 200
    eval_batch_size: int = 32
    eval_new_tokens: int = 48
    keep: str = "best"
    save_every: int = 0
    keep_checkpoints: int = 2
    log_every: int = 10
    cache_mb: int = 1024
    seed: int = 0
    threads: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        if problems := check(self):
            raise UsageError("; ".join(problems), kind="bad_config", hint=HINT)

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
            quant_type=self.quant_type or None,
            double_quant=None if self.double_quant else False,
            quant_compute_dtype=self.quant_compute_dtype or None,
        )

    def to_json(self) -> dict[str, Any]:
        """As YAML and JSON hold it."""
        return _plain(asdict(self))

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str = "the config") -> TrainConfig:
        """From a mapping as YAML gives it.

        Raises:
            UsageError: With every unknown key, wrong type and impossible value in one message.
        """
        problems: list[str] = []
        kwargs = _coerce(cls, values, "", problems)
        if "train" not in values:
            problems.append("'train' is missing: name what to train on, such as demo/train[:2000]")
            kwargs["train"] = ("-",)
        elif "train" not in kwargs:
            kwargs["train"] = ("-",)
        config = object.__new__(cls)
        for f in fields(cls):
            object.__setattr__(config, f.name, kwargs.get(f.name, _default(f)))
        problems += [p for p in check(config) if p not in problems]
        if problems:
            raise UsageError(f"{where}: " + "; ".join(problems), kind="bad_config", hint=HINT)
        return config


HINT = "docs/training.md lists the keys; examples/ has whole files"


def load_config(path: str | Path) -> TrainConfig:
    """The config of a YAML file. Raises `UsageError` with all of its faults at once."""
    return TrainConfig.from_json(load_values(path), str(path))


def load_values(path: str | Path) -> dict[str, Any]:
    """The keys of a YAML file, unchecked. Raises `UsageError` where it is none."""
    import yaml

    file = Path(path)
    try:
        values = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the config {file}: {error}", hint="give the path of a YAML file"
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not YAML: {error}", kind="bad_config") from error
    if not isinstance(values, dict):
        raise UsageError(
            f"{file} holds {type(values).__name__}, not keys with values",
            kind="bad_config",
            hint=HINT,
        )
    return values


def check(config: TrainConfig) -> list[str]:
    """Every impossible value, in the words of the keys."""
    lora = config.lora
    rules: list[tuple[bool, str, Any, str]] = [
        (not config.train, "train", config.train, "at least one dataset"),
        (config.batch_size < 1, "batch_size", config.batch_size, "at least 1"),
        (
            config.gradient_accumulation < 1,
            "gradient_accumulation",
            config.gradient_accumulation,
            "at least 1",
        ),
        (
            not 0 < config.learning_rate < 10,
            "learning_rate",
            config.learning_rate,
            "a number above 0 (1e-4 is common for LoRA)",
        ),
        (
            config.scheduler not in SCHEDULERS,
            "scheduler",
            config.scheduler,
            f"one of {', '.join(SCHEDULERS)}",
        ),
        (config.warmup < 0, "warmup", config.warmup, "a share below 1, or steps"),
        (config.weight_decay < 0, "weight_decay", config.weight_decay, "at least 0"),
        (config.max_grad_norm < 0, "max_grad_norm", config.max_grad_norm, "at least 0"),
        (
            not 0 <= config.label_smoothing < 1,
            "label_smoothing",
            config.label_smoothing,
            "from 0 to below 1",
        ),
        (
            not 0 < config.epochs < math.inf and not config.max_steps,
            "epochs",
            config.epochs,
            "above 0",
        ),
        (config.max_steps < 0, "max_steps", config.max_steps, "at least 0"),
        (config.max_minutes < 0, "max_minutes", config.max_minutes, "at least 0"),
        (config.eval_samples < 0, "eval_samples", config.eval_samples, "at least 0"),
        (config.eval_batch_size < 1, "eval_batch_size", config.eval_batch_size, "at least 1"),
        (config.eval_new_tokens < 1, "eval_new_tokens", config.eval_new_tokens, "at least 1"),
        (config.keep not in ("best", "last"), "keep", config.keep, "best or last"),
        (config.overlap not in OVERLAPS, "overlap", config.overlap, "warn, refuse or leave_out"),
        (config.save_every < 0, "save_every", config.save_every, "at least 0"),
        (config.keep_checkpoints < 1, "keep_checkpoints", config.keep_checkpoints, "at least 1"),
        (config.log_every < 1, "log_every", config.log_every, "at least 1"),
        (config.cache_mb < 0, "cache_mb", config.cache_mb, "at least 0"),
        (config.threads < 0, "threads", config.threads, "at least 0"),
        (not 0 <= config.seed < 2**32, "seed", config.seed, "from 0 to 2^32 - 1"),
        (lora.r < 1, "lora.r", lora.r, "at least 1"),
        (lora.alpha <= 0, "lora.alpha", lora.alpha, "above 0"),
        (not 0 <= lora.dropout < 1, "lora.dropout", lora.dropout, "from 0 to below 1"),
        (
            isinstance(lora.target_modules, str) and lora.target_modules not in TARGETS,
            "lora.target_modules",
            lora.target_modules,
            f"{', '.join(TARGETS)}, or a list of layers' names",
        ),
    ]
    rules += [
        (
            bool(set(config.parts) - set(PARTS)),
            "parts",
            list(config.parts),
            f"some of {', '.join(PARTS)}",
        ),
        (
            lora.init not in ("", *INITS),
            "lora.init",
            lora.init,
            f"one of {', '.join(INITS)}, or to be left out",
        ),
    ]
    problems = [f"'{key}' wants {wants}, got {value!r}" for bad, key, value, wants in rules if bad]
    problems += _method_problems(config)
    try:
        refuse_weights(config.spec, "'model': a fine-tune")
    except (UsageError, ModelError) as error:
        problems.append(error.message)
    return problems


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
    if method != "lora" and config.adapter:
        problems.append(f"'adapter' is trained further as a LoRA, and 'method' is {method}")
    if config.peft and method not in ("peft", "ia3"):
        problems.append(f"'peft' says nothing to 'method' {method}")
    if method == "peft" and "peft_type" not in config.peft:
        problems.append("'peft.peft_type' is missing: name one of PEFT's kinds, such as VERA")
    if method == "ia3" and "peft_type" in config.peft:
        problems.append("'peft.peft_type' goes with 'method' peft")
    if config.parts and lora.target_modules in ("vision", "all"):
        problems.append("'parts' and 'lora.target_modules' both say which part: leave one out")
    if lora.init in ("pissa", "olora") and config.quantization != "none":
        problems.append(f"'lora.init' {lora.init} changes the base, whose weights are quantised")
    return problems


def _coerce(
    cls: type, values: Mapping[str, Any], prefix: str, problems: list[str]
) -> dict[str, Any]:
    """Values of the types that the fields have; what cannot be is told and left out."""
    known = {f.name: f for f in fields(cls)}
    out: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f" (did you mean '{prefix}{near[0]}'?)" if near else ""
            problems.append(f"there is no key '{prefix}{key}'{meant}")
            continue
        if key == "lora":
            if not isinstance(value, Mapping):
                problems.append(f"'lora' wants keys of its own, got {value!r}")
                continue
            inner = _coerce(LoraSettings, value, "lora.", problems)
            out[key] = LoraSettings(**inner)
            continue
        if key == "peft":
            if not isinstance(value, Mapping):
                problems.append(f"'peft' wants keys of its own, got {value!r}")
                continue
            out[key] = dict(value)
            continue
        try:
            out[key] = _as(str(known[key].type), value)
        except (TypeError, ValueError):
            wants = _NAMES.get(str(known[key].type), str(known[key].type))
            problems.append(f"'{prefix}{key}' wants {wants}, got {value!r}")
    return out


_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "tuple[str, ...]": "a list of texts",
    "str | tuple[str, ...]": "a text or a list of texts",
}


def _as(kind: str, value: Any) -> Any:
    if kind == "bool":
        if not isinstance(value, bool):
            raise TypeError
        return value
    if kind in ("int", "float"):
        # YAML 1.1 reads 2e-4 as text, which nobody means.
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError
        number = float(value)
        if kind == "float":
            return number
        if number != int(number):
            raise ValueError
        return int(number)
    if kind == "str":
        if value is None:
            return ""
        if not isinstance(value, str):
            raise TypeError
        return value
    if isinstance(value, str):
        return value if kind.startswith("str |") else (value,)
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
        raise TypeError
    return tuple(value)


def _default(f: Any) -> Any:
    from dataclasses import MISSING

    return f.default_factory() if f.default_factory is not MISSING else f.default


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
