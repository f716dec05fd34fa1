"""What a step through the samples costs: a key that is held down, and one that is pressed alone.

A step that is passed over (the next key came before its sample could be looked at) is to cost at
most 10 ms of CPU, one that is drawn 30 ms; with a figure above its limit this exits with 1. Keys
come as a terminal sends them when one is held, 30 a second, and all at once, as over a slow line.
What would be sent to the terminal is made and counted. Figures are medians over the steps of all
rounds; CPU is that of the whole process. On a machine that does other work all of them grow.

    python -m benchmarks.held_keys [--steps 150] [--rounds 3] [--size 160x44]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field

LIMIT_PASSED_MS, LIMIT_DRAWN_MS = 10.0, 30.0


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--alone", type=int, default=20, help="steps pressed alone, each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="160x44")
    parser.add_argument("--per-second", type=float, default=30.0)
    given = parser.parse_args()
    columns, lines = (int(n) for n in given.size.split("x"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["WB_HOME"] = home
        found = asyncio.run(_measure(columns, lines, given))
    figures = found.figures(given)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    passed, drawn = figures["passed_over_cpu_ms"], figures["drawn_cpu_ms"]
    sys.exit(int((passed or 0) > LIMIT_PASSED_MS or (drawn or 0) > LIMIT_DRAWN_MS))


@dataclass
class Found:
    """CPU of single steps in ms, and what was sent to the terminal.

    Attributes:
        alone: Of steps pressed alone, from the key to the picture.
        held: (CPU, whether a sample was shown) from one key that is held to the next.
        at_once: Of a step of a burst, one figure a round.
        sent: Characters per step pressed alone.
    """

    alone: list[float] = field(default_factory=list)
    held: list[tuple[float, bool]] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    def figures(self, given: argparse.Namespace) -> dict[str, float | None]:
        """What is printed."""
        passed = [cpu for cpu, drawn in self.held if not drawn]
        drawn = [cpu for cpu, drawn in self.held if drawn]
        return {
            "rounds": given.rounds,
            "drawn_cpu_ms": _median(self.alone),
            "drawn_cpu_ms_min": round(min(self.alone), 1),
            "drawn_characters_sent": _median(self.sent),
            "held_steps": len(self.held),
            "held_passed_over": len(passed),
            "passed_over_cpu_ms": _median(passed),
            "held_drawn_cpu_ms": _median(drawn),
            "held_cpu_ms_per_step": round(statistics.mean(cpu for cpu, _ in self.held), 1),
            "at_once_cpu_ms_per_step": _median(self.at_once),
        }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


async def _measure(columns: int, lines: int, given: argparse.Namespace) -> Found:
    from benchmarks.headless_terminal import count_output
    from workbench.app.app import WbApp
    from workbench.app.explore.screen import ExploreScreen
    from workbench.app.heap import leave_out_what_is_there

    sent, found = count_output(), Found()
    app = WbApp()
    async with app.run_test(size=(columns, lines)) as pilot:
        explore = app._screen_stacks["explore"][0]
        assert isinstance(explore, ExploreScreen)
        reader, image = explore.controllers.reader, explore.widgets.image

        async def until(reached) -> None:  # noqa: ANN001
            while not reached():
                await asyncio.sleep(0.005)

        def stands() -> bool:
            """Whether the sample under the cursor is drawn whole."""
            at = explore.widgets.samples.ordinal
            return explore.view.ordinal == at == reader.shown and image._frame is not None

        async def quiet() -> None:
            await until(lambda: explore.view.uid is not None and not app.tasks.busy("sample"))
            await until(lambda: not any(app.tasks.busy(lane) for lane in image._lanes))
            await pilot.pause(0.1)

        def press() -> None:
            app.post_message(_key(app))

        async def alone() -> None:
            cpu, before, goal = time.process_time(), sent.characters, (reader.shown or 0) + 1
            press()
            await until(lambda: reader.shown == goal and stands())
            await asyncio.sleep(0.05)  # the picture is drawn in the next turn of the screen
            found.alone.append(1000 * (time.process_time() - cpu))
            found.sent.append(sent.characters - before)
            await quiet()

        async def held() -> None:
            goal = explore.widgets.samples.ordinal + given.steps
            start, cpu, shown = time.perf_counter(), time.process_time(), reader.shown
            for number in range(given.steps):
                press()
                due = start + (number + 1) / given.per_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                now = time.process_time()
                found.held.append((1000 * (now - cpu), reader.shown != shown))
                cpu, shown = now, reader.shown
            await until(lambda: reader.shown == goal and stands())

        async def at_once() -> None:
            goal = explore.widgets.samples.ordinal + given.steps
            cpu = time.process_time()
            for _ in range(given.steps):
                press()
            await until(lambda: reader.shown == goal and stands())
            found.at_once.append(1000 * (time.process_time() - cpu) / given.steps)

        await until(lambda: explore.view.built)
        await quiet()
        leave_out_what_is_there()  # as the bench does once it stands
        for number in range(given.rounds):
            for _ in range(given.alone + 2 * (number == 0)):
                await alone()
            if number == 0:
                del found.alone[:2], found.sent[:2]  # they import and fill caches
            await held()
            await quiet()
            await at_once()
            await quiet()
    return found


def _key(app):  # noqa: ANN001, ANN202
    from textual import events

    key = events.Key("j", "j")
    key.set_sender(app)
    return key


if __name__ == "__main__":
    main()
