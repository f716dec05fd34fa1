"""Do the hot pixels carry the answer? Deletion and insertion curves of some maps.

For each way of making a map, over questions of the demo data (as `benchmarks.localisation`): the
area under the answer token's probability as the hottest pixels are deleted (lower is better) and
inserted into a blank image (higher is better), beside a random map and occlusion.

    python -m benchmarks.faithfulness --limit 30 --out faithfulness.json
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.localisation import questions
from workbench.explain.explain import explain
from workbench.explain.faithfulness import curves
from workbench.explain.result import Explanation, heat_maps
from workbench.explain.settings import ExplainSettings
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import default_template

CANDIDATES = {
    "default": ExplainSettings(),
    "hirescam patch.embed margin": ExplainSettings("hirescam", "patch.embed", "margin"),
    "gradcam merged.merger margin": ExplainSettings("gradcam", "merged.merger", "margin"),
    "layercam patch.block1 margin": ExplainSettings("layercam", "patch.block1", "margin"),
    "gradnorm merged.merger logit": ExplainSettings("gradnorm", "merged.merger", "logit"),
    "elementwise merged.merger logit": ExplainSettings("elementwise", "merged.merger", "logit"),
    "elementwise patch.embed logit": ExplainSettings("elementwise", "patch.embed", "logit"),
    "integrated patch.embed margin, mean": ExplainSettings(
        "integrated", "patch.embed", baseline="mean"
    ),
    "integrated patch.embed margin, blur": ExplainSettings(
        "integrated", "patch.embed", baseline="blur"
    ),
    "occlusion margin, border": ExplainSettings(
        "occlusion", baseline="border", window=16, stride=8
    ),
}


def random_map(like: Explanation, seed: int) -> Explanation:
    """Noise on the same grids."""
    rng = np.random.default_rng(seed)
    raw = [rng.random(image.grid.shape) for image in like.images]
    sizes = [image.size for image in like.images]
    return Explanation("random", "", 0, "", heat_maps(raw, sizes), answer=like.answer)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table, keep the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--split", default="test")
    parser.add_argument("--kind", default="existence")
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--fill", default="border", help="what stands for deleted pixels")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    loaded = load_model(ModelSpec(args.model, device="cpu"))
    areas: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, (sample, _) in enumerate(questions(args.limit, args.split, args.kind)):
        messages = default_template("question").render(sample)
        answer = str(sample.label)
        made = {
            name: explain(loaded, messages, answer, settings=settings)
            for name, settings in CANDIDATES.items()
        }
        made["random"] = random_map(made["default"], number)
        for name, explanation in made.items():
            found = curves(loaded, messages, explanation, fill=args.fill)
            areas[name].append((found.deletion_auc, found.insertion_auc))
    rows = [
        {
            "map": name,
            "deletion_auc": round(float(np.mean([d for d, _ in found])), 4),
            "insertion_auc": round(float(np.mean([i for _, i in found])), 4),
            "n": len(found),
        }
        for name, found in areas.items()
    ]
    rows.sort(key=lambda row: row["deletion_auc"] - row["insertion_auc"])
    print("deletion  insertion  map")
    for row in rows:
        print(f"{row['deletion_auc']:.3f}     {row['insertion_auc']:.3f}      {row['map']}")
    if args.out:
        args.out.write_text(json.dumps({"identity": loaded.identity, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
