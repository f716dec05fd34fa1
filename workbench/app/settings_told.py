"""What is wrong with the settings, told once there is a screen to say it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken


def tell_problems(bench: WbApp) -> None:
    """Tell of bad values now, and of keys of one's own as soon as all keys are known."""
    keymap = bench.settings.keymap
    for problem in bench.settings.problems:
        _tell(bench, problem)
    if not keymap:
        return

    def look(token: CancelToken) -> None:
        from workbench.app.keymap import bound_keys, problems_of

        for problem in problems_of(keymap, bound_keys()):
            bench.call_soon(_tell, bench, problem)

    bench.tasks.run("keymap", look)


def _tell(bench: WbApp, problem: str) -> None:
    bench.notify(problem, title="settings", severity="warning", markup=False, timeout=30)
