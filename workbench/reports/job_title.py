"""What a job is called in lists: what it does and to what, the same whoever starts it.

Not for what a user named a job: `wb jobs start --title` is kept as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from sessions.ids import short_id
from workbench.models.names import adapter_name, model_name

MOST = 80  # characters
_BOOLEAN = ("--detach", "--json", "--fresh", "--show-batch")
# Of an evaluation: what tells two of one model and split apart.
_APART = ("template", "control", "vary", "limit", "shard", "seed", "temperature", "prompts")


def job_title(argv: Sequence[str]) -> str:
    """`evaluate demo/test with demo · limit 100`, `train nlvr1`, `resume the evaluation ku8z3k`.

    Args:
        argv: As typed, with or without `wb`; any other command is called as it was typed.
    """
    words = list(argv)
    is_ours = words[:1] == ["wb"]
    words = words[1:] if is_ours else words
    if not words:
        return ""
    said, flags = _taken_apart(words[1:])
    titles = {"run-eval": _evaluation, "train": _training, "infer": _inference}
    if words[0] in titles:
        title = titles[words[0]](said, flags)
    elif words[0] in ("replay", "ablate", "data", "models", "runs"):
        title = " ".join([*words[:1], *said, *filter(None, (flags.get("split"),))])
        title += _with(flags) if words[0] == "replay" else ""
    else:
        title = " ".join(argv)
    return title if len(title) <= MOST else f"{title[: MOST - 1]}…"


def _taken_apart(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The plain words, and the flags with their values; of a flag that is there twice the last."""
    said: list[str] = []
    flags: dict[str, str] = {}
    waiting = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            waiting = "" if equals or name in _BOOLEAN else name[2:]
            flags[name[2:]] = value
            if name == "--set" and equals:
                _set(flags, value)
        elif waiting == "set":
            _set(flags, word)
            waiting = ""
        elif waiting:
            flags[waiting], waiting = word, ""
        else:
            said.append(word)
    return said, flags


def _set(flags: dict[str, str], said: str) -> None:
    key, _, value = said.partition("=")
    flags[f"set {key}"] = value


def _with(flags: Mapping[str, str], model: str = "model", adapter: str = "adapter") -> str:
    """` with demo +lora`; empty where neither is said."""
    names = [model_name(flags[model])] if flags.get(model) else []
    own = flags.get(adapter, "")
    names += [f"+{adapter_name(own)}"] if own and own != "none" else []
    return f" with {' '.join(names)}" if names else ""


def _evaluation(said: Sequence[str], flags: Mapping[str, str]) -> str:
    if run := flags.get("resume"):
        return f"resume the evaluation {short_id(run)}"
    where = "/".join(word for word in (flags.get("dataset"), flags.get("split")) if word)
    title = f"evaluate {where or flags.get('config') or 'as the settings say'}{_with(flags)}"
    if where and flags.get("config"):
        title += f" by {PurePath(flags['config']).stem}"
    apart = [f"{name} {flags[name]}" for name in _APART if flags.get(name)]
    return " · ".join([title, *(word.removeprefix("template ") for word in apart)])


def _training(said: Sequence[str], flags: Mapping[str, str]) -> str:
    if run := flags.get("resume"):
        return f"resume the training {short_id(run)}"
    config = next(iter(said), flags.get("config", ""))
    title = f"train {PurePath(config).stem if config else 'as the settings say'}"
    title += _with(flags, "set model", "set adapter")
    return f"{title} on {flags['set train']}" if flags.get("set train") else title


def _inference(said: Sequence[str], flags: Mapping[str, str]) -> str:
    return f"ask all of {next(iter(said), '')}{_with(flags)}"
