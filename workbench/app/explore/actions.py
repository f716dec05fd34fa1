"""Which controller of Explore does what a key asks for; `keys` says which key that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.explore.screen import ExploreScreen


def actions_of(screen: ExploreScreen) -> dict[str, Callable[..., object]]:
    """What does the action of each key in `KEYS`."""

    def shown(do: Callable[[], object]) -> Callable[[], object]:
        """About the sample under the cursor: waits until that is in view."""
        return lambda: screen.reader.once_shown(do)

    return {
        "step": screen.navigation.step,
        "token": screen.navigation.token,
        "filter": screen.navigation.to_filter,
        "jump": screen.navigation.to_jump,
        "prompt": screen.navigation.to_prompt,
        "list": screen.navigation.to_list,
        "zoom": screen.navigation.zoom,
        "back": screen.back,
        "ask": screen.ask,
        "recall": shown(screen.earlier.recall),
        "heat": shown(screen.heat.toggle),
        "opacity": screen.heat.opacity,
        "colormap": screen.heat.colormap,
        "fade": screen.heat.fade,
        "bookmark": shown(screen.bookmarks.toggle),
        "bookmark_tags": shown(screen.bookmarks.edit),
        "bookmark_step": screen.bookmarks.step,
        "export_bookmarks": screen.bookmarks.export,
        "import_bookmarks": screen.bookmarks.import_,
        "random": screen.random.step,
        "seed": screen.random.choose_seed,
        "dataset": screen.pickers.dataset,
        "model": screen.pickers.model,
        "template": screen.pickers.template,
        "run": screen.pickers.run,
        "details": shown(screen.details.show),
        "gallery": screen.details.gallery,
        "export": shown(screen.details.export),
        "sweep": shown(screen.comparisons.grid),
        "side_by_side": shown(screen.comparisons.side_by_side),
        "evaluate": screen.commands.evaluate,
        "copy_command": shown(screen.commands.copy_command),
        "copy_uid": shown(screen.commands.copy_uid),
    }
