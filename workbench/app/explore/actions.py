"""Which controller of Explore does what a key asks for; `keys` says which key that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.explore.controllers import Controllers


def actions_of(controllers: Controllers) -> dict[str, Callable[..., object]]:
    """What does the action of each key in `KEYS`."""

    def shown(do: Callable[[], object]) -> Callable[[], object]:
        """About the sample under the cursor: waits until that is in view."""
        return lambda: controllers.reader.once_shown(do)

    return {
        "step": controllers.navigation.step,
        "token": controllers.navigation.token,
        "filter": controllers.navigation.to_filter,
        "sort": controllers.order.choose,
        "jump": controllers.navigation.to_jump,
        "prompt": controllers.navigation.to_prompt,
        "list": controllers.navigation.to_list,
        "list_width": controllers.list_width.step,
        "zoom": controllers.navigation.zoom,
        "back": controllers.back,
        "ask": controllers.ask,
        "recall": shown(controllers.earlier.recall),
        "asked_before": controllers.asked_before.choose,
        "editor": controllers.editor.edit,
        "save_template": shown(controllers.own_template.save),
        "heat": shown(controllers.heat.toggle),
        "opacity": controllers.heat.opacity,
        "colormap": controllers.heat.colormap,
        "fade": controllers.heat.fade,
        "places": shown(controllers.places.toggle),
        "bookmark": shown(controllers.bookmarks.toggle),
        "bookmark_tags": shown(controllers.bookmarks.edit),
        "bookmark_step": controllers.bookmarks.step,
        "export_bookmarks": controllers.bookmarks.export,
        "import_bookmarks": controllers.bookmarks.import_,
        "random": controllers.random.step,
        "seed": controllers.random.choose_seed,
        "dataset": controllers.pickers.dataset,
        "model": controllers.pickers.model,
        "template": controllers.pickers.template,
        "run": controllers.pickers.run,
        "details": shown(controllers.details.show),
        "gallery": controllers.details.gallery,
        "similar": shown(controllers.similar.show),
        "export": shown(controllers.details.export),
        "sweep": shown(controllers.comparisons.grid),
        "side_by_side": shown(controllers.comparisons.side_by_side),
        "evaluate": controllers.commands.evaluate,
        "copy_command": shown(controllers.commands.copy_command),
        "copy_some": shown(controllers.commands.copy_some),
        "copy_uid": shown(controllers.commands.copy_uid),
    }
