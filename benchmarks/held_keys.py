"""What a step through the samples costs: a key that is held down, and one that is pressed alone.

A step that is passed over (the next key came before its sample could be looked at) is to cost at
most 10 ms of CPU, one that is drawn 30 ms. Keys come as a terminal sends them when one is held,
30 a second, and all at once, as over a slow line.

    python -m benchmarks.held_keys [--steps 300] [--size 160x44]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", default="160x44")
    parser.add_argument("--per-second", type=float, default=30.0)
    given = parser.parse_args()
    columns, lines = (int(n) for n in given.size.split("x"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["WB_HOME"] = home
        print(json.dumps(asyncio.run(_measure(columns, lines, given)), indent=2))


async def _measure(columns: int, lines: int, given: argparse.Namespace) -> dict[str, float]:
    from workbench.app.app import WbApp

    app = WbApp()
    async with app.run_test(size=(columns, lines)) as pilot:
        explore = app._screen_stacks["explore"][0]

        async def until(reached) -> None:  # noqa: ANN001
            while not reached():
                await asyncio.sleep(0.005)

        async def quiet() -> None:
            await until(lambda: explore.view.uid is not None and not app.tasks.busy("sample"))
            await until(
                lambda: not any(app.tasks.busy(lane) for lane in explore.widgets.image._lanes)
            )
            await pilot.pause(0.3)

        await until(lambda: explore.view.built)
        await quiet()

        async def steps(count: int, wait_s: float) -> tuple[float, float]:
            """(CPU, wall) seconds for so many `j`."""
            goal = explore.widgets.samples.ordinal + count
            cpu, wall = time.process_time(), time.perf_counter()
            for number in range(count):
                app.post_message(_key(app))
                if wait_s:
                    await asyncio.sleep(
                        max(0.0, wall + (number + 1) * wait_s - time.perf_counter())
                    )
            await until(
                lambda: explore.view.ordinal == goal and explore.controllers.reader.shown == goal
            )
            await until(lambda: explore.widgets.image._frame is not None)
            return time.process_time() - cpu, time.perf_counter() - wall

        alone = []
        for _ in range(30):
            cpu, _wall = await steps(1, 0.0)
            settled = time.process_time()
            await quiet()
            alone.append(cpu + time.process_time() - settled)
        held = await steps(given.steps, 1 / given.per_second)
        await quiet()
        burst = await steps(given.steps, 0.0)
    return {
        "steps": given.steps,
        "drawn_cpu_ms_median": round(1000 * statistics.median(alone), 1),
        "held_cpu_ms_per_step": round(1000 * held[0] / given.steps, 2),
        "held_wall_s": round(held[1], 2),
        "at_once_cpu_ms_per_step": round(1000 * burst[0] / given.steps, 2),
        "at_once_wall_s": round(burst[1], 2),
    }


def _key(app):  # noqa: ANN001, ANN202
    from textual import events

    key = events.Key("j", "j")
    key.set_sender(app)
    return key


if __name__ == "__main__":
    main()
