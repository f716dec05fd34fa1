"""The command line that makes a run again, from its config alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from workbench.evaluation.config import EvalConfig
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec, flag_of

# Said by other flags, or by a resume alone.
_NOT_TYPED = frozenset(
    {
        *(
            "dataset",
            "split",
            "spec",
            "decoding",
            "template",
            "spare_uids",
            "retry_failed",
            "retry",
        ),
        *("variant_of", "prefix_cache", "seed", "shot_uids", "batch_size", "threads"),
        *("processes",),
        *("inference_config", "folder", "captions", "fresh"),
        *("shard_batch",),
    }
)


def command_of(config: Mapping[str, Any]) -> str:
    """`wb run-eval …`, or `wb infer …` for captions, with every setting that is not the default.

    Examples are named one by one, so that nothing is drawn again. A config that cannot be read
    (of another version) gives an empty string.
    """
    if given := config.get("imported"):
        return shlex.join(_import_words(config, given))
    try:
        read = EvalConfig.from_json(config)
    except Exception:
        return ""
    if read.captions:
        place = "/".join(part for part in (read.dataset, read.split) if part)
        words = ["wb", "infer", read.folder or place, "--out", "captions.json"]
    else:
        words = ["wb", "run-eval", "--dataset", read.dataset]
        words += ["--split", read.split] if read.split else []
    if read.template:
        version = config.get("template_version")
        words += ["--template", f"{read.template}@{version}" if version else read.template]
    plain = EvalConfig(read.dataset)
    for field in fields(EvalConfig):
        value = getattr(read, field.name)
        if field.name not in _NOT_TYPED and value != getattr(plain, field.name):
            words += _flag(f"--{field.name.replace('_', '-')}", value)
    size = read.shard_batch or read.batch_size
    if read.shard or size != plain.batch_size:  # shards are made of batches
        words += ["--batch-size", str(size)]
    for uid in read.shot_uids:
        words += ["--shot", uid]
    seed = read.seed or read.decoding.seed
    words += ["--seed", str(seed)] if seed else []
    for field in fields(Decoding):
        value = getattr(read.decoding, field.name)
        if field.name not in ("seed", "top_logprobs") and value != field.default:
            words += _flag(f"--{field.name.replace('_', '-')}", value)
    words += ["--model", read.spec.model]
    for field in fields(ModelSpec):
        value = getattr(read.spec, field.name)
        if field.name != "model" and value != field.default:
            words += _flag(flag_of(field.name), value)
    return shlex.join(words)


def _import_words(config: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    template = f"{config.get('template')}@{config.get('template_version')}"
    return [
        *("wb", "runs", "import", str(given.get("path")), "--dataset", str(config.get("dataset"))),
        *("--split", str(config.get("split")), "--model", str(config.get("model"))),
        *("--template", template, "--format", str(given.get("format"))),
    ]


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [name] if value else []
    if isinstance(value, (tuple, list)):
        return [word for item in value for word in (name, str(item))]
    return [name, str(value)] if value is not None else []
