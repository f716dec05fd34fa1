"""Places that are made before they are looked at, while nobody types.

Guarantee: nothing is done before the first frame, nor within `QUIET_S` of a key; one place is made
at a time, its modules imported beside the event loop. A place that is made ahead reads nothing
before it is looked at, and one that cannot be made says so when it is. In a process of the bench's
own, what is there by then is no longer looked through for garbage: a full collection would hold
the event loop for 160 ms, in the middle of a key.
"""

from __future__ import annotations

import time
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from workbench.app.heap import leave_out_what_is_there

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

QUIET_S = 0.25  # so long no key has come
PAUSE_S = 0.05  # between two steps


class PlacesAhead:
    """Makes the places of one app, in the order of their keys."""

    def __init__(self, app: WbApp, modules: dict[str, str]) -> None:
        """Of an app.

        Args:
            app: Whose places are made.
            modules: Of each place the module that its screen is imported from.
        """
        self._app = app
        self._modules = dict(modules)
        self._imported: str | None = None
        self.done = False  # whether all are made

    def begin(self) -> None:
        """Make the first one as soon as nobody types."""
        self._keep_what_is_there()
        self._wait(QUIET_S)

    def _keep_what_is_there(self) -> None:
        if self._app.alone:
            leave_out_what_is_there()

    def _wait(self, seconds: float) -> None:
        self._app.set_timer(seconds, self._on)

    def _on(self) -> None:
        """One step further, where no key came lately."""
        app = self._app
        if app.is_ending:
            return
        if app.keys_under_way or time.monotonic() - app.last_key_s < QUIET_S:
            self._wait(QUIET_S)
        elif self._imported is not None:
            place, self._imported = self._imported, None
            if place not in app._screen_stacks:
                app._init_mode(place)
            self._wait(PAUSE_S)
        else:
            self._import_next()

    def _import_next(self) -> None:
        while self._modules:
            place = next(iter(self._modules))
            module = self._modules.pop(place)
            if place not in self._app._screen_stacks:
                self._app.tasks.run("places", partial(self._import, place, module))
                return
        self.done = True
        self._keep_what_is_there()

    def _import(self, place: str, module: str, _token: CancelToken) -> None:
        try:
            import_module(module)
        except Exception:
            place = ""  # told by the place, to whoever looks at it
        self._app.call_soon(self._take, place)

    def _take(self, place: str) -> None:
        self._imported = place or None
        self._on()
