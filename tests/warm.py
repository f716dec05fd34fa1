"""Processes that have torch already, forked from one parent: starting one costs no import.

    child = warm.start([sys.executable, "-P", "-m", "commands.main", "run-eval", "demo/test"])

Guarantee: a child is a process of its own with the environment, the folder and the streams that
it was given, in a session of its own; it runs `-m MODULE` or `-c CODE` and can be killed like any
other. It shares nothing that it writes. The parent has one thread, so that nothing is left half
done in a fork; it imports with the first request, and ends with the test run.

Not for what the start of an interpreter itself is tested by, such as that nothing imports torch.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

SOCKET = "WB_TEST_WARM"
ROOT = str(Path(__file__).resolve().parents[1])


# -- the side of the tests -------------------------------------------------------------------------


class Warm:
    """A forked process, with what tests use of `subprocess.Popen`."""

    def __init__(self, pipe: socket.socket, args: Sequence[str]) -> None:
        self.args = args
        self.returncode: int | None = None
        self._pipe = pipe
        self.pid = self._number()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; `None` while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            if not select.select([self._pipe], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(self._number())
            self._pipe.close()
        return self.returncode

    def _number(self) -> int:
        """The next number that is told; nothing behind it is read."""
        digits = b""
        while not digits.endswith(b"\n"):
            digits += (digit := self._pipe.recv(1))
            assert digit, "the parent of the tests' processes has ended"
        return int(digits)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def start(
    argv: Sequence[str],
    *,
    stdin: IO | socket.socket | int | None = None,
    stdout: IO | None = None,
    stderr: IO | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> Warm:
    """Run what `python -m MODULE …` or `python -c CODE …` would; what has no stream is thrown away.

    Args:
        argv: `sys.executable`, perhaps `-P`, then `-m` or `-c`.
        stdin: An open file, a socket, or `subprocess.DEVNULL`.
        stdout, stderr: Open files.
        env: Its environment; default: that of the test.
        cwd: Its folder; default: that of the test.
    """
    pipe = socket.socket(socket.AF_UNIX)
    pipe.connect(os.environ[SOCKET])
    wanted = {
        "argv": [word for word in argv[1:] if word != "-P"],
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd or Path.cwd()),
    }
    with Path(os.devnull).open("r+b") as nothing:
        given = (None if isinstance(stdin, int) else stdin, stdout, stderr)
        streams = [stream or nothing for stream in given]
        socket.send_fds(pipe, [b"!"], [stream.fileno() for stream in streams])
    pipe.sendall(json.dumps(wanted).encode() + b"\n")
    return Warm(pipe, argv)


def run(
    argv: Sequence[str], timeout: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Start it, wait until it ends and read what it said. Raises `subprocess.TimeoutExpired`."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = start(argv, stdout=out, stderr=err, env=env).wait(timeout)
        for stream in (out, err):
            stream.seek(0)
        return subprocess.CompletedProcess(argv, code, out.read(), err.read())


def spawn_engine(idle_minutes: float | None = None) -> Warm:
    """In the place of `workbench.serving.process.spawn`."""
    from workbench.serving import process

    argv = [sys.executable, "-m", "workbench.serving.server"]
    argv += [] if idle_minutes is None else ["--idle-minutes", str(idle_minutes)]
    with process.open_log(process.log_path()) as log:
        return start(argv, stdout=log, stderr=log, env=process.child_environment(), cwd="/")


def spawn_helper(stdin: socket.socket, log: IO[bytes], env: Mapping[str, str]) -> Warm:
    """In the place of `workbench.evaluation.helper_process.spawn`."""
    argv = [sys.executable, "-m", "workbench.evaluation.helper"]
    return start(argv, stdin=stdin, stdout=log, stderr=log, env=env)


def open_parent() -> Callable[[], None]:
    """Start the parent for this process and those that it starts; returns what ends it."""
    folder = tempfile.TemporaryDirectory(prefix="wb-warm-")
    path = str(Path(folder.name) / "socket")
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    single["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # CUDA that a parent has begun is lost to forks
    single["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow's, at its import
    parent = subprocess.Popen(
        [sys.executable, "-P", __file__, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | single | {"PYTHONPATH": ROOT, "HF_HUB_OFFLINE": "1"},
        start_new_session=True,
    )
    assert parent.stdin is not None and parent.stdout is not None
    parent.stdout.readline()  # it listens
    parent.stdout.close()
    os.environ[SOCKET] = path

    def end() -> None:
        del os.environ[SOCKET]
        parent.stdin.close()
        parent.wait()
        folder.cleanup()

    return end


# -- the parent ------------------------------------------------------------------------------------


def import_all() -> None:
    """What an engine, an evaluation and a training import, and nothing that they compute."""
    gc.disable()
    import starlette.routing  # noqa: F401
    import transformers.models.qwen2_vl.modeling_qwen2_vl  # noqa: F401
    import transformers.models.qwen2_vl.processing_qwen2_vl  # noqa: F401
    import uvicorn  # noqa: F401

    import commands.run_eval  # noqa: F401
    import training.contrastive.trainer  # noqa: F401
    import training.train  # noqa: F401
    import training.trainer  # noqa: F401
    import workbench.evaluation.runner  # noqa: F401
    import workbench.models.families.qwen2_vl  # noqa: F401
    import workbench.serving.worker  # noqa: F401

    threads = os.listdir("/proc/self/task")  # noqa: PTH208
    assert len(threads) == 1, f"a fork of {len(threads)} threads would not be whole"
    gc.freeze()  # a child neither searches nor copies what is here
    gc.enable()


def serve(path: str) -> Callable[[], object]:
    """Fork for each request until stdin closes; returns in a child, with what it is to run."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    print("listening", flush=True)
    ready = False
    while True:
        heard, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in heard:
            os._exit(0)
        pipe, _ = listener.accept()
        if not ready:
            import_all()
            ready = True
        if os.fork() == 0:
            listener.close()
            return attend(pipe)
        pipe.close()


def attend(pipe: socket.socket) -> Callable[[], object]:
    """Fork once more, tell the pid and how it ended; returns in the process that was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(pipe, 1, 3)
    with pipe.makefile("r") as words:
        wanted = json.loads(words.readline())
    if (pid := os.fork()) == 0:
        pipe.close()
        return become(wanted, streams)
    for stream in streams:
        os.close(stream)
    with contextlib.suppress(OSError):  # the test has ended
        pipe.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        pipe.sendall(f"{status}\n".encode())
    os._exit(0)


def end(code: int) -> NoReturn:
    """End as an interpreter does, but take nothing down that the parent holds as well."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def become(wanted: dict, streams: Sequence[int]) -> Callable[[], object]:
    """Take environment, folder and streams over; returns the module or the code to run."""
    os.setsid()
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    kind, what, *args = wanted["argv"]
    sys.argv = [kind, *args]
    if kind == "-m":
        return lambda: runpy.run_module(what, run_name="__main__", alter_sys=True)
    return lambda: exec(what, {"__name__": "__main__"})


def main(path: str) -> NoReturn:
    """Be the parent; in a child run what was asked for, and end with its exit code."""
    call = serve(path)
    try:
        call()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
    except BaseException:
        traceback.print_exc()
        end(1)
    end(0)


if __name__ == "__main__":
    main(sys.argv[1])
