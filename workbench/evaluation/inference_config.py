"""All that a recipe's run needs, by name: data, model, prompt, examples, decoding, metrics.

`wb run-eval --config NAME` and `wb infer --config NAME` take what such a file says as their
defaults; a flag goes before it. A file is one of those that come with `wb`, one of the user's own
(`$WB_HOME/inference/NAME.toml`), or any path. Guarantee: imports nothing heavy; all faults of a
file in one message. Not for trainings: see `training.train_config`, which nothing here imports.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sessions.plain_files import load_toml, read_text
from workbench.errors import UnknownName, UsageError
from workbench.evaluation.columns import read_columns
from workbench.evaluation.config import EvalConfig
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

SHIPPED = Path(__file__).resolve().parent / "inference_configs"
_OF_MODEL = tuple(field.name for field in fields(ModelSpec))
_OF_DECODING = tuple(f.name for f in fields(Decoding) if f.name != "top_logprobs")
# What is asked and what of it is worked out, by the names of `EvalConfig`.
_OF_EVALUATION = (
    *(
        "dataset",
        "split",
        "template",
        "limit",
        "random",
        "batch_size",
        "processes",
        "shots",
        "shots_from",
    ),
    *("shots_right_in", "answer", "samples", "positive", "metrics", "bertscore_model"),
)
KEYS = ("description", "needs", *_OF_EVALUATION, *_OF_DECODING, *_OF_MODEL, "columns")
_TEXTS = (
    *(
        "description",
        "needs",
        "dataset",
        "split",
        "template",
        "shots_from",
        "shots_right_in",
        "answer",
    ),
    *("positive", "metrics", "bertscore_model", "columns", "model", "adapter", "device"),
    "revision",
)
_WHOLE = ("limit", "batch_size", "processes", "shots", "samples")


@dataclass(frozen=True)
class InferenceConfig:
    """One of them.

    Attributes:
        name: As it was asked for; a path is whole.
        description: What it is for, one line.
        needs: The command that adds its data, to be told where they are not there.
        values: What it says, by the names of the flags with underscores.
    """

    name: str
    description: str
    needs: str
    values: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What `EvalConfig` takes of it but for the data: `EvalConfig("mine/test", **settings)`."""
        of_model = {k: v for k, v in self.values.items() if k in _OF_MODEL}
        knobs = {k: v for k, v in self.values.items() if k in _OF_DECODING} | {"top_logprobs": 0}
        decoding = Decoding.from_json(knobs)
        asked = {k: v for k, v in self.values.items() if k in _OF_EVALUATION}
        return {k: v for k, v in asked.items() if k not in ("dataset", "split")} | {
            "spec": ModelSpec(**of_model),
            "decoding": decoding,
            "seed": decoding.seed,
            "inference_config": self.name,
        }

    def evaluation(self, **changes: Any) -> EvalConfig:
        """The whole of it, some settings changed. Raises `UsageError`, without data too."""
        place = {k: v for k, v in self.values.items() if k in ("dataset", "split")}
        if "dataset" in changes:
            place.pop("split", None)
        return EvalConfig(**{**place, **self.settings, **changes})

    def to_json(self) -> dict[str, Any]:
        """What a list of configs prints of it."""
        head = {"name": self.name, "description": self.description, "needs": self.needs}
        return {**head, **self.values}


def user_folder() -> Path:
    """Where the user's own lie; need not exist."""
    from sessions.paths import home

    return home(create=False) / "inference"


def inference_configs() -> dict[str, Path]:
    """Name -> file of all that can be named; the user's own take the place of shipped ones."""
    folders = (SHIPPED, user_folder())
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def load_inference_config(name: str) -> InferenceConfig:
    """The config of a name or a path.

    Raises:
        UnknownName: None is called so.
        UsageError: The file cannot be read, or what it says cannot be meant; with every fault.
    """
    path = Path(name).expanduser()
    if not path.suffix and len(path.parts) == 1:
        path = _named(name)
    else:
        path = path.absolute()
        name = str(path)
    try:
        content = load_toml(read_text(path))
    except OSError as error:
        raise UsageError(f"cannot read the inference config {path}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}", kind="bad_config") from error
    if problems := _problems(content):
        raise UsageError(
            f"{path}: {'; '.join(problems)}",
            hint=f"its keys are {', '.join(KEYS)}",
            kind="bad_config",
        )
    description, needs = (str(content.pop(key, "")) for key in ("description", "needs"))
    whole, _, part = str(content.get("dataset", "")).partition("/")
    if part:  # so that `--split` alone can change it
        content = {"dataset": whole, "split": part} | {**content, "dataset": whole}
    if "stop" in content:
        content["stop"] = list(Decoding.from_json({"stop": content["stop"]}).stop)
    return InferenceConfig(name, description, needs, content)


def how_to_add(name: str, dataset: str) -> str:
    """What to say of a config's dataset that is not there; empty where the config says nothing."""
    if not name:
        return ""
    try:
        config = load_inference_config(name)
    except UsageError:
        return ""
    its_own = config.values.get("dataset") == dataset and config.needs
    return f"{config.name} wants it added: {config.needs}" if its_own else ""


def _named(name: str) -> Path:
    known = inference_configs()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise UnknownName(
        f"no inference config is called {name!r}{meant}",
        hint=f"there are {', '.join(known)}; or give the path of a TOML file",
    )


def _problems(content: Mapping[str, Any]) -> list[str]:
    out = []
    for key in content:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            out.append(
                f"there is no key '{key}'" + (f" (did you mean '{near[0]}'?)" if near else "")
            )
    texts = [key for key in _TEXTS if key in content and not isinstance(content[key], str)]
    out += [f"'{key}' wants a text, got {content[key]!r}" for key in texts]
    numbers = [k for k in _WHOLE if k in content and type(content[k]) is not int]
    out += [f"'{key}' wants a whole number, got {content[key]!r}" for key in numbers]
    if not isinstance(content.get("random", False), bool):
        out.append(f"'random' wants true or false, got {content['random']!r}")
    if "split" in content and "/" in str(content.get("dataset", "")):
        out.append("'dataset' names a split already, so leave 'split' out")
    sound = {k: v for k, v in content.items() if k in KEYS and k not in (*texts, *numbers)}
    # Those two want a flag beside them, or a knob: the whole says whether they fit.
    asked: dict[str, Any] = {k: v for k, v in sound.items() if k in _OF_EVALUATION}
    asked = {"dataset": "any", **asked}
    for name in ("random", "samples"):
        asked.pop(name, None)
    for check in (
        lambda: EvalConfig(**asked),
        lambda: ModelSpec(**{k: v for k, v in sound.items() if k in _OF_MODEL}),
        lambda: Decoding.from_json({k: v for k, v in sound.items() if k in _OF_DECODING}),
        lambda: read_columns(sound.get("columns", "")),
    ):
        try:
            check()
        except UsageError as error:
            out.append(error.message)
    return out
