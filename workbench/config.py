"""The settings: `$WB_HOME/config.toml`, then `WB_*` variables, then flags; the later one wins.

Guarantee: frozen, and checked once, here, in the words that the user typed; everything that is
wrong stands in one message. Not for state (what was open last) nor for secrets: tokens stay in
the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from sessions.redact import holds_secret
from workbench.config_file import FILE_NAME, change, config_path, is_binding, read_file
from workbench.errors import UsageError
from workbench.knobs import RANGES, Knob, choice, flag, number, text, whole

# Variables that `wb` reads and that are no settings: where things lie, and what a job is told.
OTHER_VARIABLES = frozenset(
    {
        *("WB_HOME", "WB_SESSION", "WB_GPU", "WB_JOB_PROGRESS", "WB_JOB_DIR", "WB_CONFIG"),
        "WB_OPENAI_API_KEY",  # a secret: no setting, so that it is in no file
    }
)

# Read low in the house straight from the environment, so that jobs and the engine inherit them.
EXPORTED = (
    *("max_pixels", "max_scans", "max_columns", "fetch", "fetch_allow", "local_dir"),
    *("engine_idle_minutes", "engine_stall_s", "remote_silence_s"),
    *("hub_cache_mb", "keep_images_mb", "prefix_cache_mb", "keep_answers_mb"),
    "keep_features_mb",
)


def knob(said: Knob) -> Any:
    """A field of `Settings` that is the setting of its name: the one place that declares it."""
    return field(default=said.default, metadata={"knob": said})


@dataclass(frozen=True)
class Settings:
    """Every setting, and where each came from.

    A setting is declared here alone: its name (also that of its `WB_…` variable and its flag),
    type, default, range and help.

    Attributes:
        keymap: Binding id to keys, as Textual's `App.set_keymap` takes it.
        sources: Setting to `config.toml`, a `WB_*` variable or a flag; defaults are not in it.
        problems: What was wrong, where the settings were read with `strict=False`.
    """

    model: str = knob(text("demo", "The model: `demo`, a folder, a hub id, or `openai:URL#NAME`."))
    adapter: str | None = knob(text(None, "A PEFT adapter's folder over the model."))
    revision: str | None = knob(text(None, "Branch, tag or commit of a hub model."))
    quantization: str = knob(
        choice("none", ("none", "4bit", "8bit"), "How the weights are stored in memory.")
    )
    dtype: str = knob(
        choice("auto", ("auto", "bf16", "fp16", "fp32"), "What the model computes in.")
    )
    device: str = knob(text("auto", "`auto`, `cpu`, `cuda:1`, `cuda:0,cuda:1`, `balanced`."))
    attention: str = knob(
        choice("sdpa", ("sdpa", "eager", "flash_attention_2"), "Attention kernels.")
    )
    image_min_pixels: int | None = knob(
        whole(None, 1, 2**40, "Smaller images are enlarged for the model.")
    )
    image_max_pixels: int | None = knob(
        whole(None, 1, 2**40, "Larger images are scaled down for the model.")
    )
    quantize_parts: str | None = knob(
        choice(
            None,
            ("language", "vision", "all"),
            "Which weights are quantised; default: language.",
        )
    )
    quant_type: str | None = knob(
        choice(None, ("nf4", "fp4"), "The number format of 4bit weights; default: nf4.")
    )
    double_quant: bool | None = knob(
        flag(None, "Quantise the scales of 4bit weights too; default: yes.")
    )
    quant_compute_dtype: str | None = knob(
        choice(None, ("bf16", "fp16", "fp32"), "The dtype of products with 4bit weights.")
    )
    dataset: str = knob(text("demo", "The dataset that the bench opens first."))
    split: str = knob(text("test", "The split that the bench opens first."))
    mode: str = knob(
        choice("auto", ("auto", "streamed", "cached"), "How remote datasets are read.")
    )
    template: str | None = knob(text(None, "The prompt template that the bench begins with."))
    temperature: float | None = knob(number(None, 0, 100, "0 is greedy."))
    max_new_tokens: int | None = knob(
        whole(None, 1, int(RANGES["max_new_tokens"].high), "The longest answer, in tokens.")
    )
    seed: int | None = knob(
        whole(None, 0, int(RANGES["seed"].high), "The seed of all random draws.")
    )
    batch_size: int | None = knob(whole(None, 1, 100_000, "Prompts at once in an evaluation."))
    images: str = knob(
        choice(
            "auto", ("auto", "kitty", "sixel", "iterm2", "halfcell", "off"), "How images are drawn."
        )
    )
    theme: str = knob(text("textual-dark", "The bench's theme."))
    colormap: str = knob(
        choice("turbo", ("turbo", "viridis", "inferno", "jet", "grey"), "The colours of a heatmap.")
    )
    opacity: float = knob(number(0.5, 0, 1, "The opacity of a heatmap over its image."))
    engine_idle_minutes: float = knob(
        number(30.0, 0, 100_000, "Minutes after which an unused engine ends; 0 is never.")
    )
    engine_stall_s: float = knob(
        number(
            30.0,
            0.1,
            86_400,
            "Seconds without progress until waiting clients are told what the engine does.",
        )
    )
    remote_silence_s: float = knob(number(300.0, 0.1, 86_400, "Seconds a server may stay silent."))
    max_pixels: int = knob(whole(64_000_000, 1, 2**40, "The largest image that is decoded."))
    max_scans: int = knob(whole(100, 1, 2**31, "The most scans of a progressive JPEG."))
    max_columns: int = knob(whole(4096, 1, 2**31, "The most columns of a table."))
    fetch: bool = knob(flag(False, "Fetch images that a dataset names by URL."))
    fetch_allow: str | None = knob(
        text(None, "Hosts on your own network that may be fetched from, comma-separated.")
    )
    hub_cache_mb: int = knob(
        whole(4096, 0, 2**40, "Megabytes of streamed data that are kept on disk.")
    )
    keep_images_mb: int = knob(
        whole(2048, 0, 2**40, "Megabytes of images kept for the record; 0: none.")
    )
    keep_answers_mb: int = knob(
        whole(1024, 0, 2**40, "Megabytes of evaluations' answers kept to be used again; 0: none.")
    )
    keep_features_mb: int = knob(
        whole(512, 0, 2**40, "Megabytes of pictures' features kept to be used again; 0: none.")
    )
    prefix_cache_mb: int | None = knob(
        whole(
            None,
            0,
            2**40,
            "Megabytes of prefix cache in memory; 0: none. Default: a quarter of what is free.",
        )
    )
    local_dir: str | None = knob(
        text(None, "A folder on a local disk for databases, if WB_HOME is on a network disk.")
    )
    keymap: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """The settings alone, `keymap` as a dict."""
        names = [f.name for f in fields(self) if f.name not in {"sources", "problems"}]
        return {name: getattr(self, name) for name in names} | {"keymap": dict(self.keymap)}

    def chosen(self) -> dict[str, Any]:
        """The settings that someone chose: a command's own defaults stand for the others."""
        return {name: getattr(self, name) for name in self.sources if name in KNOBS}

    def export(self) -> None:
        """Hand on to the environment what the file says and low rooms read there."""
        for name in EXPORTED:
            value = getattr(self, name)
            if name in self.sources and value is not None:
                word = str(int(value)) if isinstance(value, bool) else str(value)
                os.environ.setdefault(variable(name), word)


KNOBS: dict[str, Knob] = {f.name: f.metadata["knob"] for f in fields(Settings) if f.metadata}


def load_settings(flags: Mapping[str, Any] | None = None, *, strict: bool = True) -> Settings:
    """Read all settings.

    Args:
        flags: What was typed, by setting; `None` values were not typed.
        strict: Raise for what is wrong; otherwise keep the default and say so in `.problems`.

    Raises:
        UsageError: With everything that is wrong in one message.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    keymap: dict[str, str] = {}
    for name, raw, said, source in _said(flags or {}, problems):
        if name == "keymap":
            keymap = _keymap(raw, problems)
            sources["keymap"] = source
            continue
        try:
            values[name] = KNOBS[name].read(raw)
            sources[name] = source
        except ValueError as error:
            problems.append(f"{said} {error}")
    if problems and strict:
        raise UsageError(
            "; ".join(problems),
            hint=f"mend it there, or: wb config unset NAME (the file is {config_path()})",
            kind="bad_setting",
        )
    return Settings(**values, keymap=keymap, sources=sources, problems=tuple(problems))


def variable(name: str) -> str:
    """The environment variable of a setting: `max_pixels` is `WB_MAX_PIXELS`."""
    return f"WB_{name.upper()}"


def unknown_variables() -> list[str]:
    """`WB_*` variables that are set and mean nothing: most likely misspelt."""
    known = OTHER_VARIABLES | {variable(name) for name in KNOBS}
    return sorted(name for name in os.environ if name.startswith("WB_") and name not in known)


def set_setting(name: str, value: Any) -> Any:
    """Check one setting and write it to the file; returns it as it was understood.

    Args:
        name: A setting, or `keymap.BINDING`.
        value: As typed, or already of its type.

    Raises:
        UsageError: Unknown, or not a value for it; the file is untouched.
        RecordError: The file cannot be written.
    """
    if holds_secret(str(value)):
        raise UsageError(
            f"{name}: a URL with a password or a token in it is kept in no file",
            hint="give the URL alone; a key comes from the environment",
        )
    checked = str(value) if is_binding(name) else _checked(name, value)
    if checked is None:
        unset_setting(name)
        return None
    change(name, checked)
    return checked


def unset_setting(name: str) -> bool:
    """Take one setting out of the file, a misspelt one too; whether it was in there.

    Raises:
        UsageError: It is not in the file, and no setting has that name.
    """
    was_there = change(name, None)
    if not was_there and name not in KNOBS and not is_binding(name):
        raise UsageError(unknown(name), hint="see: wb config list", kind="unknown_name")
    return was_there


def _checked(name: str, value: Any) -> Any:
    if name not in KNOBS:
        raise UsageError(unknown(name), hint="see: wb config list", kind="unknown_name")
    try:
        return KNOBS[name].read(value)
    except ValueError as error:
        raise UsageError(f"{name} {error}", kind="bad_setting") from None


def _said(flags: Mapping[str, Any], problems: list[str]) -> list[tuple[str, Any, str, str]]:
    """`(setting, raw value, how to name it, source)`, the weakest source first."""
    said: list[tuple[str, Any, str, str]] = []
    try:
        table = read_file()
    except UsageError as error:
        problems.append(error.message)
        table = {}
    for name, raw in table.items():
        if name not in KNOBS and name != "keymap":
            problems.append(f"{unknown(name)} (in {config_path()})")
        else:
            said.append((name, raw, f"{name} in {FILE_NAME}", FILE_NAME))
    for name in KNOBS:
        raw = os.environ.get(variable(name))
        if raw:
            said.append((name, raw, variable(name), variable(name)))
    for name, raw in flags.items():
        if raw is not None:
            word = f"--{name.replace('_', '-')}"
            said.append((name, raw, word, word))
    return said


def _keymap(raw: Any, problems: list[str]) -> dict[str, str]:
    if not isinstance(raw, dict):
        problems.append(f'keymap in {FILE_NAME} wants a table of binding = "keys", got {raw!r}')
        return {}
    wrong = [key for key, value in raw.items() if not isinstance(value, str) or not value]
    problems.extend(
        f'keymap.{key} in {FILE_NAME} wants keys such as "p" or "ctrl+p,f2", got {raw[key]!r}'
        for key in wrong
    )
    return {key: value for key, value in raw.items() if key not in wrong}


def unknown(name: str) -> str:
    """What to say of a name that is no setting."""
    near = get_close_matches(name, [*KNOBS, "keymap"], n=2)
    return f"unknown setting {name!r}" + (f", did you mean {' or '.join(near)}?" if near else "")
