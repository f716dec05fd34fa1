"""Starting a job: what is asked for is checked, written down and handed to a supervisor.

Guarantee: a job's lock is held from before its folder is listed; no secret is written. Not for
users of jobs: they call `sessions.jobs.start`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sessions.atomic import write_json
from sessions.environment import is_secret_name, secrets
from sessions.errors import NoSuchRecord, RecordError
from sessions.ids import new_id, now
from sessions.job_child import FOLDER_VARIABLE, PROGRESS_VARIABLE
from sessions.job_folder import JobFolder
from sessions.leftovers import delete_leftovers
from sessions.locks import HeldLock
from sessions.paths import cannot_write, jobs_dir, make_private
from sessions.redact import holds_secret
from sessions.version import wb_version

_WB = ("-P", "-m", "commands.main")


def launch(
    argv: list[str],
    *,
    title: str,
    env: Mapping[str, str],
    gpus: Sequence[str],
    cwd: Path,
    facts: Mapping[str, Any],
) -> JobFolder:
    """Make a job's folder and its supervisor; the arguments are those of `sessions.jobs.start`.

    Args:
        argv: The command as typed.
        title: What to call it.
        env: Variables beside those of this process.
        gpus: Names of the GPUs that it waits for.
        cwd: Where it runs.
        facts: Written into the spec as they are.

    Raises:
        RecordError: There is no such command, it holds a secret, or the home cannot be written.
    """
    run_argv = _runnable(argv, cwd)
    environ = {**os.environ, **env}
    _refuse_secrets([*argv, title], environ)
    wanted = _checked_gpus(gpus)
    delete_leftovers()
    folder = JobFolder(make_private(jobs_dir() / new_id()))
    lock = HeldLock(folder.alive)
    spec = {
        "v": 1,
        "id": folder.path.name,
        "title": title,
        "argv": argv,
        "run_argv": run_argv,
        "cwd": str(cwd),
        "gpus": wanted,
        "env": _without_secrets(env, environ),
        "created": now(),
        "host": os.uname().nodename,
        "wb_version": wb_version(),
        **facts,
    }
    try:
        _write_spec(folder, spec)
        _supervise(folder, lock, cwd, {**environ, **_job_variables(folder, wanted)})
    finally:
        lock.release()
    return folder


def asked_gpus() -> list[str]:
    """The GPUs that `$WB_GPU` asks for (`0` or `0,1`), none where it is not set."""
    return [word for word in os.environ.get("WB_GPU", "").split(",") if word.strip()]


def typed_argv(argv: Sequence[str]) -> list[str]:
    """`argv` as a user would type it: `wb …` for this installation's own module."""
    if tuple(argv[1:4]) == _WB:
        return ["wb", *argv[4:]]
    return list(argv)


def resuming(argv: Sequence[str], run_id: str) -> list[str]:
    """`argv` so that it goes on with a run, where it is an evaluation or a training of ours.

    An evaluation says its settings again, and they are checked against the run's; a training's
    config is in the run, whatever has become of the file.
    """
    typed = typed_argv(argv)
    if any(word == "--resume" or word.startswith("--resume=") for word in typed):
        return list(argv)
    if typed[:2] == ["wb", "run-eval"]:
        return [*argv, "--resume", run_id]
    if typed[:2] == ["wb", "train"]:
        return [*argv[: list(argv).index("train") + 1], "--resume", run_id]
    return list(argv)


def _runnable(argv: list[str], place: Path) -> list[str]:
    """`argv` with its program found now, where the user can still read why it is not."""
    if argv[:1] == ["wb"]:
        # This installation's, whatever PATH says; -P keeps a folder of that name in cwd out.
        return [sys.executable, *_WB, *argv[1:]]
    if not argv or not place.is_dir():
        raise RecordError(
            "a job wants a command" if not argv else f"there is no folder {place} to run it in",
            hint="for example: wb jobs start -- wb run-eval --dataset demo --split test",
            kind="bad_command",
        )
    program = argv[0] if os.sep not in argv[0] else str(place / argv[0])
    if shutil.which(program) is None:
        raise NoSuchRecord(
            f"there is no command {argv[0]!r}",
            hint="give its path, or install it",
            kind="bad_command",
        )
    return argv


def _refuse_secrets(texts: list[str], environ: Mapping[str, str]) -> None:
    if any(map(holds_secret, texts)):
        raise RecordError(
            "the command line holds a URL with a password or a token in it, and it would be "
            "written down, and seen by everyone who lists processes",
            hint="have the command read it from a file or a variable whose name says PASSWORD",
            kind="secret",
        )
    for name, value in secrets(environ).items():
        if any(value in text for text in texts):
            raise RecordError(
                f"the command line holds the value of ${name}, and it would be written down",
                hint=f"leave it out: the job gets ${name} from the environment",
                kind="secret",
            )


def _without_secrets(env: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    hidden = list(secrets(environ).values())
    return {
        name: value
        for name, value in env.items()
        if not is_secret_name(name)
        and not holds_secret(value)
        and not any(secret in value for secret in hidden)
    }


def _checked_gpus(wanted: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in wanted))
    for name in names:
        # It becomes a file name, and a word of CUDA_VISIBLE_DEVICES.
        if not name.replace("-", "").isalnum():
            raise RecordError(
                f"{name!r} is no GPU", hint="give its number or UUID, see nvidia-smi -L"
            )
    return sorted(names)


def _job_variables(folder: JobFolder, gpus: list[str]) -> dict[str, str]:
    own = {
        PROGRESS_VARIABLE: str(folder.progress),
        FOLDER_VARIABLE: str(folder.path),
        # A log that is followed must not lag behind by a buffer.
        "PYTHONUNBUFFERED": "1",
    }
    return own | ({"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {})


def _write_spec(folder: JobFolder, spec: Mapping[str, Any]) -> None:
    """Make the folder a job's; where the disk is full it goes, since nobody would know of it."""
    try:
        write_json(folder.path / "spec.json", spec)
    except RecordError:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _supervise(folder: JobFolder, lock: HeldLock, place: Path, env: Mapping[str, str]) -> None:
    try:
        log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_write(folder.log, error) from error
    try:
        supervisor = subprocess.run(
            [sys.executable, "-P", "-m", "sessions.supervisor", str(folder.path), str(lock.fd)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place,
            env=dict(env),
            pass_fds=[lock.fd],
            start_new_session=True,
            check=False,
        )
        problem = f"exit code {supervisor.returncode}" if supervisor.returncode else ""
    except OSError as error:
        problem = str(error)
    finally:
        os.close(log)
    if problem:
        with suppress(RecordError):
            folder.finish("failed", exit_code=None, message=f"no supervisor: {problem}")
        raise RecordError(
            f"the job could not be started ({problem})", hint=f"see {folder.log}", kind="job"
        )
