"""Run a `wb` command as a child, with limits, and judge how it ended.

Guarantee: each child has a group of its own, which is killed and waited for whatever happens, so
that no round leaves a process behind. Not for what a command should print: that is for a scenario.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a terminal may be told by hostile text: escapes, C1 controls and text direction.
_ESCAPES = re.compile("[\x1b\x80-\x9f\u202a-\u202e\u2066-\u2069]")
# A light command that takes this long is hung for whoever waits.
LIMIT_S = 60.0
MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        words: The command line after `wb`.
        code: Exit code; negative where a signal ended it.
        out: Standard output.
        err: Standard error.
        seconds: Wall time.
        peak_bytes: The largest resident size of the child itself.
        killed: Whether the scenario ended it.
        late: Whether it ran past its limit.
    """

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float
    peak_bytes: int
    killed: bool = False
    late: bool = False

    def complaints(self, codes: tuple[int, ...] = (0, 1, 2)) -> list[str]:
        """What no command may do, whatever its input was."""
        said = f"wb {' '.join(self.words)}"[:200]
        found = []
        if self.late:
            found.append(f"{said}: still running after {self.seconds:.0f} s")
        elif not self.killed and self.code not in codes:
            found.append(f"{said}: exit code {self.code}: {self.err[-300:]}")
        if "Traceback (most recent call last)" in self.err:
            found.append(f"{said}: a traceback: {self.err.strip().splitlines()[-1][:200]}")
        if self.code == 1 and not self.killed and not (self.err.strip() or self.out.strip()):
            found.append(f"{said}: failed without a word")
        if escape := _ESCAPES.search(self.out + self.err):
            found.append(f"{said}: printed the control character {escape.group()!r}")
        if self.peak_bytes > MEMORY_BYTES:
            found.append(f"{said}: took {self.peak_bytes >> 20} MiB")
        return found


def wb(
    home: Path,
    *words: str,
    limit_s: float = LIMIT_S,
    kill_when: Callable[[float], bool] | None = None,
    file_bytes: int | None = None,
    with_signal: int = signal.SIGKILL,
) -> Outcome:
    """Run `wb WORDS` with `home` as its home.

    Args:
        home: `WB_HOME`.
        words: The command line after `wb`.
        limit_s: After so many seconds it is killed and called late.
        kill_when: Asked every 5 ms with the seconds gone by; true kills the child.
        file_bytes: The most a file may hold, as a full disk would have it (`RLIMIT_FSIZE`).
        with_signal: What `kill_when` sends.
    """

    def limit() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    env = {**os.environ, "WB_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    env["WB_KEEP_ANSWERS_MB"] = "0"  # what is compared with an undisturbed run is computed
    argv = [sys.executable, "-P", "-m", "commands.main", *words]
    started = time.monotonic()
    killed = late = False
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            argv,
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=limit,
        )
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            gone = time.monotonic() - started
            try:
                due = not killed and kill_when is not None and kill_when(gone)
            except BaseException:
                os.kill(child.pid, signal.SIGKILL)
                raise
            if due:
                killed = True
                os.kill(child.pid, with_signal)
            elif not late and gone > limit_s:
                late = True
                os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.005)
        child.returncode = code = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(20_000_000).decode("utf-8", "replace"))
    return Outcome(
        words, code, texts[0], texts[1], seconds, usage.ru_maxrss * 1024, killed=killed, late=late
    )
