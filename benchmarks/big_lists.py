"""Long lists: how soon the bench shows them, what a held key costs there, and the commands.

Makes a home with many samples, sessions, runs and jobs, as years of work leave them. Measured is
the time from a key to the first frame that has rows (limit 200 ms) and the CPU of the process until
then, the time to the whole list, the longest time for which the bench heard no key meanwhile, and
the CPU of a step under a key held at 30 a second, and of one that is pressed alone, with what it
sends to the terminal. Places are first looked at when they have been
made ahead, as the bench does while nobody types; with `--at-once` before that. With a first frame
above its limit this exits with 1; on a machine that does other work the CPU says more than the
time.

    python -m benchmarks.big_lists [--samples 100000 --sessions 10000 --runs 1000 --jobs 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

LIMIT_MS = 200.0
PROMPTS = 8  # records of a session
PREDICTIONS = 200  # lines of a run
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--steps", type=int, default=90, help="steps under a held key")
    parser.add_argument(
        "--at-once", action="store_true", help="only the places, before any is made ahead"
    )
    parser.add_argument("--no-commands", action="store_true")
    parser.add_argument("--home", type=Path, help="make the home here and keep it, or use that")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        os.environ["WB_HOME"] = str(home)
        if not (home / "sessions").exists():
            home.mkdir(parents=True, exist_ok=True)
            make_home(home, given)
        figures = asyncio.run(_measure(given))
        if not given.no_commands:
            for what in ("sessions", "runs", "jobs"):
                figures[f"wb {what} list"] = {"wall_ms": _command(what)}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    first = [entry["first_rows_ms"] for entry in figures.values() if "first_rows_ms" in entry]
    sys.exit(int(max(first) > LIMIT_MS))


# -- a home ---------------------------------------------------------------------------------------


def make_home(home: Path, given: argparse.Namespace) -> None:
    """Fill a home: one of each kind is written by our own code, the others are copies of it."""
    _make_samples(home, given.samples)
    _make_sessions(given.sessions)
    _make_runs(given.runs)
    _make_jobs(given.jobs)


def _make_samples(home: Path, count: int) -> None:
    from PIL import Image

    from workbench.data.adding import add_dataset

    folder = home / "big"
    folder.mkdir()
    Image.new("RGB", (64, 48), (200, 60, 40)).save(folder / "a.png")
    with (folder / "test.jsonl").open("w") as file:
        for n in range(count):
            line = {"id": f"s{n}", "text": f"There are {n % 7} red circles.", "label": "yes"}
            file.write(json.dumps({**line, "image": "a.png"}) + "\n")
    add_dataset("big", str(folder / "test.jsonl"), id="id", texts={"text": "text"}, label="label")


def _ident(number: int) -> str:
    """An id of a run or a job: they sort by time."""
    return f"01k{number:023d}"


def _at(number: int) -> str:
    return (_BEGIN + timedelta(hours=number)).isoformat().replace("+00:00", "Z")


def _make_sessions(count: int) -> None:
    from sessions.paths import sessions_dir
    from sessions.records import PromptRecord

    records = [
        PromptRecord(
            uid=f"demo/test/{n:06d}",
            model="demo",
            messages=({"role": "user", "content": [{"type": "text", "text": "Is it red?"}]},),
            text="True. The left image shows two red circles.",
            tokens=tuple({"id": t, "text": "red", "logprob": -0.1, "top": []} for t in range(12)),
            label="true",
            target="true",
        ).to_json()
        for n in range(PROMPTS)
    ]
    folder = sessions_dir()
    for number in range(count):
        path = folder / f"session-{number:06d}.jsonl"
        lines = [
            json.dumps({**record, "id": f"{number:013d}{n:013d}", "ts": _at(number)})
            for n, record in enumerate(records)
        ]
        path.write_text("\n".join(lines) + "\n")
        when = (_BEGIN + timedelta(hours=number)).timestamp()
        os.utime(path, (when, when))


def _make_runs(count: int) -> None:
    from sessions.runs import Run

    config = {"dataset": "demo", "split": "test", "model": "demo", "seed": 0}
    first = Run.create(config, key="k", total=PREDICTIONS)
    first.append_many(
        {
            "uid": f"demo/test/{n:06d}",
            "text": "True. It is red.",
            "label": "true",
            "target": "true" if n % 5 else "false",
            "error": None,
        }
        for n in range(PREDICTIONS)
    )
    figure = {"value": 0.8, "low": 0.74, "high": 0.85, "n": PREDICTIONS}
    first.write_metrics({"metrics": {"accuracy": figure}, "counts": first.counts()})
    first.set_state("done")
    head = json.loads((first.path / "config.json").read_text())
    for number in range(count):
        path = first.path.with_name(_ident(number))
        shutil.copytree(first.path, path)
        seeded = {**config, "seed": number}
        mine = {**head, "id": path.name, "created": _at(number), "config": seeded}
        (path / "config.json").write_text(json.dumps(mine))
    shutil.rmtree(first.path)


def _make_jobs(count: int) -> None:
    from sessions.atomic import append_line, write_json
    from sessions.ids import now
    from sessions.job_folder import JobFolder
    from sessions.paths import jobs_dir, make_private

    argv = ["wb", "run-eval", "--dataset", "demo"]
    for number in range(count):
        folder = JobFolder(make_private(jobs_dir() / _ident(number)))
        spec = {"v": 1, "argv": argv, "title": "an evaluation", "created": _at(number), "host": ""}
        write_json(folder.path / "spec.json", spec)
        folder.log.write_text("loading the model\n" * 20)
        for done in range(0, 100, 10):
            report = {"v": 1, "ts": now(), "done": done, "total": 100, "message": "asking"}
            append_line(folder.progress, report)
        folder.finish("done", exit_code=0, message="", seconds=61.5)


# -- the bench ------------------------------------------------------------------------------------


async def _measure(given: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.headless_terminal import count_output
    from workbench.app.app import WbApp
    from workbench.app.explore.screen import ExploreScreen

    sent = count_output()
    app = WbApp()
    app.alone = True
    figures: dict[str, Any] = {}
    lists = (
        ("2", "runs", given.runs),
        ("3", "jobs", given.jobs),
        ("4", "sessions", given.sessions),
    )
    async with app.run_test(size=(160, 44)) as pilot:
        explore = app._screen_stacks["explore"][0]
        assert isinstance(explore, ExploreScreen)
        await _until(lambda: explore.view.built and explore.view.uid is not None)
        if given.at_once:
            for key, name, count in lists:
                figures[f"{name}, at once"] = await _place(app, key, count, whole=False)
            return figures
        await _until(lambda: app.places_ahead is not None and app.places_ahead.done)
        await pilot.pause(0.5)
        samples = explore.widgets.samples
        figures["samples, the first opening"] = await _timed(
            lambda: explore.open_split("big/test"),
            lambda: bool(samples.rows) and samples.length == given.samples,
            lambda: explore.view.uid is not None and explore.view.uid.startswith("big/"),
        )
        figures["samples, opened before"] = await _again(explore, samples, given)
        figures["samples, held j"] = await _held(app, given.steps, lambda: samples.ordinal or 0)
        for key, name, count in lists:
            figures[name] = await _place(app, key, count)
            table = _table(app)
            figures[f"{name}, held j"] = await _held(
                app, given.steps, lambda table=table: table.cursor
            )
            figures[f"{name}, j alone"] = await _alone(
                app, lambda: sent.characters, lambda table=table: table.cursor
            )
            _press(app, "1")
            await pilot.pause(0.3)
            figures[f"{name}, seen before"] = await _place(app, key, count)
            _press(app, "1")
            await pilot.pause(0.3)
    return figures


async def _again(explore: Any, samples: Any, given: argparse.Namespace) -> dict[str, float]:
    explore.open_split("demo/test")
    await _until(lambda: (explore.view.uid or "").startswith("demo/"))
    await asyncio.sleep(0.5)
    return await _timed(
        lambda: explore.open_split("big/test"),
        lambda: bool(samples.rows) and samples.length == given.samples,
        lambda: (explore.view.uid or "").startswith("big/"),
    )


def _table(app: Any) -> Any:
    from workbench.app.lists.row_list import RowList

    return app.screen.query(RowList).first() if app.screen.query(RowList) else None


async def _place(app: Any, key: str, count: int, *, whole: bool = True) -> dict[str, float]:
    def rows() -> int:
        table = _table(app)
        return len(table.keys) if table is not None else 0

    before = app.screen
    return await _timed(
        lambda: _press(app, key),
        lambda: app.screen is not before and rows() > 0,
        lambda: rows() == count or not whole,
    )


async def _timed(
    begin: Callable[[], object], first: Callable[[], bool], whole: Callable[[], bool]
) -> dict[str, float]:
    """Milliseconds to what is to be seen first, to all of it, and the longest silence until then.

    What is seen first counts from the next frame on; silence is how late a turn of the event loop
    came that was due every 2 ms.
    """
    start, cpu = time.perf_counter(), time.process_time()
    begin()
    late, at, seen = 0.0, start, None
    while not (seen and whole()):
        await asyncio.sleep(0.002)
        now = time.perf_counter()
        late, at = max(late, now - at - 0.002), now
        if seen is None and first():
            await asyncio.sleep(1 / 60)
            at = seen = time.perf_counter()
            cpu = time.process_time() - cpu
    ms = [1000 * (time_s - start) for time_s in (seen, time.perf_counter())]
    return {
        "first_rows_ms": round(ms[0]),
        "first_rows_cpu_ms": round(1000 * cpu),
        "all_ms": round(ms[1]),
        "longest_silence_ms": round(1000 * late),
    }


async def _held(app: Any, steps: int, where: Callable[[], int]) -> dict[str, float]:
    costs, begin = [], where()
    start, cpu = time.perf_counter(), time.process_time()
    for number in range(steps):
        _press(app, "j")
        await asyncio.sleep(max(0.0, start + (number + 1) / 30 - time.perf_counter()))
        now = time.process_time()
        costs.append(1000 * (now - cpu))
        cpu = now
    await _until(lambda: where() == begin + steps)
    return {
        "cpu_ms_median": round(statistics.median(costs), 1),
        "cpu_ms_mean": round(statistics.mean(costs), 1),
        "late_ms": round(1000 * (time.perf_counter() - start) - 1000 * steps / 30),
    }


async def _alone(
    app: Any, sent: Callable[[], int], where: Callable[[], int], steps: int = 30
) -> dict[str, float]:
    """Of single steps, each to the end of what it gives rise to."""
    costs, characters = [], []
    for _ in range(steps):
        await asyncio.sleep(0.1)
        cpu, before, goal = time.process_time(), sent(), where() + 1
        _press(app, "j")
        await _until(lambda goal=goal: where() == goal)
        await asyncio.sleep(0.08)
        costs.append(1000 * (time.process_time() - cpu))
        characters.append(sent() - before)
    return {
        "cpu_ms_median": round(statistics.median(costs), 1),
        "characters_sent": round(statistics.median(characters)),
    }


async def _until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.005)


def _press(app: Any, key: str) -> None:
    from textual import events

    event = events.Key(key, key)
    event.set_sender(app)
    app.post_message(event)


def _command(what: str) -> float:
    """The whole process of `wb WHAT list`: median of three."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        argv = [sys.executable, "-P", "-m", "commands.main", what, "list"]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        took.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(took))


if __name__ == "__main__":
    main()
