"""Where the record lies on disk: `WB_HOME` and the folders in it.

Guarantee: folders are created private (0700) when first asked for, and a home that cannot be
written says so in one `RecordError` that names it. Not for settings: `WB_HOME`, `WB_LOCAL_DIR`
and `XDG_*` are read from the environment alone, since the settings file itself lies in here.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from sessions.errors import RecordError

# No room: a full disk, a used-up quota, the file size that a shell or a batch system allows.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_DISK = {errno.EROFS, errno.EIO}
# A Unix socket's path ends at 108 bytes on Linux and 104 on macOS; its name needs some of them.
_MAX_SOCKET_FOLDER = 72


def home(*, create: bool = True) -> Path:
    """The folder of everything that `wb` keeps.

    `$WB_HOME`, else `$XDG_DATA_HOME/vlm-workbench`, else `~/.local/share/vlm-workbench`.

    Args:
        create: Make the folder (0700) where it is missing.

    Raises:
        RecordError: The folder is missing and cannot be made.
    """
    chosen = os.environ.get("WB_HOME")
    if chosen:
        folder = Path(chosen).expanduser()
    else:
        data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        folder = Path(data).expanduser() / "vlm-workbench"
    folder = folder.absolute()
    return make_private(folder) if create else folder


def sessions_dir(*, create: bool = True) -> Path:
    """Session logs, one `.jsonl` each."""
    return _inside("sessions", create)


def runs_dir(*, create: bool = True) -> Path:
    """A folder per evaluation or training run."""
    return _inside("runs", create)


def ratings_dir(*, create: bool = True) -> Path:
    """What people said of answers, a `.jsonl` per rater."""
    return _inside("ratings", create)


def jobs_dir(*, create: bool = True) -> Path:
    """A folder per background job."""
    return _inside("jobs", create)


def cache_dir(*, create: bool = True) -> Path:
    """What can be deleted at any time and made again."""
    return _inside("cache", create)


def models_dir(*, create: bool = True) -> Path:
    """Models that were made here: a folder each, which `--model` takes by its name."""
    return _inside("models", create)


def locks_dir(*, create: bool = True) -> Path:
    """Lock files of this host: GPUs are per host, the home may be shared between hosts."""
    return _inside(f"locks/{os.uname().nodename}", create)


def database_dir(*, create: bool = True) -> Path:
    """Where SQLite files lie: the home, or a folder of their own under `$WB_LOCAL_DIR`.

    `WB_LOCAL_DIR` is for homes on network file systems, where SQLite is slow and cannot use WAL.
    """
    local = os.environ.get("WB_LOCAL_DIR")
    if not local:
        return home(create=create)
    folder = Path(local).expanduser().absolute() / f"wb-{_digest(home(create=False))}"
    return make_private(folder) if create else folder


def runtime_dir(*, create: bool = True) -> Path:
    """A short, private (0700) folder for sockets, one per home and user.

    Under `$XDG_RUNTIME_DIR` where that is usable, else under the folder for temporary files.

    Raises:
        RecordError: Someone else owns a folder of that name, or it cannot be made.
    """
    digest = _digest(home(create=False))
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if base and len(base) <= _MAX_SOCKET_FOLDER - 14 and _is_private(Path(base)):
        folder = Path(base) / f"wb-{digest}"
        return make_private(folder) if create else folder
    temporary = tempfile.gettempdir()
    if len(temporary) > _MAX_SOCKET_FOLDER - 24:
        temporary = "/tmp"
    parent = Path(temporary) / f"wb-{os.getuid()}"
    if create:
        make_private(parent)
        _require_private(parent)
        return make_private(parent / digest)
    return parent / digest


def make_private(folder: Path) -> Path:
    """Make `folder` (0700, with its parents) where it is missing, and return it.

    Raises:
        RecordError: It cannot be made, or something that is no folder stands there.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


def cannot_write(path: Path, error: OSError) -> RecordError:
    """The one message for a home that is full, read-only or otherwise not writable."""
    reason = error.strerror or str(error)
    return RecordError(
        f"cannot write {path}: {reason}", hint=_what_to_do(path, error), kind="cannot_write"
    )


def of_os_error(error: OSError) -> RecordError:
    """Any `OSError` that nobody foresaw, as an error that says what failed and what to do."""
    path = Path(os.fsdecode(error.filename)) if error.filename else None
    if error.errno in _NO_ROOM or error.errno in _NO_DISK:
        return cannot_write(path, error) if path else _no_room(error)
    reason = error.strerror or str(error) or type(error).__name__
    return RecordError(f"{path}: {reason}" if path else reason, kind="os_error")


def _no_room(error: OSError) -> RecordError:
    # A write that fails names no file: what was being written may be half there.
    return RecordError(
        f"a file could not be written: {error.strerror or error}",
        hint="what was being written is not whole; " + _what_to_do(None, error),
        kind="cannot_write",
    )


def _what_to_do(path: Path | None, error: OSError) -> str:
    """What helps, by the kind of the failure."""
    elsewhere = f"set WB_HOME to a folder that can be written (it is {home(create=False)})"
    where = f" (df -h {path.parent})" if path else ""
    if error.errno in _NO_ROOM:
        return f"free some space{where}, or {elsewhere}"
    if error.errno in _NO_DISK:
        return f"the disk fails or is mounted read-only: see dmesg, or {elsewhere}"
    return f"free some space, mend its permissions, or {elsewhere}"


def cannot_read(path: Path, error: OSError) -> RecordError:
    """The one message for a part of the record that is there and cannot be read."""
    reason = error.strerror or str(error)
    missing = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
    hint = "check the path"
    if not missing:
        hint = "correct its permissions, or set WB_HOME to another folder"
    return RecordError(f"cannot read {path}: {reason}", hint=hint)


def _inside(name: str, create: bool) -> Path:
    folder = home(create=create) / name
    return make_private(folder) if create else folder


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]


def _is_private(folder: Path) -> bool:
    try:
        facts = folder.lstat()
    except OSError:
        return False
    ours = facts.st_uid == os.getuid() and stat.S_ISDIR(facts.st_mode)
    return ours and not facts.st_mode & 0o077


def _require_private(folder: Path) -> None:
    # Anyone can make this name under /tmp before us: a socket in a stranger's folder is theirs.
    if not _is_private(folder):
        raise RecordError(
            f"{folder} is not a private folder of yours",
            hint=f"remove it, or set XDG_RUNTIME_DIR to a folder of mode 0700 that you own "
            f"(chmod 700 {folder} is enough if it is yours)",
        )
