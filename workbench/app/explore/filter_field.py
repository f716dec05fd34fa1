"""The field over the list of samples."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class FilterField(Input):
    """The filter; Enter keeps it and goes back to the list."""

    HELP_TITLE = "Filter"
    HELP = (
        "The list narrows as you type. Enter keeps the filter and goes to the list; Esc there "
        "takes it off."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep", id="filter.keep",
                tooltip="Keep the filter and go to the list"),
    ]  # fmt: skip
