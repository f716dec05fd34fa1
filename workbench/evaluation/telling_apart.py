"""What tells runs of one dataset and model apart, in a few words: `temperature 0.7 · limit 100`.

Guarantee: a setting is named only where runs that look alike differ in it, so that a list stays
short; what is computed from other settings (digests, identities) is never named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.evaluation.comparison import SETTING_NAMES, is_known
from workbench.evaluation.variants import variant_named

# Said by the list itself.
_SHOWN = {"dataset", "split", "train", "model", "adapter", "name", "control", "vary"}
# Follows from other settings, or says how fast and not what.
_SILENT = {
    *("identity", "settings_key", "images_digest", "template_digest", "texts_unseen", "drawn"),
    *("labels", "shot_images", "spare_uids", "dataset_revision", "task", "threads"),
    *("prefix_cache", "batch_size", "cache_mb", "eval_batch_size", "label_scores", "variant_of"),
    *("retry_failed", "retry", "decoding.top_logprobs", "asked", "log_every", "keep_checkpoints"),
    *("inference_config", "inputs", "started_from", "metrics", "bertscore_model"),
    *("fresh", "answers_unkept", "adapter_note", "processes", "processes_lost"),
    *("shard_batch", "whole", "merged_from", "merged_seconds"),
}
_SHOTS = "shot_uids"  # `shots` is 0 once they are drawn
_MOST = 4


def told_apart(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """For each run the settings in which it differs from others of its name; empty for none.

    Args:
        runs: (kind, config) of each, in any order.
    """
    flat = [_flat(config) for _, config in runs]
    # A wording that was asked of another run's samples is in the run's name.
    worded = [variant_named(config) for _, config in runs]
    groups: dict[Any, list[int]] = defaultdict(list)
    for number, (kind, config) in enumerate(runs):
        shown = (_key(config.get(name)) for name in sorted(_SHOWN))
        groups[(kind, worded[number], *shown)].append(number)
    words = [""] * len(runs)
    for members in groups.values():
        names = dict.fromkeys(name for number in members for name in flat[number])
        knows = {n: [m for m in members if is_known(runs[m][1], n)] for n in names}
        varied = [n for n in names if len({_key(flat[m].get(n)) for m in knows[n]}) > 1]
        # A seed that decoding took over from the run is one difference, not two.
        if "seed" in varied:
            varied = [name for name in varied if name != "decoding.seed"]
        # How many is enough, unless some have as many others.
        drawn = {tuple(flat[m][_SHOTS]) for m in members if _SHOTS in flat[m]}
        by_count = len({len(uids) for uids in drawn}) == len(drawn)
        for number in members:
            told = [name for name in varied if number in knows[name]]
            values = {name: flat[number].get(name) for name in told[:_MOST]}
            if by_count and _SHOTS in values:
                values[_SHOTS] = len(values[_SHOTS] or ())
            said = [_said(name, value) for name, value in values.items()]
            words[number] = " · ".join([*said, "…"] if len(told) > _MOST else said)
    return words


def _said(name: str, value: Any) -> str:
    if name == _SHOTS:
        return _shots_said(value)
    name = name.removeprefix("decoding.")
    name = SETTING_NAMES.get(name, name)
    if name == "template":  # its value says what it is
        return str(value or "the task's template")
    if name == "limit":
        return f"limit {value}" if value else "all samples"
    if name == "imported":
        return f"imported from {value}" if value else "asked here"
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if value in (None, "", [], ()):
        return f"no {name}"
    if isinstance(value, (list, tuple)):
        return f"{name} {', '.join(map(str, value[:3]))}{'…' if len(value) > 3 else ''}"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _shots_said(value: Any) -> str:
    """`2 shots`, or with the ends of their UIDs: `2 shots (000003, 000001)`."""
    if not value:
        return "no shots"
    count = value if isinstance(value, int) else len(value)
    words = f"{count} shot" if count == 1 else f"{count} shots"
    if isinstance(value, int):
        return words
    ends = ", ".join(str(uid).rpartition("/")[2] for uid in value[:3])
    return f"{words} ({ends}{'…' if count > 3 else ''})"


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name in _SILENT or name in _SHOWN:
            continue
        if name == "imported" and isinstance(value, Mapping):
            out[name] = str(value.get("file") or "a file")
        elif isinstance(value, Mapping):
            out |= _flat(value, f"{name}.")
        else:
            out[name] = value
    return out


def _key(value: Any) -> str:
    """What was not said is as what was said to be none."""
    return "" if value in (None, "", 0, False, [], ()) else repr(value)
