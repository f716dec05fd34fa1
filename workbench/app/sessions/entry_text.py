"""A record of a session in full, as text: what was sent and what came back."""

from __future__ import annotations

from rich.text import Text

from sessions.records import GradcamRecord, NoteRecord, PromptRecord, Record
from workbench.app.lists.palette import Palette
from workbench.models.head_config import head_words
from workbench.reports.session import who
from workbench.reports.silence import answered_nothing
from workbench.text import clean


def whole(entry: Record, palette: Palette) -> Text:
    """A record in full: what was sent and what came back."""
    text = Text()
    if isinstance(entry, PromptRecord):
        text.append(f"{clean(entry.uid or 'images of your own', newlines=False)}  ", palette.strong)
        seconds = entry.timing.get("total_s")
        took = f"  {seconds:.2f} s" if isinstance(seconds, (int, float)) else ""
        text.append(f"{clean(who(entry), newlines=False)}  {knobs(entry)}{took}\n", palette.dim)
        if entry.sweep:
            cell = ", ".join(
                f"{name} {'none' if value is None else value}" for name, value in entry.cell.items()
            )
            text.append(clean(f"of the grid {entry.sweep}: {cell}\n"), palette.dim)
        text.append(clean(entry.asked) + "\n", palette.accent)
        if entry.text.strip() or entry.error:
            text.append(clean(entry.text))
        else:
            text.append(answered_nothing(len(entry.tokens), entry.finish_reason), palette.dim)
        if entry.error:
            text.append("\n" if entry.text else "")
            text.append(clean(entry.failure), palette.bad)
        if entry.label is not None:
            text.append(f"\nread as {clean(entry.label, newlines=False)}", palette.dim)
        if entry.target is not None:
            text.append(f" · target {clean(entry.target, newlines=False)}", palette.dim)
        if entry.head:
            said = clean(head_words(entry.head), newlines=False)
            text.append(f"\nhead {said}", palette.dim)
    elif isinstance(entry, GradcamRecord):
        text.append(f"{clean(entry.uid, newlines=False)}  ", palette.strong)
        text.append(f"{clean(entry.method)} at {clean(entry.layer)}\n", palette.dim)
        text.append(clean(f"class {entry.head}" if entry.head else entry.answer_text))
    elif isinstance(entry, NoteRecord):
        text.append(clean(entry.text))
    return text


def knobs(entry: PromptRecord) -> str:
    """The knobs that say most about an answer."""
    shown = []
    for name in ("temperature", "top_p", "num_beams", "seed"):
        value = entry.decoding.get(name)
        if value not in (None, 0, 0.0, 1, 1.0):
            shown.append(f"{name} {value}")
    return clean(" ".join(shown) or "greedy", newlines=False)
