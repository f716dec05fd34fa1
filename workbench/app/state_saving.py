"""When the state of the bench is written: on leaving at once, before another place in a worker."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sessions.errors import WbError

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken


class StateSaving:
    """Writes the state of one app."""

    def __init__(self, bench: WbApp) -> None:
        self._bench = bench

    def now(self) -> None:
        """Save the state; a failure is no reason to keep anybody from leaving."""
        self._fill()
        try:
            self._bench.state.save()
        except (WbError, OSError) as error:
            self._bench.log.error(f"state not saved: {error}")

    def aside(self) -> None:
        """Save the state without waiting for the disk."""
        self._fill()
        body = self._bench.state.text()

        def work(token: CancelToken) -> None:
            with contextlib.suppress(WbError, OSError):  # said when it matters: on leaving, no more
                self._bench.state.write(body)

        self._bench.tasks.run("state", work)

    def _fill(self) -> None:
        for stack in list(self._bench._screen_stacks.values()):
            for screen in stack:
                remember = getattr(screen, "remember", None)
                if remember is not None and screen.is_mounted:
                    remember()
        self._bench.state.place("app")["model"] = self._bench.spec.to_json()
