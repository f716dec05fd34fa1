"""Write the demo model's report: `python -m training.demo_model_report --run FOLDER`.

Reads the training log, measures the shipped folder on held-out scenes through the processor and
`generate`, and writes `docs/demo-model-figures.md` and the curves beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from training.demo_model_eval import quick_check
from workbench.demo.paths import MODEL_DIR

NAMES = {
    "demo": "statements (`demo/test`)",
    "demo_vqa": "questions (`demo_vqa/test`)",
    "demo_nli": "hypotheses (`demo_nli/test`)",
    "demo_captions": "captions, every word right (`demo_captions/test`)",
}


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of the training log, in order; a step trained twice counts once, the last."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for _, line in sorted({line["step"]: line for line in lines}.items())]


def draw_curves(log: list[dict[str, Any]], to: Path) -> None:
    """Loss and held-out shares over steps, as an SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    left.plot([x["step"] for x in log], [x["loss"] for x in log], lw=1)
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    checks = [x for x in log if "demo" in x]
    for key in NAMES:
        right.plot([x["step"] for x in checks], [x[key] for x in checks], label=key, lw=1.4)
    right.set(xlabel="step", ylabel="right, on dev", ylim=(0, 1))
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    plt.rcParams["svg.hashsalt"] = "demo"
    figure.savefig(to, metadata={"Date": None})


def table(figures: dict[str, Any], count: int) -> list[str]:
    """The held-out figures as Markdown."""
    rows = ["| held-out | samples | right | by kind |", "|---|---|---|---|"]
    for key, name in NAMES.items():
        kinds = ", ".join(f"{k} {v:.3f}" for k, v in sorted(figures[f"{key}_by_kind"].items()))
        n = count if key in ("demo", "demo_vqa") else count // 3
        rows.append(f"| {name} | {n} | **{figures[key]:.3f}** | {kinds} |")
    return rows


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="where demo_model wrote its log")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--before", type=int, default=0, help="steps of the weights begun from")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    args = parser.parse_args()
    model = AutoModelForImageTextToText.from_pretrained(MODEL_DIR, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(MODEL_DIR)
    figures = quick_check(model, processor, split="test", count=args.count)
    log = read_log(args.run)
    draw_curves(log, args.docs / "demo-model-curves.svg")
    parameters = sum(p.numel() for p in model.parameters())
    size = (MODEL_DIR / "model.safetensors").stat().st_size
    lines = [
        "<!-- written by python -m training.demo_model_report -->",
        f"{parameters:,} parameters, {size / 1e6:.1f} MB of bfloat16 weights; "
        + (f"{args.before:,} steps, then " if args.before else "")
        + f"{log[-1]['step']:,} steps in {log[-1]['seconds'] / 60:.0f} minutes of training; "
        "measured in fp32, greedy, batch size 32.",
        "",
        *table(figures, args.count),
    ]
    (args.docs / "demo-model-figures.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
