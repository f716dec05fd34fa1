"""The smallest app that offers a screen what the bench offers; it notes what it is asked for."""

from __future__ import annotations

import asyncio
import time

from workbench.app.engine_service import EngineState
from workbench.app.services import Services
from workbench.app.state import BenchState
from workbench.app.tasks import Tasks
from workbench.app.widgets.text_panel import ErrorPanel
from workbench.config import Settings
from workbench.models.spec import ModelSpec


class Host(Services):
    """Shows one screen."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (150, "-wide")]

    def __init__(self, screen, engine=None):
        super().__init__()
        self.place = screen
        self.settings, self.state = Settings(), BenchState()
        self.engine_state = EngineState()
        self.opened, self.copied, self.jobs, self.failures, self.went = [], [], [], [], []
        self.spec, self.said = ModelSpec(), []
        self._engine = engine
        self.tasks = Tasks(lambda error: self.failures.append(error))

    def notify(self, message, **more):
        self.said.append(message)
        super().notify(message, **more)

    def on_unmount(self):
        self.tasks.close()

    def on_mount(self):
        self.push_screen(self.place)

    def open_uid(self, uid, run_id=None):
        self.opened.append((uid, run_id))

    def copy_text(self, text, what="text", *, panel=True):
        self.copied.append(text)

    def start_job(self, argv, title, *, on_started=None):
        self.jobs.append((argv, title))

    def fail(self, error, title=None):
        self.failures.append(error)
        self.call_soon(lambda: self.push_screen(ErrorPanel(error, title)))

    def go(self, mode):
        self.went.append(mode)

    def engine(self):
        return Service(self._engine)


class Service:
    """The connection to an engine that is given."""

    def __init__(self, engine):
        self._engine = engine

    def client(self, specs=()):
        return self._engine

    def working(self, what=""):
        pass

    def refresh(self):
        pass


async def until(pilot, condition, seconds=30.0):
    """Wait until `condition()` holds; fail where it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.02)  # a pause waits for the process to idle, which a worker is not
        if condition():
            await pilot.pause()
            return
    raise AssertionError(f"still not so after {seconds} s\n{drawn(pilot.app)}")


def drawn(app):
    """What stands on the screen, as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
