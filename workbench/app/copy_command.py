"""The `wb …` line that does what is on the screen: for a script, a colleague, a paper's appendix.

Guarantee: the line is quoted for a POSIX shell and names only what differs from the defaults, so
that it is read as easily as it is run.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec

_SPEC_FLAGS = (
    *("adapter", "quantization", "dtype", "device", "revision", "attention"),
    *(
        "image_min_pixels",
        "image_max_pixels",
        "quantize_parts",
        "quant_type",
        "quant_compute_dtype",
    ),
)


def line(argv: Sequence[str]) -> str:
    """`wb …` as one types it."""
    return shlex.join(["wb", *argv])


def model_flags(spec: ModelSpec) -> list[str]:
    """`--model` and what differs from the defaults beside it."""
    from workbench.models.offers import typed_adapter
    from workbench.models.spec import flag_of

    plain = type(spec)()
    flags = ["--model", spec.model]
    for name in _SPEC_FLAGS:
        value = getattr(spec, name)
        usual = "language" if name == "quantize_parts" else getattr(plain, name)
        if value is not None and value != usual:
            said = typed_adapter(spec) if name == "adapter" else str(value)
            flags += [flag_of(name), said]
    return flags + (["--no-double-quant"] if spec.double_quant is False else [])


def knob_flags(decoding: Decoding, *, skip: Sequence[str] = ()) -> list[str]:
    """The knobs that differ from the defaults, the seed wherever sampling needs it."""
    plain = type(decoding)()
    flags: list[str] = []
    for knob in fields(decoding):
        value = getattr(decoding, knob.name)
        needed = knob.name == "seed" and decoding.temperature > 0
        if knob.name in skip or (value == getattr(plain, knob.name) and not needed):
            continue
        flag = f"--{knob.name.replace('_', '-')}"
        if isinstance(value, tuple):
            for part in value:
                flags += [flag, part]
        else:
            flags += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return flags


def prompt_argv(
    uid: str,
    spec: ModelSpec,
    decoding: Decoding,
    *,
    text: str | None = None,
    template: str | None = None,
    system: str | None = None,
    shots: Sequence[str] = (),
) -> list[str]:
    """`wb prompt`: a template by name, or free text; `shots` are the flags of its examples."""
    argv = ["prompt", uid]
    if template:
        argv += ["--template", template]
    elif system:
        argv += ["--system", system]
    argv += model_flags(spec)
    argv += shots
    flags = knob_flags(decoding)
    if shots and "--seed" not in flags:
        flags += ["--seed", str(decoding.seed)]
    return argv + flags + _free_text(text, template)


def gradcam_argv(
    uid: str,
    spec: ModelSpec,
    *,
    text: str | None,
    template: str | None,
    answer: str,
    token: int,
) -> list[str]:
    """`wb gradcam`: the heat of one token of an answer."""
    argv = ["gradcam", uid]
    if template:
        argv += ["--template", template]
    argv += [*model_flags(spec), "--token", str(token)]
    if answer:
        argv += [f"--answer={answer}"]
    return argv + _free_text(text, template)


def _free_text(text: str | None, template: str | None) -> list[str]:
    """Free text last; after `--` where it could be taken for a flag."""
    if template or text is None:
        return []
    return ["--", text] if text.startswith("-") else [text]


def run_eval_argv(
    dataset: str,
    split: str,
    spec: ModelSpec,
    decoding: Decoding,
    *,
    template: str | None = None,
    shots: Sequence[str] = (),
    limit: int | None = None,
) -> list[str]:
    """`wb run-eval` for the present dataset and settings."""
    argv = ["run-eval", "--dataset", dataset, "--split", split, *model_flags(spec)]
    if template:
        argv += ["--template", template]
    if limit is not None:
        argv += ["--limit", str(limit)]
    argv += shots
    # The longest answer has a default of its own there: said in full, both mean the same.
    flags = knob_flags(decoding, skip=("top_logprobs", "max_new_tokens"))
    return [*argv, *flags, "--max-new-tokens", str(decoding.max_new_tokens)]


def similar_argv(uid: str, by: str, spec: ModelSpec, limit: int) -> list[str]:
    """`similar UID` with the measure, and the model where it is asked.

    Args:
        uid: The sample.
        by: `text`, `pixels` or `image`.
        spec: The model in use.
        limit: Samples of each split that are compared.
    """
    model = model_flags(spec) if by == "image" else []
    return ["similar", uid, "--by", by, "--limit", str(limit), *model]
