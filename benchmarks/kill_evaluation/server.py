"""A model behind a server that is killed at random moments and comes back."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.kill_evaluation.trial import (
    LIMIT_S,
    SIZES,
    KillTrial,
    ask,
    compared,
    evaluation,
    lines_of,
    tell,
)
from benchmarks.torture.command import ROOT, wb
from benchmarks.torture.world import newest_run


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
