"""A setting of a run in a cell: what `wb runs compare` and the bench say that differs.

Guarantee: short, and an adapter by the name that lists give it. Not for a record or a command,
which have whole paths.
"""

from __future__ import annotations

from sessions.estimate import NONE
from workbench.models.names import adapter_name


def setting_words(name: str, value: object, most: int = 40) -> str:
    """The value of a setting, cut to `most` characters; "–" if there is none.

    Args:
        name: Of the setting, as a comparison names it.
        value: As the run's config has it.
        most: Characters.
    """
    if value is None or value == "":
        return NONE
    if name == "adapter":
        value = adapter_name(str(value))
    words = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return words if len(words) <= most else f"{words[: most - 1]}…"
