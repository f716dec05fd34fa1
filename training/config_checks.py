"""What is wrong between the keys of a fine-tuning's config, each fault in the words of its keys.

Guarantee: imports no torch and looks at no data. Not for what a key alone can be: its type says so.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from training.best import refuse_unknown
from training.config_groups import (
    FURTHER,
    METHODS,
    OF_BOTTLENECKS,
    OF_VIRTUAL,
    UNUSABLE,
    VIRTUAL,
    EarlyStopping,
    HeadSettings,
    LoraSettings,
)
from workbench.errors import ModelError, UsageError
from workbench.models.remote_model import refuse_weights

if TYPE_CHECKING:
    from training.train_config import TrainConfig


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
    method, fields = config.method, type(config).model_fields
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
        if getattr(config, key) != type(config).model_fields[key].default:
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
