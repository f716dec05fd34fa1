"""Two answers side by side, what differs marked token by token; no widget in here.

Not for asking: `workbench.playground.replay` does that, for the bench and for `wb replay` alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from workbench.playground.answer_diff import aligned, pieces_of_both
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.playground.replay import Replayed


def side_by_side(pair: Replayed, gone: Style, come: Style) -> tuple[Text, Text]:
    """The old and the new answer, what differs marked in each."""
    if pair.new is None:
        words = pair.error.message if pair.error else "failed"
        return Text(clean(pair.old.text)), Text(clean(words), style=gone)
    left, right = Text(), Text()
    for same, before, after in aligned(*pieces_of_both(pair.old, pair.new)):
        left.append(clean(before), None if same else gone)
        right.append(clean(after), None if same else come)
    return left, right
