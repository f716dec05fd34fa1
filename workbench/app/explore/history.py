"""Earlier answers on the sample in view, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from workbench.app.explore.history_book import Earlier
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean


class History(SteadyText):
    """`▸ 14:02 demo  True. There is …`; a few lines, the count above them."""

    DEFAULT_CSS = """
    History { height: auto; max-height: 9; color: $text-muted; margin-top: 1; }
    """

    _earlier: Sequence[Earlier] = ()

    def on_resize(self) -> None:
        """The lines are as long as there is room for."""
        self.show(self._earlier)

    def show(self, earlier: Sequence[Earlier]) -> None:
        """List them."""
        self._earlier = earlier
        if not earlier:
            self.update("")
            return
        plural = "answer" if len(earlier) == 1 else "answers"
        text = Text(f"earlier: {len(earlier)} {plural} on this sample · h shows them\n")
        for item in earlier[:7]:
            line = Text(f"▸ {item.when} ", Style(dim=True))
            line.append(f"{clean(item.model, newlines=False)} ", Style(bold=True))
            line.append(clean(item.text, newlines=False)[:200])
            line.truncate(max(20, self.size.width), overflow="ellipsis")
            text.append_text(line).append("\n")
        self.update(text)
