"""What a model was asked about a sample and what it answered, beside the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from workbench.app.widgets.places import ShownPlaces
from workbench.app.widgets.steady import SteadyText
from workbench.reports.silence import answered_nothing
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.runs.reading import PredictionRow
    from workbench.reports.prediction import Prediction
    from workbench.sample import Sample


class AnswerText(SteadyText):
    """The sample's texts as soon as they are read, then the answer or the error."""

    def __init__(self, **more: Any) -> None:
        super().__init__("", **more)
        self._row: PredictionRow | None = None
        self._line: Prediction | None = None
        self._sample: tuple[str, Sample] | None = None

    @property
    def line(self) -> Prediction | None:
        """The line whose answer is shown, `None` before it was read."""
        return self._line

    def clear(self) -> None:
        """Show nothing."""
        self._row = self._line = None
        self.update("")

    def show(self, row: PredictionRow, line: Prediction | None) -> None:
        """Show the answer of a row; `line` is `None` if its file cannot be read any more."""
        self._row, self._line = row, line
        self._draw()

    def show_sample(self, uid: str, sample: Sample) -> None:
        """Show a sample's texts with the answer to its UID, whichever of the two came first."""
        self._sample = (uid, sample)
        self._draw()

    def on_resize(self) -> None:
        """The first width is known only after the first row."""
        self._draw()

    def _draw(self) -> None:
        if (row := self._row) is None:
            return
        text = _head(row, self._line)
        if self._sample is not None and self._sample[0] == row.uid:
            text.append_text(self._asked(self._sample[1]))
        said = self._line.text if self._line else row.words
        text.append(clean(said))
        if not said.strip() and not row.error:
            text.append(answered_nothing(), style="dim")
        if row.error:
            text.append(clean(row.error))
        self.update(text)

    def _asked(self, sample: Sample) -> Text:
        """A line for each text, cut where it would leave no room for the answer."""
        texts = {role: words for role, words in sample.texts.items() if words.strip()}
        lines = max(1, (self.size.height - 3) // max(1, len(texts)))
        text = Text()
        for role, words in texts.items():
            line = Text.assemble(
                (f"{clean(role, newlines=False)}  ", "dim"), clean(words, newlines=False)
            )
            line.truncate(lines * max(10, self.content_size.width - 2), overflow="ellipsis")
            text.append_text(line).append("\n")
        return text


def _head(row: PredictionRow, line: Prediction | None) -> Text:
    """The UID, the most likely labels and what the boxes on the picture are."""
    text = Text()
    text.append(clean(row.uid, newlines=False), style="bold")
    best = list(line.scores.items())[:4] if line else []
    words = "  ".join(f"{clean(k, newlines=False)} {v:.2f}" for k, v in best)
    text.append(f"   {words}" if words else "", style="dim")
    places = line.places if line is not None else None
    if places is not None and (shown := ShownPlaces(places, places.gold)):
        text.append("   ")
        text.append_text(shown.legend())
    return text.append("\n")
