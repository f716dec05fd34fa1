"""Kill one evaluation again and again, and hold what it ends with to one that was left alone.

    python -m benchmarks.kill_evaluation kills --folder /tmp/kills --seconds 240
    python -m benchmarks.kill_evaluation disk --folder /tmp/disk --seconds 240
    python -m benchmarks.kill_evaluation server --folder /tmp/server --seconds 240

`kills`: SIGKILL at random moments, and SIGTERM now and then; each resume has another batch size,
and before an end the run is often paused, told another batch size, or told to ask a sample again.
`disk`: the home lies on a small file system that is full after a random number of bytes, again and
again (a limit on file sizes where none may be mounted). `server`: the model is behind a server
that is killed at random moments and comes back.

Held at the end: no line was lost or changed that had been written before any end, no sample has
two lines, and answers and figures are equal. A call ends in time: with the same folder the next
one goes on. Exit code 0 where nothing was found; the document printed says how far it is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.torture.command import ROOT, Outcome, wb
from benchmarks.torture.world import content, newest_run

SIZES = (1, 2, 3, 5, 8, 13, 16)
NEW_TOKENS = 16
LIMIT_S = 120.0
# What a line takes, before there is one to measure; and what a stretch writes beside its lines.
LINE_BYTES = 450
BESIDE_BYTES = 7_000


@dataclass
class KillTrial:
    """How far a trial is; kept in its folder between two calls.

    Attributes:
        ends: How often the evaluation was ended, by what.
        at: How many lines there were at each end.
        sizes: The batch size of each stretch.
        asked: How often what was asked of it while it went on.
        paused: How many ends met it paused.
        seen: UID -> the line that was there at an end, as it was written.
        again: The UIDs that it was told to ask again.
        findings: What went wrong.
    """

    samples: int = 480
    ends: Counter[str] = field(default_factory=Counter)
    at: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    paused: int = 0
    seen: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    done: bool = False

    @classmethod
    def load(cls, folder: Path, samples: int) -> KillTrial:
        """As the last call left it."""
        path = folder / "trial.json"
        if not path.exists():
            return cls(samples)
        found = json.loads(path.read_text())
        for name in ("ends", "asked"):
            found[name] = Counter(found[name])
        return cls(**found)

    def save(self, folder: Path) -> None:
        """For the next call."""
        (folder / "trial.json").write_text(json.dumps(vars(self)))

    def judge(self, outcome: Outcome, codes: tuple[int, ...]) -> None:
        """Take in what no command may do."""
        self.findings += outcome.complaints(codes)

    def note(self, home: Path, what: str) -> None:
        """An end: what had been written must still be there, as it was."""
        self.ends[what] += 1
        lines = lines_of(home)
        self.at.append(len(lines))
        for uid, line in self.seen.items():
            if uid not in lines:
                self.findings.append(f"after {what} {sum(self.ends.values())}: {uid} is lost")
            elif lines[uid] != line and uid not in self.again and '"error": null' in line:
                self.findings.append(f"after {what} {sum(self.ends.values())}: {uid} was rewritten")
        self.seen = lines

    def report(self) -> dict[str, Any]:
        """For people and programs."""
        told = dict(vars(self))
        del told["seen"]
        return told | {"again": len(self.again), "different_sizes": len(set(self.sizes))}


def lines_of(home: Path) -> dict[str, str]:
    """UID -> whole line of the newest run, the last of each; a torn tail is left out."""
    run, found = newest_run(home), {}
    if run is not None and (run / "predictions.jsonl").exists():
        for line in (run / "predictions.jsonl").read_bytes().split(b"\n")[:-1]:
            with contextlib.suppress(ValueError):
                found[json.loads(line)["uid"]] = line.decode()
    return found


def evaluation(samples: int, size: int, *more: str) -> tuple[str, ...]:
    """The command line."""
    where = ("run-eval", "--dataset", "demo", "--split", "test", "--limit", str(samples))
    knobs = ("--max-new-tokens", str(NEW_TOKENS), "--batch-size", str(size), "--json")
    return (*where, *knobs, "--threads", "1", *more)


def left_alone(folder: Path, samples: int) -> Path:
    """The home of the evaluation that nobody disturbs, made once."""
    home = folder / "whole"
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        outcome = wb(home, *evaluation(samples, 16), limit_s=LIMIT_S * 2)
        if outcome.code:
            raise SystemExit(outcome.err)
        (home / "made").write_text("")
    return home


def compared(whole: Path, cut: Path) -> list[str]:
    """How the two ended differently."""
    try:
        (lines, figures), (others, other_figures) = content(whole), content(cut)
    except AssertionError as error:
        return [str(error)]
    wrong = [uid for uid in lines if others.get(uid) != lines[uid]]
    found = [f"{len(wrong)} lines differ or are missing: {wrong[:3]}"] if wrong else []
    found += [f"{len(others)} lines of {len(lines)}"] if len(others) != len(lines) else []
    return found + (["the figures differ"] if figures != other_figures else [])


class Disturber:
    """Asks things of a run while it goes on, and says when it is to be ended.

    It is the `kill_when` of one stretch: asked every few milliseconds.
    """

    def __init__(self, trial: KillTrial, home: Path, rng: random.Random, mark: int) -> None:
        self._trial, self._home, self._rng, self._mark = trial, home, rng, mark
        self._wait = rng.random() * 0.3
        # Now and then an end comes while the model loads, before any line is written.
        early = rng.random() < 0.15 or mark >= trial.samples
        self._early = rng.random() * 6 if early else None
        self._plan = [what for what in ("batch-size", "retry", "pause") if rng.random() < 0.4]
        self._due: float | None = None

    def __call__(self, gone: float) -> bool:
        """Whether the moment has come."""
        if self._early is not None:
            return gone >= self._early
        if self._due is None:
            if self._lines() < self._mark:
                return False
            while self._plan:
                self._ask(self._plan.pop(0))
            self._due = gone + self._wait
        return gone >= self._due

    def _lines(self) -> int:
        run = newest_run(self._home)
        with contextlib.suppress(OSError, AttributeError):
            return run.joinpath("predictions.jsonl").read_bytes().count(b"\n")  # type: ignore[union-attr]
        return 0

    def _ask(self, what: str) -> None:
        value: str | int | None = None
        if what == "batch-size":
            value = self._rng.choice(SIZES)
        elif what == "retry":
            value = self._rng.choice(sorted(lines_of(self._home)))
            self._trial.again.append(value)
        ask(self._trial, self._home, what, value)


def ask(trial: KillTrial, home: Path, what: str, value: str | int | None) -> None:
    """Ask something of the newest run of a home; that it has just ended is no finding."""
    from sessions.errors import WbError
    from sessions.runs import Run
    from workbench.evaluation.control import ask_control

    folder = newest_run(home)
    try:
        ask_control(Run(folder), what, value, reason="a trial")  # type: ignore[arg-type]
    except WbError as error:
        if error.kind not in ("run_ended", "run_interrupted"):
            trial.findings.append(f"{what} {value}: {error.message}")
        return
    trial.asked[what] += 1


def kills(folder: Path, trial: KillTrial, wanted: int, until: float, seed: int) -> None:
    """End it so often, then let it end by itself and compare."""
    whole, home = left_alone(folder, trial.samples), folder / "cut"
    home.mkdir(exist_ok=True)
    step = trial.samples / (wanted * 1.6)
    while trial.ends["SIGKILL"] < wanted and time.monotonic() < until:
        number = sum(trial.ends.values())
        rng = random.Random(f"{seed}/{number}")
        size = rng.choice([s for s in SIZES if s not in trial.sizes[-1:]])
        how = signal.SIGTERM if rng.random() < 0.15 else signal.SIGKILL
        mark = max(1, int(len(lines_of(home)) + rng.random() * 2 * step))
        due = Disturber(trial, home, rng, mark)
        words = evaluation(trial.samples, size, "--resume", "auto")
        outcome = wb(home, *words, kill_when=due, with_signal=how, limit_s=LIMIT_S)
        trial.sizes.append(size)
        if not outcome.killed:  # it was done first: the next end meets it while it loads
            trial.judge(outcome, (0,))
            continue
        trial.judge(outcome, (0, 1))
        trial.paused += was_paused(home)
        trial.note(home, how.name)
        trial.save(folder)
        tell(trial)
    if trial.ends["SIGKILL"] >= wanted and time.monotonic() < until:
        finish(folder, trial, whole, home)


def was_paused(home: Path) -> bool:
    """Whether the end met the newest run paused."""
    run = newest_run(home)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        state = json.loads(run.joinpath("state.json").read_text())  # type: ignore[union-attr]
        return bool(state.get("paused"))
    return False


def finish(folder: Path, trial: KillTrial, whole: Path, home: Path, *more: str) -> None:
    """Let it end by itself, with one more batch size, and compare."""
    size = random.Random(str(trial.sizes)).choice(SIZES)
    outcome = wb(home, *evaluation(trial.samples, size, "--resume", "auto", *more), limit_s=LIMIT_S)
    trial.judge(outcome, (0,))
    trial.note(home, "its own end")
    trial.findings += compared(whole, home)
    run = newest_run(home)
    if run is not None:
        from sessions.runs import Run
        from workbench.evaluation.control_requests import requests_of

        left = [one.words for one in requests_of(Run(run)) if one.outcome == "waiting"]
        trial.findings += [f"nothing became of {len(left)} requests: {left[:3]}"] if left else []
    trial.done = True
    trial.save(folder)


def disk(folder: Path, trial: KillTrial, wanted: int, until: float, seed: int) -> None:
    """Fill its disk so often, each time with some room for more, or none.

    What is still to be asked is shared out over the ends to come, so that it is not done before.
    """
    whole, small = left_alone(folder, trial.samples), folder / "small"
    small.mkdir(exist_ok=True)
    mounted = os.path.ismount(small) or mount(small)
    home = small / "home"
    home.mkdir(exist_ok=True)
    ended = False
    try:
        while trial.ends["full disk"] < wanted and time.monotonic() < until:
            rng = random.Random(f"{seed}/disk/{sum(trial.ends.values())}")
            size = rng.choice([s for s in SIZES if s not in trial.sizes[-1:]])
            lines = lines_of(home)
            have = sum(len(line) + 1 for line in lines.values())
            per_line = have / len(lines) if lines else LINE_BYTES
            left = trial.samples - len(lines)
            step = left / (wanted - trial.ends["full disk"] + 1)
            # Where only the figures are left to write, the room for them comes with the last end.
            beside = BESIDE_BYTES if left else BESIDE_BYTES / 2
            room = int(rng.random() * 2 * (beside + step * per_line))
            if mounted:
                fill(small / "filler", room)
            words = evaluation(trial.samples, size, "--resume", "auto")
            limit = None if mounted else have + room
            outcome = wb(home, *words, file_bytes=limit, limit_s=LIMIT_S)
            (small / "filler").unlink(missing_ok=True)
            trial.sizes.append(size)
            trial.judge(outcome, (0, 1))
            if outcome.code == 0:
                ended = True
                break
            if "No space left" not in outcome.err and "too large" not in outcome.err:
                trial.findings.append(f"it says nothing of the disk: {outcome.err[-200:]}")
            trial.note(home, "full disk")
            trial.save(folder)
            tell(trial)
        if ended or trial.ends["full disk"] >= wanted:
            finish(folder, trial, whole, home)
    finally:
        if mounted and (trial.done or trial.findings):
            subprocess.run(["umount", "-l", str(small)], check=False)


def mount(folder: Path) -> bool:
    """A file system of four megabytes in memory, where this user may mount one."""
    argv = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def fill(path: Path, leave: int) -> None:
    """Fill the file system of `path` but for `leave` bytes."""
    left = max(0, shutil.disk_usage(path.parent).free - leave)
    with path.open("wb", buffering=0) as file:
        while left > 0:
            left -= file.write(b"\0" * min(left, 65536))


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def server(folder: Path, trial: KillTrial, wanted: int, until: float, seed: int) -> None:
    """Kill the server of its model so often; it comes back, and what failed is asked again."""
    port_file = folder / "port"
    if not port_file.exists():
        port_file.write_text(str(free_port()))
    port = int(port_file.read_text())
    model = ("--model", f"openai:http://127.0.0.1:{port}/v1#some/vlm")
    started: list[subprocess.Popen[bytes]] = []

    def serve() -> None:
        argv = [sys.executable, "-m", "benchmarks.kill_evaluation", "--serve", str(port)]
        started.append(subprocess.Popen(argv, cwd=ROOT))
        while started[-1].poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.02)
        raise SystemExit("the server did not start")

    class Killing:
        """Kills the server at marks; it is back after a moment, or stays away."""

        def __init__(self, rng: random.Random, away: bool) -> None:
            self.rng, self.away, self.back = rng, away, 0.0
            self.mark = self.next_mark()

        def next_mark(self) -> int:
            return int(len(lines_of(home)) + self.rng.random() * 2 * step)

        def __call__(self, gone: float) -> bool:
            if self.back:
                if gone >= self.back and not self.away:
                    serve()
                    self.back, self.mark = 0.0, self.next_mark()
                    ask(trial, home, "concurrency", self.rng.choice(SIZES))
            elif trial.ends["server killed"] < wanted and len(lines_of(home)) >= self.mark:
                started[-1].kill()
                started[-1].wait()
                self.back = gone + self.rng.random() * 1.5
                trial.asked["stayed away"] += self.away
                trial.note(home, "server killed")
            return False

    def words(size: int, *more: str) -> tuple[str, ...]:
        typed = evaluation(trial.samples, size, "--resume", "auto", "--retry-failed", *model, *more)
        cut = typed.index("--threads")
        return typed[:cut] + typed[cut + 2 :]

    whole, home = folder / "whole", folder / "cut"
    step = trial.samples / (wanted * 1.1)
    try:
        serve()
        for one in (whole, home):
            one.mkdir(exist_ok=True)
        if newest_run(whole) is None:
            trial.judge(wb(whole, *words(16), limit_s=LIMIT_S), (0,))
        ended = False
        while not ended and trial.ends["server killed"] < wanted and time.monotonic() < until:
            rng = random.Random(f"{seed}/server/{sum(trial.ends.values())}")
            away = not trial.sizes or rng.random() < 0.5
            size = rng.choice(
                [s for s in SIZES if s not in trial.sizes[-1:] and (s > 4 or not away)]
            )
            outcome = wb(home, *words(size), kill_when=Killing(rng, away), limit_s=LIMIT_S)
            trial.sizes.append(size)
            trial.judge(outcome, (0, 1))
            trial.note(home, "failed with its server" if outcome.code else "its own end")
            ended = outcome.code == 0
            trial.save(folder)
            tell(trial)
            if started[-1].poll() is not None:
                serve()
        if time.monotonic() < until:
            outcome = wb(home, *words(5), limit_s=LIMIT_S)
            trial.judge(outcome, (0,))
            trial.note(home, "its own end")
            trial.findings += compared(whole, home)
            trial.done = True
            trial.save(folder)
    finally:
        for one in started:
            one.kill()
            one.wait()


def serve_forever(port: int) -> None:
    """A server whose answers depend on the prompt alone; each takes some milliseconds."""
    from tests.openai_server import OpenAIServer

    def said(body: dict[str, Any]) -> str:
        time.sleep(0.03)
        text = str(body["messages"][-1]["content"][-1])
        return f"{len(text) % 2 == 0}. It has {len(text)} letters."

    with OpenAIServer(text=said, port=port):
        while True:
            time.sleep(60)


def tell(trial: KillTrial) -> None:
    """One line on stderr."""
    ends = ", ".join(f"{count} {what}" for what, count in trial.ends.items())
    print(f"{ends}; {trial.at[-1]} of {trial.samples} lines", file=sys.stderr, flush=True)


TRIALS = {"kills": kills, "disk": disk, "server": server}


def main() -> None:
    """Go on with a trial, and print how far it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trial", nargs="?", choices=TRIALS, default="kills")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ends", type=int, default=30, help="How often it is ended.")
    parser.add_argument("--samples", type=int, default=480)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve_forever(args.serve)
    if args.folder is None:
        parser.error("--folder is missing: where the trial is kept between two calls")
    args.folder.mkdir(parents=True, exist_ok=True)
    trial = KillTrial.load(args.folder, args.samples)
    if not trial.done:
        until = time.monotonic() + args.seconds
        TRIALS[args.trial](args.folder, trial, args.ends, until, args.seed)
    print(json.dumps(trial.report(), indent=1))
    sys.exit(1 if trial.findings else 0)


if __name__ == "__main__":
    main()
