"""The Runs place in a test: when it has read, and the way into its first run."""

from tests.workbench.app.bench_host import until


def reading_done(screen):
    return screen.detail.tally.n > 0 and not screen.query_one("#views")._reading


async def opened(pilot, screen):
    """Wait for the list, then go into the first run's samples."""
    await until(pilot, lambda: screen.detail.run is not None and reading_done(screen))
    await pilot.press("enter")
    await pilot.pause()
