"""How fast `wb` starts, against the least that the same libraries can do.

`python benchmarks/startup.py [--times N] [--json]`

Two ratios, each measured in one run with the contestants taking turns, so that a machine that is
busy for a while is busy for both; of each the median:

- `wb --help` against an empty click group (at most 1.5x);
- the first frame of the bench against that of an empty Textual app (at most 3x), both drawn on a
  pseudo-terminal of 120x40 made here. The first frame of the bench is on the screen when the
  names of its places are, that of the empty app when its one word is.

Not for: what happens after the first frame.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROWS, COLUMNS = 40, 120
TIMEOUT_S = 60.0
LIMITS = {"help": 1.5, "first_frame": 3.0}
PYTHON = [sys.executable, "-P"]

EMPTY_GROUP = """
import click
@click.group()
def cli():
    "An empty group."
cli()
"""
EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("READY")
Empty().run()
"""
# What a terminal draws between: escape sequences of style and position.
_ESCAPE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^].*?(?:\x07|\x1b\\)|\x1b[()][0-9A-B]", re.S
)


def time_command(argv: Sequence[str], env: Mapping[str, str]) -> float:
    """Seconds that a command takes to its end. Raises `CalledProcessError` where it fails."""
    began = time.perf_counter()
    subprocess.run(
        argv, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - began


def time_first_frame(argv: Sequence[str], words: Sequence[bytes], env: Mapping[str, str]) -> float:
    """Seconds until all `words` have been drawn on a pseudo-terminal; then it is ended.

    Raises:
        RuntimeError: It ended, or `TIMEOUT_S` went by, before they were.
    """
    began = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvpe(argv[0], list(argv), dict(env))
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        return _wait_for(master, words, began)
    finally:
        os.kill(pid, signal.SIGKILL)  # what is timed is over, and an orderly end costs a second
        os.waitpid(pid, 0)
        os.close(master)


def _wait_for(master: int, words: Sequence[bytes], began: float) -> float:
    drawn = b""
    while (left := began + TIMEOUT_S - time.perf_counter()) > 0:
        if not select.select([master], [], [], left)[0]:
            break
        try:
            block = os.read(master, 1 << 16)
        except OSError:  # Linux says so where the other side was closed
            block = b""
        if not block:
            break
        drawn += block
        plain = _ESCAPE.sub(b"", drawn)
        if all(word in plain for word in words):
            return time.perf_counter() - began
    raise RuntimeError(f"not drawn: {words}; the end of what was: {drawn[-400:]!r}")


def environment(home: Path) -> dict[str, str]:
    """A home of its own, and a terminal that everybody has."""
    own = {"WB_HOME": str(home), "TERM": "xterm-256color", "HF_HUB_OFFLINE": "1"}
    # Installed packages are compiled, as pip leaves them: ours are when they may be kept so.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **own}


def measure(times: int) -> dict[str, dict[str, float]]:
    """The four medians in seconds and the two ratios; the contestants take turns."""
    samples: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder))
        for turn in range(times + 1):
            found = {
                "empty_group": time_command([*PYTHON, "-c", EMPTY_GROUP, "--help"], env),
                "wb_help": time_command([*PYTHON, "-m", "commands.main", "--help"], env),
                "empty_app": time_first_frame([*PYTHON, "-c", EMPTY_APP], [b"READY"], env),
                "bench": time_first_frame(
                    [*PYTHON, "-m", "commands.main"], [b"Explore", b"Sessions"], env
                ),
            }
            if turn:  # the first turn compiles what was never imported, and warms the disk
                for name, seconds in found.items():
                    samples.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    return {
        "help": _pair(medians["wb_help"], medians["empty_group"]),
        "first_frame": _pair(medians["bench"], medians["empty_app"]),
    }


def _pair(ours: float, least: float) -> dict[str, float]:
    return {"seconds": round(ours, 4), "least": round(least, 4), "ratio": round(ours / least, 3)}


def main() -> int:
    """Print the ratios; 1 where one is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=9, help="turns of each (default 9)")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    found = measure(options.times)
    held = {name: pair["ratio"] <= LIMITS[name] for name, pair in found.items()}
    if options.json:
        print(json.dumps({"times": options.times, **found, "limits": LIMITS}, indent=2))
    else:
        for name, pair in found.items():
            print(
                f"{name:12} {pair['seconds'] * 1000:7.0f} ms against {pair['least'] * 1000:5.0f} ms"
                f"  {pair['ratio']:5.2f}x  (at most {LIMITS[name]}x)"
                f"{'' if held[name] else '  TOO SLOW'}"
            )
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
