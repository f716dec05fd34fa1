"""A reliability diagram: of a model that knows what it knows, confidence equals accuracy.

In the terminal as lines of text, as PNG by matplotlib, which is imported only then.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH = 40


def reliability_lines(bins: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line a bin: confidence, samples, accuracy as a bar, `|` where it should end."""
    out = ["confidence      n  accuracy  | where accuracy would equal confidence"]
    for one in bins:
        if not one["n"]:
            continue
        filled = round(one["accuracy"] * _WIDTH)
        wanted = min(round(one["confidence"] * _WIDTH), _WIDTH)
        cells = list("█" * filled + "·" * (_WIDTH - filled) + " ")
        cells[wanted] = "|"
        out.append(
            f"{one['low']:.2f} – {one['high']:.2f}  {one['n']:>5}  {one['accuracy']:8.3f}  "
            + "".join(cells).rstrip()
        )
    return out


def reliability_png(bins: Sequence[Mapping[str, Any]], title: str, note: str = "") -> bytes:
    """The diagram as the bytes of a PNG: accuracy with intervals above, samples below."""
    from matplotlib.figure import Figure

    used = [one for one in bins if one["n"]]
    figure = Figure(figsize=(5, 5.6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    centres = [(one["low"] + one["high"]) / 2 for one in used]
    widths = [(one["high"] - one["low"]) * 0.94 for one in used]
    accuracy = [one["accuracy"] for one in used]
    spread = [
        [max(0.0, one["accuracy"] - one["accuracy_low"]) for one in used],
        [max(0.0, one["accuracy_high"] - one["accuracy"]) for one in used],
    ]
    above.plot([0, 1], [0, 1], "--", color="#888888", linewidth=1)
    above.bar(centres, accuracy, widths, color="#4c72b0", alpha=0.75)
    above.errorbar(
        [one["confidence"] for one in used], accuracy, spread, fmt="o", color="#1a1a1a", ms=3, lw=1
    )
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    # Dollar signs would begin mathematics.
    above.set_title(title.replace("$", r"\$"), fontsize=9)
    if note:
        above.text(0.03, 0.93, note.replace("$", r"\$"), fontsize=8)
    below.bar(centres, [one["n"] for one in used], widths, color="#999999")
    below.set(xlabel="confidence", ylabel="samples")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
