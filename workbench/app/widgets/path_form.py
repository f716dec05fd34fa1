"""A path that is typed, and what is done with the file beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken


def ask_path(
    bench: WbApp,
    title: str,
    label: str,
    work: Callable[[Path], str],
    *,
    paths: dict[str, str],
    kept: str,
    default: str,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Ask for a path, do the work beside the event loop, say what came of it.

    Args:
        bench: Asks, and does the work.
        title: Of the form.
        label: Of its field: `file`, `folder`.
        work: Returns what came of it, in words.
        paths: Those of last time.
        kept: This one's name among them.
        default: The name of the file where there is none of last time.
        done: Called after the work.
    """
    from workbench.app.widgets.picker import LineForm

    def told(words: str) -> None:
        bench.notify(clean(words, newlines=False), timeout=6, markup=False)
        done()

    def take(values: list[str] | None) -> None:
        if not values:
            return
        path = Path(values[0].strip()).expanduser().absolute()
        paths[kept] = str(path)

        def run(token: CancelToken) -> None:
            bench.call_soon(told, work(path))

        bench.tasks.run("files", run)

    def problem(values: list[str]) -> str:
        return "" if values[0].strip() else f"a {label} is needed"

    last = paths.get(kept)
    value = last if isinstance(last, str) and last else str(Path.cwd() / default)
    bench.push_screen(LineForm(title, [(label, value)], does="go on", check=problem), take)
