"""How a recipe's answers are drawn and written, by name: model, template, decoding, columns.

`wb infer --config NAME` and `wb run-eval --config NAME` take what such a file says as their
defaults; a flag goes before it. A file is one of those that come with `wb`, one of the user's own
(`$WB_HOME/inference/NAME.toml`), or any path. Guarantee: imports nothing heavy; all faults of a
file in one message. Not for trainings: see `training.train_config`.
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
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

SHIPPED = Path(__file__).resolve().parent / "inference_configs"
_OF_MODEL = tuple(field.name for field in fields(ModelSpec))
_OF_DECODING = tuple(f.name for f in fields(Decoding) if f.name != "top_logprobs")
KEYS = ("description", "template", "columns", *_OF_DECODING, *_OF_MODEL)
_TEXTS = ("description", "template", "columns", "model", "adapter", "device", "revision")


@dataclass(frozen=True)
class InferenceConfig:
    """One of them.

    Attributes:
        name: As it was asked for; a path is whole.
        description: What it is for, one line.
        values: What it says, by the names of the flags with underscores.
    """

    name: str
    description: str
    values: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What `EvalConfig` takes of it: `EvalConfig(dataset="esnlive_exp/test", **settings)`."""
        of_model = {k: v for k, v in self.values.items() if k in _OF_MODEL}
        knobs = {k: v for k, v in self.values.items() if k in _OF_DECODING} | {"top_logprobs": 0}
        return {
            "spec": ModelSpec(**of_model),
            "decoding": Decoding.from_json(knobs),
            "template": self.values.get("template", ""),
            "inference_config": self.name,
        }


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
    description = str(content.pop("description", ""))
    if "stop" in content:
        content["stop"] = list(Decoding.from_json({"stop": content["stop"]}).stop)
    return InferenceConfig(name, description, content)


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
    sound = {k: v for k, v in content.items() if k in KEYS and k not in texts}
    for check in (
        lambda: ModelSpec(**{k: v for k, v in sound.items() if k in _OF_MODEL}),
        lambda: Decoding.from_json({k: v for k, v in sound.items() if k in _OF_DECODING}),
        lambda: read_columns(sound.get("columns", "")),
    ):
        try:
            check()
        except UsageError as error:
            out.append(error.message)
    return out
