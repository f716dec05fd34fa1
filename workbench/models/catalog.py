"""What models and adapters there are to name: the demo, the hub's cache, the adapters of runs.

Guarantee: torch-free, reads configs and sizes only, touches no network. A folder anywhere else can
be named too; it is described by `describe`, not listed.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sessions.errors import WbError
from workbench.data.hub.environment import hub_cache
from workbench.demo.paths import MODEL_DIR
from workbench.models.families.registry import FAMILIES, family_name, limits_of, plugin_of
from workbench.models.head_config import CONFIG as HEAD_CONFIG
from workbench.models.head_config import has_head, is_head_alone, read_head_config
from workbench.models.locate import (
    DEMO,
    check_weights,
    existing_path,
    find_adapter,
    find_model,
    own_model,
    read_config,
)
from workbench.plugins import find_plugin


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be asked for.

    Attributes:
        name: What to give as `--model`.
        where: `built in`, `made here`, `hub cache` or `folder`.
        path: Its folder.
        model_type: Of its config.
        family: What serves it: a file of ours, a plug-in, or `auto` where none does by name.
        bytes: Size of its weights.
        problem: Why it cannot be loaded, empty where nothing is known against it.
    """

    name: str
    where: str
    path: str
    model_type: str = ""
    family: str = ""
    bytes: int = 0
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dict, `name` first."""
        return asdict(self)


@dataclass(frozen=True)
class AdapterInfo:
    """An adapter that a run left.

    Attributes:
        name: What to give as `--adapter`: its folder.
        peft_type: `LORA`, ...
        base: The base model that it names.
        bytes: Size of its weights.
        head: The classes of its classification head, empty where it has none.
        problem: Why it cannot be loaded, empty where nothing is known against it.
    """

    name: str
    peft_type: str = ""
    base: str = ""
    bytes: int = 0
    head: tuple[str, ...] = ()
    problem: str = ""

    @property
    def kind(self) -> str:
        """`LORA`, `LORA + head`, or `HEAD` for a head alone."""
        beside = self.head and self.peft_type != "HEAD"
        return f"{self.peft_type} + head" if beside else self.peft_type

    def to_json(self) -> dict[str, Any]:
        """A plain dict, `name` first."""
        return asdict(self)


def list_models() -> list[ModelInfo]:
    """The demo model, those made here, and the vision-language models in the hub's cache."""
    found = [describe(DEMO)]
    found += [info_of(path.name, "made here", path) for path in made_here()]
    for repo in sorted(hub_cache().glob("models--*")):
        name = repo.name.removeprefix("models--").replace("--", "/")
        for snapshot in sorted((repo / "snapshots").glob("*/"), key=_changed)[-1:]:
            info = info_of(name, "hub cache", snapshot)
            if info.model_type and not info.problem:
                found.append(info)
    return found


def made_here() -> list[Path]:
    """The models in `models/` of the home, oldest first."""
    from sessions.paths import models_dir

    folders = models_dir(create=False).glob("*/config.json")
    return sorted((f.parent for f in folders if not f.parent.name.startswith(".")), key=_changed)


def describe(name: str) -> ModelInfo:
    """What is known of one model without loading it.

    Raises:
        UnknownName, ModelError: As `find_model`, for a name that is not the demo's.
    """
    if name == DEMO:
        from workbench.demo.paths import MODEL_DIR

        return info_of(DEMO, "built in", MODEL_DIR)
    path = find_model(name)
    made = existing_path(name) is None and own_model(name) is not None
    where = "made here" if made else "hub cache" if existing_path(name) is None else "folder"
    return info_of(name, where, path)


def describe_anything(name: str) -> dict[str, Any]:
    """A model or an adapter by its name, with what its config says.

    Raises:
        UnknownName, ModelError: It is neither.
    """
    path = existing_path(name)
    if path and _is_adapter(path):
        return describe_adapter(name).to_json()
    info = describe(name)
    config = read_config(Path(info.path))
    text = config.get("text_config") or config.get("decoder") or config

    def first(*names: str) -> Any:  # GPT-2 has words of its own
        return next((text[name] for name in names if name in text), None)

    return info.to_json() | {
        "architectures": ", ".join(config.get("architectures") or ()),
        "context_length": first("max_position_embeddings", "n_positions"),
        "hidden_size": first("hidden_size", "n_embd"),
        "layers": first("num_hidden_layers", "n_layer"),
        "vocabulary": text.get("vocab_size"),
        "memory": _memory(Path(info.path)),
        "not_supported": dict(limits_of(info.family)),
        **_package(info.model_type),
        **_head(Path(info.path)),
    }


def _package(model_type: str) -> dict[str, str]:
    """The package that serves a model, where it is not `wb` itself."""
    if model_type in FAMILIES:
        return {}
    plugin = find_plugin("family", model_type)
    return {"served_by": f"{plugin.package} {plugin.version}"} if plugin else {}


def _head(path: Path) -> dict[str, str]:
    """The classes of a model's own head."""
    with contextlib.suppress(WbError):
        if has_head(path):
            return {"head": ", ".join(read_head_config(path).labels)}
    return {}


def _memory(path: Path) -> dict[str, int]:
    from workbench.models.memory import table

    with contextlib.suppress(WbError):
        return table(path)
    return {}


def info_of(name: str, where: str, path: Path) -> ModelInfo:
    """What is known of the model in a folder; what is wrong with it is its `problem`."""
    model_type, family, problem = "", "", ""
    try:
        model_type = read_config(path)["model_type"]
        family = family_name(model_type)
        plugin_of(model_type)  # one that is broken is told here, not at the load
        check_weights(path, "model")
    except WbError as error:
        problem = error.message
    return ModelInfo(name, where, str(path), model_type, family, _weight(path), problem)


def list_adapters() -> list[AdapterInfo]:
    """Adapters under the runs' folders, newest last; a broken one with its `problem`."""
    from sessions.paths import runs_dir

    found: dict[Path, float] = {}
    for file in ("adapter_config.json", HEAD_CONFIG):
        for path in runs_dir(create=False).glob(f"**/{file}"):
            if _is_adapter(path.parent):
                found.setdefault(path.parent, _changed(path))
    return [_described(str(path)) for path in sorted(found, key=lambda path: found[path])]


def _described(name: str) -> AdapterInfo:
    try:
        return describe_adapter(name)
    except WbError as error:
        return AdapterInfo(name, problem=error.message)


def base_of(adapter: AdapterInfo) -> str:
    """The model that an adapter fits, as `--model` takes it; empty where it names none.

    One of the demo names the folder of the installation that trained it: this one's is `demo`.
    """
    return DEMO if adapter.base == str(MODEL_DIR) else adapter.base


def _is_adapter(path: Path) -> bool:
    own = (path / "adapter_config.json").is_file() or is_head_alone(path)
    return own and not (path / "config.json").is_file()


def describe_adapter(name: str) -> AdapterInfo:
    """What is known of an adapter's folder. Raises as `find_adapter`."""
    path = find_adapter(name)
    config: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        config = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
    head = None
    if has_head(path):
        with contextlib.suppress(WbError):
            head = read_head_config(path)
    base = config.get("base_model_name_or_path") or (head.base if head else "")
    return AdapterInfo(
        name,
        "HEAD" if is_head_alone(path) else str(config.get("peft_type", "")),
        str(base),
        _weight(path),
        head.labels if head else (),
    )


def _weight(path: Path) -> int:
    return sum(p.stat().st_size for p in path.glob("*.safetensors") if p.is_file())


def _changed(path: Path) -> float:
    return path.stat().st_mtime
