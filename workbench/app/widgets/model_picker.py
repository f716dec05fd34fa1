"""A picker of models that looks at what was chosen before it is taken: the bench's start check.

Returns a `TakenModel`, or `None`. Guarantee: a model or an adapter that would fail is said in the
dialog, which stays open; what only a hub or a server can tell comes back as notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from sessions.errors import WbError
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.list_finder import Find
from workbench.app.widgets.picker import Picker
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.models.spec import ModelSpec


@dataclass(frozen=True)
class TakenModel:
    """What was chosen.

    Attributes:
        value: The value of the choice, or what was typed.
        notes: What was not checked, a line each.
    """

    value: Any
    notes: tuple[str, ...] = ()


class ModelPicker(Picker):
    """The picker."""

    HELP_TITLE = "Choose a model"
    HELP = (
        "What is taken is looked at first: a model or an adapter that would not start is said "
        "here, and nothing is asked."
    )
    DEFAULT_CSS = """
    ModelPicker .problem { height: auto; max-height: 4; color: $text-error; }
    """

    def __init__(
        self,
        title: str,
        *,
        find: Find,
        specs: Callable[[Any], Sequence[ModelSpec]],
        current: Any = None,
        free: str = "",
    ) -> None:
        """A picker.

        Args:
            title: What it is chosen for.
            find: Finds what there is, in a worker.
            specs: The models that a value means; raises `WbError` where it means none.
            current: The value under the cursor at first.
            free: What can be typed.
        """
        super().__init__(title, find=find, current=current, free=free)
        self._specs = specs
        self._wanted: Any = None

    def feet(self) -> ComposeResult:
        """What is wrong with what was chosen."""
        yield Static("", classes="problem", markup=False)

    def dismiss_with(self, value: Any) -> None:
        """Look at it first."""
        self._wanted = value
        try:
            specs = self._specs(value)
        except WbError as error:
            self._say(error.message, error.hint)
            return
        self._say("checking…", style="dim")
        bench = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            from workbench.models.standing import specs_standings

            found = specs_standings(specs)
            if not token.cancelled:
                bench.call_soon(self._looked_at, value, found)

        bench.tasks.run("model check", work)

    def _looked_at(self, value: Any, found: Sequence[Any]) -> None:
        if not self.is_running or value is not self._wanted:
            return
        wrong = [one for one in found if one.state == "cannot"]
        if wrong:
            self._say(wrong[0].said, wrong[0].hint)
            return
        notes = (clean(one.words) for one in found if one.state == "not checked")
        self.dismiss(TakenModel(value, tuple(dict.fromkeys(notes))))

    def _say(self, words: str, hint: str | None = "", style: str = "") -> None:
        said = f"{words} ({hint})" if hint else words
        text = Text(clean(said, newlines=False), style or PALETTE.bad)
        self.query_one(".problem", Static).update(text)
