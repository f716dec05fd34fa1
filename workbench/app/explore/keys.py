"""The keys of Explore, each with the id by which a user's settings give it another.

In the order of the footer: what does not fit there falls off at the end.
"""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    # The list has these too and moves in itself; where it is folded away they come here.
    Binding("j", "step(1)", "Next", id="explore.step", key_display="j/k", tooltip="Next"),
    Binding("k", "step(-1)", "Previous", id="explore.step_back", show=False),
    Binding("enter", "ask", "Ask", id="explore.ask"),
    Binding("slash", "filter", "Filter", id="explore.filter", key_display="/"),
    Binding("colon", "jump", "UID", id="explore.jump", key_display=":", tooltip="Go to a UID"),
    Binding("p", "prompt", "Prompt", id="explore.prompt"),
    Binding("g", "heat", "Heat", id="explore.heat", tooltip="Grad-CAM of the token"),
    Binding(
        "left", "token(-1)", "Token", id="explore.token_left", key_display="←→",
        tooltip="Move along the answer's tokens",
    ),
    Binding("right", "token(1)", "Token right", id="explore.token_right", show=False),
    Binding("b", "bookmark", "★", id="explore.bookmark", tooltip="Bookmark"),
    Binding(
        "B,shift+b", "bookmark_tags", "Tags", id="explore.tags", show=False,
        tooltip="Bookmark with tags and a note",
    ),
    Binding("e", "evaluate", "Evaluate", id="explore.evaluate"),
    Binding("w", "sweep", "Grid", id="explore.sweep",
            tooltip="One prompt in many ways: a grid of answers"),
    Binding("a", "side_by_side", "Beside", id="explore.side_by_side",
            tooltip="Ask two models or adapters side by side"),
    Binding("d", "dataset", "Data", id="explore.dataset", tooltip="Choose a dataset"),
    Binding("m", "model", "Model", id="explore.model", tooltip="Choose model and adapter"),
    Binding("G,shift+g", "gallery", "Gallery", id="explore.gallery", key_display="G",
            tooltip="Thumbnails of what the list shows"),
    Binding("i", "details", "All", id="explore.details", tooltip="Everything known of the sample"),
    Binding("r", "random", "Random", id="explore.random"),
    Binding("y", "copy_command", "Copy", id="explore.copy", tooltip="Copy the wb … command"),
    Binding("R,shift+r", "seed", "Seed of the walk", id="explore.seed", show=False),
    Binding("n", "step(1)", "Next sample", id="explore.next", show=False),
    Binding("N,shift+n", "step(-1)", "Previous sample", id="explore.previous", show=False),
    Binding("full_stop", "bookmark_step(1)", "Next bookmark", id="explore.next_bookmark",
            show=False, key_display="."),
    Binding("comma", "bookmark_step(-1)", "Previous bookmark", id="explore.previous_bookmark",
            show=False, key_display=","),
    Binding("E,shift+e", "export_bookmarks", "Export the bookmarks",
            id="explore.export_bookmarks", show=False),
    Binding("I,shift+i", "import_bookmarks", "Import bookmarks",
            id="explore.import_bookmarks", show=False),
    Binding("s", "export", "Save images and JSON", id="explore.export", show=False),
    Binding("t", "template", "Template", id="explore.template", show=False),
    Binding("u", "run", "Choose the run beside the list", id="explore.run", show=False),
    Binding("h", "recall", "Earlier answer", id="explore.recall", show=False),
    Binding("Y,shift+y", "copy_uid", "Copy the UID", id="explore.copy_uid", show=False),
    Binding("left_square_bracket", "opacity(-1)", "Fainter heat", id="explore.fainter",
            show=False, key_display="["),
    Binding("right_square_bracket", "opacity(1)", "Stronger heat", id="explore.stronger",
            show=False, key_display="]"),
    Binding("c", "colormap", "Colour map of the heat", id="explore.colormap", show=False),
    Binding("v", "fade", "Fade the heat where it is cold", id="explore.fade", show=False),
    Binding("o", "places", "Boxes and points", id="explore.places", show=False),
    Binding("l", "list", "List", id="explore.list", tooltip="Show the list"),
    Binding("z", "zoom", "Image alone", id="explore.zoom", show=False),
    Binding("ctrl+enter,ctrl+j,f5", "ask", "Ask", id="explore.ask_anywhere", show=False),
    Binding("escape", "back", "Back", id="explore.back", key_display="Esc"),
]  # fmt: skip
