"""The texts of a sample beside its image: what it says, its label, what a run said, why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.containers import VerticalScroll

from workbench.app.explore.rows import MARKS, RunView
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.sample import Sample

# Shown elsewhere or too long to be read here; `wb inspect` tells all.
_SKIP = {"objects", "image_sizes", "sizes", "targets"}


class SampleTexts(VerticalScroll, can_focus=False):
    """Roles and their texts; the label against the prediction; explanations; facts.

    As high for a word as for a page: the picture above stays where it is from sample to sample.
    """

    DEFAULT_CSS = """
    SampleTexts { height: 28%; min-height: 3; scrollbar-size-vertical: 1; }
    """

    def compose(self):  # noqa: ANN201 - one widget
        """One static text."""
        yield SteadyText("", id="texts-body", classes="-fills")

    def show(
        self,
        sample: Sample | None,
        run: RunView,
        bookmark: tuple[tuple[str, ...], str] | None = None,
    ) -> None:
        """Show a sample's texts.

        Args:
            sample: `None` shows nothing.
            run: Whose prediction stands beside the label.
            bookmark: (tags, note) where the sample is bookmarked.
        """
        body = self.query_one("#texts-body", SteadyText)
        if sample is None:
            body.update("")
            return
        body.update(texts_table(sample, run, bookmark))
        self.scroll_home(animate=False)


def texts_table(
    sample: Sample,
    run: RunView,
    bookmark: tuple[tuple[str, ...], str] | None,
) -> Table:
    """The table of a sample's texts; everything in it is cleaned and free of markup."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="dim", no_wrap=True, max_width=12)
    table.add_column(ratio=1)
    for role, text in sample.texts.items():
        if not text.strip():
            continue  # no line of the few for nothing
        table.add_row(Text(clean(role, newlines=False)), Text(clean(text), style="bold"))
    table.add_row("label", _label_line(sample, run))
    if sample.error:
        table.add_row("error", Text(clean(sample.error), style=PALETTE.bad))
    for number, why in enumerate(sample.explanations[:3]):
        table.add_row("why" if number == 0 else "", Text(clean(why), style="italic"))
    others = [r for r in sample.references if r != sample.label][:4]
    if others:
        table.add_row("also right", Text(clean(" · ".join(others), newlines=False)))
    if bookmark is not None:
        tags, note = bookmark
        line = Text("★ ", style=PALETTE.warn)
        line.append(clean(" ".join(tags) or "bookmarked", newlines=False))
        if note:
            line.append(f" — {clean(note, newlines=False)}", style="italic")
        table.add_row("bookmark", line)
    facts = _facts(sample.metadata)
    if facts:
        table.add_row("facts", Text(facts, style="dim"))
    return table


def _label_line(sample: Sample, run: RunView) -> Text:
    line = Text(clean(sample.label, newlines=False) if sample.label is not None else "–")
    line.stylize("bold")
    mark = run.mark(sample.uid)
    if not run.run_id:
        return line
    sign, style = MARKS[mark]
    said = run.label(sample.uid)
    if mark == "none" and said is None:
        line.append(f"   not in {run.title}", Style(dim=True))
        return line
    word = {"failed": "failed", "unparsed": "unparsed"}.get(mark) or clean(said, newlines=False)
    line.append("   predicted ", Style(dim=True))
    line.append(f"{word} {sign}", style + Style(bold=True))
    line.append(f"   {clean(run.title, newlines=False)}", Style(dim=True))
    found = run.lines.get(sample.uid)
    if mark == "failed" and found and found.error:
        line.append(f"\n{clean(found.error)}", style)
    elif mark == "unparsed" and found:
        line.append(f"\n“{clean(found.text)[:200]}”", Style(italic=True))
    return line


def _facts(metadata: Mapping[str, Any]) -> str:
    """The short facts in one line."""
    parts = []
    for key, value in metadata.items():
        if key in _SKIP or isinstance(value, (dict, list, tuple)) or value is None:
            continue
        parts.append(f"{key} {clean(value, newlines=False)[:40]}")
    return clean(" · ".join(parts), newlines=False)[:300]
