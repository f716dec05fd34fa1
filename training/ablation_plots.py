"""The two plots of an ablation, by matplotlib without a display.

Points are trials, bars are 95% intervals over the seeds, bands reach from the least to the largest
seed. Colours are Okabe and Ito's (2008), which colour-blind readers tell apart; shapes differ too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.ablation_figures import AblationComparison, VariantFigures, mean_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
_LABEL = 28


def metric_against_parameters(found: AblationComparison) -> Figure:
    """The first figure of the table against the trainable parameters."""
    from matplotlib.figure import Figure

    name = found.shown[0]
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for number, variant in enumerate(found.variants):
        estimate, trainable = variant.figures.get(name), variant.one("trainable")
        if estimate is None or estimate.value is None or trainable is None:
            continue
        colour, mark = _style(number)
        own = [t.values[name] for t in variant.done if name in t.values]
        axes.plot([trainable] * len(own), own, mark, color=colour, alpha=0.35, ms=5, mew=0)
        if estimate.low is None or estimate.high is None:
            bar = None
        else:
            bar = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
        axes.errorbar(
            [trainable],
            [estimate.value],
            yerr=bar,
            fmt=mark,
            color=colour,
            ms=8,
            capsize=4,
            label=_words(variant),
        )
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set(xlabel="trainable parameters", ylabel=f"{name} on {_plain(found.evaluated_on)}")
    axes.grid(alpha=0.25)
    _legend(figure, axes)
    return figure


def curves(found: AblationComparison) -> Figure:
    """Training loss, and the dev set's loss and figure, over steps."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    panels = [name for name in _panels(found) if _has(found, name)] or ["loss"]
    figure = Figure(figsize=(4.2 * len(panels), 3.6), layout="constrained")
    row: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, name in zip(row, panels, strict=True):
        for number, variant in enumerate(found.variants):
            _curve(axes, variant, name, number)
        axes.set(xlabel="step", title=_TITLES.get(name, name.replace("eval_", "dev ")))
        if "loss" in name:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.grid(alpha=0.25, which="both")
    _legend(figure, row[-1])
    return figure


def _legend(figure: Figure, axes: Any) -> None:
    """Below the panels, where it hides nothing."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        columns = min(len(names), max(1, int(figure.get_figwidth() // 1.5)))
        figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)


_TITLES = {"loss": "training loss", "eval_loss": "dev loss"}


def _panels(found: AblationComparison) -> list[str]:
    shown = next((n for n in found.shown if n != "eval_loss"), None)
    return ["loss", "eval_loss", *([f"eval_{shown}"] if shown else [])]


def _has(found: AblationComparison, name: str) -> bool:
    return any(name in line for v in found.variants for t in v.done for line in t.curve)


def _curve(axes: Any, variant: VariantFigures, name: str, number: int) -> None:
    steps, mean, low, high = mean_curve(variant.done, name)
    if not steps:
        return
    colour, mark = _style(number)
    few = len(steps) <= 20
    axes.plot(
        steps, mean, color=colour, lw=1.5, marker=mark if few else None, ms=4, label=_words(variant)
    )
    axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)


def _style(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]


def _words(variant: VariantFigures) -> str:
    return _plain(variant.name[:_LABEL])


def _plain(text: str) -> str:
    """Matplotlib reads `$` as mathematics."""
    from workbench.text import clean

    return clean(text, newlines=False).replace("$", r"\$")
