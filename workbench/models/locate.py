"""From the name that a user typed to a folder that can be loaded, or one message that says why not.

Guarantee: imports no torch and reads no weights; nothing is unpickled and no code from a model's
folder is ever run. Not for loading: `workbench.models.base` does that.
"""

from __future__ import annotations

import difflib
import errno
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.plain_files import names_in
from workbench.data.hub.environment import hub_cache
from workbench.errors import ModelError, UnknownName, UsageError
from workbench.models.head_config import is_head_alone
from workbench.models.remote_model import is_remote, refuse_remote

if TYPE_CHECKING:
    from sessions.runs import Run

DEMO = "demo"
ENCODER = "encoder"  # what a contrastive training leaves in its run's folder
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# What a model needs of a hub repository; weights in pickle form are never fetched.
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
_CONVERT = (
    "convert it where you trust it: load it with transformers and call "
    "`model.save_pretrained(folder, safe_serialization=True)`"
)


def find_model(name: str, revision: str | None = None) -> Path:
    """The folder of `demo`, of a path or of a hub id; its files are checked, not read.

    Raises:
        UnknownName: No such folder, or no such hub repository.
        UsageError: A revision of a folder, or of a model that was made here.
        ModelError: A folder without config or weights, or with weights in pickle form only.
    """
    path = _locate(name, revision)
    read_config(path)
    check_weights(path, "model")
    return path


def existing_path(name: str) -> Path | None:
    """The file or folder of that name, `None` where there is none or it cannot name one."""
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, no such user's home
        return None


def _locate(name: str, revision: str | None) -> Path:
    path = local_folder(name, revision)
    return _from_hub(name, revision) if path is None else path


def local_folder(name: str, revision: str | None = None) -> Path | None:
    """The folder of a model on this machine, unchecked; `None` for what can only be a hub's id.

    Args:
        name: `demo`, a folder, a model that was made here, or a hub id.
        revision: Branch, tag or commit of a hub id.

    Raises:
        UnknownName: It is neither here nor can it be the id of a hub.
        UsageError: A revision of what is here, which has none.
        ModelError: It is a file, or a server's.
    """
    if is_remote(name):
        refuse_remote(name, "loading")
    path = _on_this_machine(name)
    if path is not None:
        _refuse_revision(name, revision)
    return path


def _refuse_revision(name: str, revision: str | None) -> None:
    if revision:
        raise UsageError(
            f"{name} is on this machine and has no revision {revision!r}",
            hint="leave the revision out; it is a branch, tag or commit of a hub's OWNER/NAME",
            about="--revision",
        )


def _on_this_machine(name: str) -> Path | None:
    """As `local_folder`, of a name that is no server's."""
    if name == DEMO:
        from workbench.demo.paths import MODEL_DIR

        return MODEL_DIR
    path = existing_path(name)
    if path is not None and path.is_dir():
        return path.resolve()
    if path is not None:
        raise ModelError(
            f"model {name!r} is a file, not a folder", hint="give the folder that holds it"
        )
    if (own := own_model(name)) is not None:
        return own
    if name.startswith(("/", ".", "~")) or not _HUB_ID.fullmatch(name):
        raise UnknownName(
            f"there is no model {name!r}",
            hint="`demo`, a folder with config.json, or a hub id such as Qwen/Qwen2-VL-2B-Instruct",
        )
    if "/" not in name and not (hub_cache() / f"models--{name}").is_dir():
        raise _no_such_model(name)
    return None


def own_model(name: str) -> Path | None:
    """The folder of a model that was made here (`models/` of the home), `None` where it is none."""
    from sessions.paths import models_dir

    if not _HUB_ID.fullmatch(name) or "/" in name:
        return None
    path = models_dir(create=False) / name
    return path.resolve() if path.is_dir() else None


def _no_such_model(name: str) -> UnknownName:
    """What a name without a slash means where no model has it: no hub is asked about it."""
    from sessions.paths import models_dir

    near = difflib.get_close_matches(name, [DEMO, *names_in(models_dir(create=False))], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return UnknownName(
        f"there is no model {name!r} on this machine, and a hub's model is OWNER/NAME",
        hint=f"{meant}give a folder, or the whole name",
    )


def _from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import errors as hub
    from huggingface_hub import snapshot_download

    kwargs: dict[str, Any] = {"revision": revision, "allow_patterns": _HUB_FILES}
    try:
        path = Path(snapshot_download(name, local_files_only=True, **kwargs))
        if _is_whole(path):
            return path
    except (hub.LocalEntryNotFoundError, hub.HFValidationError, ValueError):
        pass  # not in the cache
    # What a broken fetch left is taken up again, not taken for the model.
    try:
        path = Path(snapshot_download(name, **kwargs))
        _refuse_pickles(name, revision, path)
    except WbError:
        raise
    except Exception as error:  # offline, DNS, disk full, ...: a dozen unrelated classes
        raise _explain_hub(name, revision, error) from error
    return path


def _is_whole(path: Path) -> bool:
    try:
        read_config(path)
        check_weights(path, "model")
    except ModelError:
        return False
    return True


def _refuse_pickles(name: str, revision: str | None, path: Path) -> None:
    """Say that a hub's model is a pickle; its folder looks empty, since none is ever fetched."""
    if any(path.glob("*.safetensors")):
        return
    from huggingface_hub import HfApi

    files = HfApi().list_repo_files(name, revision=revision)
    if pickles := sorted(f for f in files if f.endswith((".bin", ".pt", ".pth"))):
        raise ModelError(
            f"model {name!r} has its weights as pickles alone ({', '.join(pickles[:3])}); "
            "they can run code and are not fetched",
            hint=_CONVERT,
            kind="pickle",
        )


def _explain_hub(name: str, revision: str | None, error: Exception) -> WbError:
    """What a failed fetch means, and what to do."""
    from huggingface_hub import constants
    from huggingface_hub import errors as hub

    if isinstance(error, hub.GatedRepoError):
        return ModelError(
            f"model {name!r} is gated: the hub refused it",
            hint=f"accept its terms at {constants.ENDPOINT}/{name}, then `hf auth login`",
            kind="gated",
        )
    if isinstance(error, (hub.RepositoryNotFoundError, hub.RevisionNotFoundError)):
        at = f" at revision {revision!r}" if revision else ""
        return UnknownName(
            f"the hub has no model {name!r}{at}",
            hint="check the id; a private one needs `hf auth login`",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(
            f"no space left on the disk to fetch model {name!r}",
            hint=f"free some, or let HF_HUB_CACHE name another disk than {constants.HF_HUB_CACHE}",
            kind="no_space",
        )
    if isinstance(error, (hub.LocalEntryNotFoundError, ConnectionError, TimeoutError)):
        why = "the hub cannot be reached"
    else:
        known = error.strerror if isinstance(error, OSError) else ""
        why = f"fetching it failed: {known or type(error).__name__}"
    return UnknownName(
        f"model {name!r} is neither a folder nor in the hub's cache, and {why}",
        hint="give a folder, or connect (and unset HF_HUB_OFFLINE) to fetch it; what has "
        "come is kept, and the same command goes on from there",
    )


def read_config(path: Path) -> dict[str, Any]:
    """`config.json` of a model folder. Raises `ModelError` where it cannot be one."""
    file = path / "config.json"
    if not file.is_file():
        extra = ""
        if (path / "adapter_config.json").is_file():
            extra = "it is an adapter: give it as --adapter, with its base as --model"
        raise ModelError(
            f"{path} is not a model: it has no config.json",
            hint=extra or "give the folder that save_pretrained wrote",
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelError(f"{file} names no model_type", hint="is it the config of a model?")
    return config


def check_weights(path: Path, stem: str) -> list[Path]:
    """The safetensors files `<stem>.safetensors` or its shards, all present.

    Args:
        path: Folder of a model or an adapter.
        stem: `model`, `adapter_model` or `head`.

    Raises:
        ModelError: A file is missing, or there are only pickles, which are never opened.
    """
    single, index = path / f"{stem}.safetensors", path / f"{stem}.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        try:
            names = sorted(
                set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{index} is no index of weights: {error!r}") from error
        if any(Path(str(name)).name != name for name in names):
            raise ModelError(f"{index} points outside its folder")
        if missing := [name for name in names if not (path / name).is_file()]:
            raise ModelError(
                f"{path} lacks {len(missing)} of its {len(names)} files: {', '.join(missing[:5])}",
                hint="fetch or copy it again, whole",
            )
        return [path / name for name in names]
    pickles = sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth") for p in path.glob(pattern))
    if pickles:
        raise ModelError(
            f"{path} holds its weights as pickles ({', '.join(pickles[:3])}); "
            "they can run code and are not loaded",
            hint=_CONVERT,
            kind="pickle",
        )
    raise ModelError(
        f"{path} has no weights: {stem}.safetensors is missing", hint="fetch or copy it again"
    )


def find_adapter(name: str) -> Path:
    """The folder of an adapter, or of a classification head alone, its files checked.

    Args:
        name: A folder that PEFT wrote, a run's folder, the id of the run that trained it, or
            `last`, which is the newest training.

    Raises:
        UnknownName: No such folder or run.
        ModelError: No adapter lies there, or it is a pickle.
    """
    path = _adapter_folder(name)
    if is_head_alone(path):
        check_weights(path, "head")
        return path
    if not (path / "adapter_config.json").is_file():
        raise ModelError(
            f"{path} is not an adapter: it has no adapter_config.json",
            hint="a whole model goes to --model; a run's adapter is there when its training ends",
        )
    check_weights(path, "adapter_model")
    return path


def find_encoder(name: str, revision: str | None = None) -> Path:
    """The folder of an image encoder: as `find_model`, or what a contrastive training left.

    Args:
        name: A folder, a hub id, or the run that trained it, by its id or by the `name` of its
            config (the newest that has an encoder).
        revision: Of a hub id.

    Raises:
        UnknownName, UsageError, ModelError: As `find_model`.
    """
    path = _named_run(name)
    try:
        path = path or _of_run(name, ENCODER)
    except UnknownName:
        return find_model(name, revision)
    _refuse_revision(name, revision)
    read_config(path)
    check_weights(path, "model")
    return path


def _adapter_folder(name: str) -> Path:
    try:
        path = _of_run(name, "adapter")
    except UnknownName:
        raise UnknownName(
            f"there is no adapter {name!r}: neither a folder nor a run",
            hint="give a folder that PEFT wrote, or a run out of: wb models list --adapters",
        ) from None
    return path


def _named_run(name: str) -> Path | None:
    """The encoder of the newest run that was named so; a folder of that name goes first."""
    from sessions.runs import list_runs

    if existing_path(name) is not None:
        return None
    for run in list_runs():
        if run.kind == "train" and run.config.get("name") == name and (run.path / ENCODER).is_dir():
            return (run.path / ENCODER).resolve()
    return None


def _newest_training() -> Run:
    """What `last` means where weights are wanted: an evaluation has none. Raises `NoSuchRecord`."""
    from sessions.errors import NoSuchRecord
    from sessions.runs import list_runs

    trained = next((run for run in list_runs() if run.kind == "train"), None)
    if trained is None:
        raise NoSuchRecord("there is no training yet")
    return trained


def _of_run(name: str, inner: str) -> Path:
    """A folder as it is, or what a run holds under `inner`. Raises `UnknownName`."""
    path = existing_path(name)
    if path is None or not path.is_dir():
        from sessions.errors import NoSuchRecord
        from sessions.runs import Run

        try:
            path = (_newest_training() if name == "last" else Run.open(name)).path
        except NoSuchRecord as error:
            raise UnknownName(f"there is neither a folder nor a run {name!r}") from error
    own = ("adapter_config.json", "model.safetensors")
    has_own = any((path / name).is_file() for name in own) or is_head_alone(path)
    return (path / inner if (path / inner).is_dir() and not has_own else path).resolve()
