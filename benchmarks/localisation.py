"""Does the hottest point lie on the object that the question names?

Questions of the demo data that are about one object among at least two others (existence
questions whose answer is yes, by default): for each way of making a map, the share of questions
whose hottest point lies in that object's box, beside occlusion (the control) and a random point
(the box's share of the image, in closed form). The defaults of `wb gradcam` are chosen by it.

    python -m benchmarks.localisation --limit 100 --out localisation.json

Every map explains the right answer's first token, teacher-forced, on all questions, also on those
that the model would answer wrongly; the share of right answers is printed beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.demo.scenes import make_sample
from workbench.explain.blank import BLANKS
from workbench.explain.capture import capture
from workbench.explain.explain import blank_pixels
from workbench.explain.maps import combine, flat_maps, grids_of
from workbench.explain.methods import METHODS, cam
from workbench.explain.occlusion import occlude
from workbench.explain.pointing import box_share, in_box, points_at
from workbench.explain.prepare import prepare
from workbench.explain.result import peak_of
from workbench.explain.settings import ExplainSettings
from workbench.explain.targets import TARGETS, Target
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import default_template
from workbench.sample import Message, Sample

Hits = dict[tuple[str, ...], list[float]]
SLOW = ("eigencam", "eigengradcam")  # a full singular value decomposition each


def questions(limit: int, split: str, kind: str) -> Iterator[tuple[Sample, list[float]]]:
    """Questions of a kind about one object among at least two others, with its box."""
    index = 0
    while limit > 0:
        sample = make_sample("demo_vqa", split, index)
        index += 1
        facts = sample.metadata
        alone = len(facts["targets"]) == 1 and len(facts["objects"][0]) >= 3
        if facts["kind"] == kind and sample.label != "no" and alone:
            yield sample, facts["objects"][0][facts["targets"][0]["object"]]["box"]
            limit -= 1


class Case:
    """One question: its prompt, its box and what the model makes of it."""

    def __init__(
        self, loaded: LoadedModel, sample: Sample, box: list[float], kinds: list[str]
    ) -> None:
        self.loaded, self.box = loaded, box
        self.messages: tuple[Message, ...] = default_template("question").render(sample)
        self.ids = loaded.tokenizer(sample.label, add_special_tokens=False)["input_ids"]
        no = loaded.tokenizer("no", add_special_tokens=False)["input_ids"][0]
        self.prepared = prepare(loaded, self.messages, self.ids, 0)
        self.sizes = [span.size for span in self.prepared.spans]
        self.targets = {kind: Target(kind, self.ids[0]) for kind in TARGETS}
        if sample.label == "yes":
            self.targets["yes-no"] = Target("margin", self.ids[0], no)
        self.targets = {k: t for k, t in self.targets.items() if k in kinds}

    def hit(self, raw: list[np.ndarray]) -> float:
        """1 where the hottest point of the raw maps lies in the box."""
        return float(in_box(peak_of(raw[0], self.sizes[0]), self.box))  # one image a question


def by_one_pass(case: Case, hits: Hits, *, slow: bool) -> None:
    """Every CAM formula at every layer for every target: one forward serves them all."""
    names = list(case.loaded.family.layers(case.loaded))
    found = capture(case.loaded, case.prepared, names, [(0, t) for t in case.targets.values()])
    for method in METHODS.values():
        if method.path or (method.name in SLOW and not slow):
            continue
        for target, gradients in zip(case.targets, found.gradients, strict=True):
            grids = {}
            for name in names:
                flat = cam(method.name, found.activations[name], gradients[name])
                for coarse in (False, True):
                    raw = grids_of(case.loaded, case.prepared, name, flat, coarse)
                    if coarse and not name.startswith("patch."):
                        continue
                    grids[name, coarse] = raw
                    key = (method.name, name, target, "coarse" if coarse else "")
                    hits[key].append(case.hit(raw))
            for joint in ("*", "+"):
                patch = [n for n in names if n.startswith("patch.")]
                for some in ([patch[-1], "merged.merger"], patch, [*patch, "merged.merger"]):
                    raw = combine([grids[n, False] for n in some], joint)
                    label = joint.join(some) if len(some) < 3 else f"{some[0]}..{some[-1]} {joint}"
                    hits[(method.name, label, target, "")].append(case.hit(raw))
            if not method.gradients:
                break


def by_many_passes(case: Case, hits: Hits, kinds: dict[str, ExplainSettings]) -> None:
    """Smoothed and path-integrated maps at the vision layers."""
    names = [n for n in case.loaded.family.layers(case.loaded) if not n.startswith("token.")]
    for label, settings in kinds.items():
        baseline = None
        if METHODS[settings.method].path:
            baseline = blank_pixels(case.loaded, case.messages, case.prepared, settings.baseline)
        targets = [(0, t) for t in case.targets.values()]
        flat, _ = flat_maps(case.loaded, case.prepared, names, targets, settings, baseline=baseline)
        for target, maps in zip(case.targets, flat, strict=True):
            for name in names:
                for coarse in (False, True):
                    if coarse and not name.startswith("patch."):
                        continue
                    raw = grids_of(case.loaded, case.prepared, name, maps[name], coarse)
                    note = "coarse" if coarse else ""
                    hits[(label, name, target, note)].append(case.hit(raw))


def by_occlusion(case: Case, hits: Hits, *, many: bool) -> None:
    """The control, by window, stride and what covers."""
    plans: list[dict[str, Any]] = [{"baseline": "border", "window": 16, "stride": 4}]
    if many:
        plans += [{"baseline": fill, "window": 16, "stride": 8} for fill in (*BLANKS, "local")]
        plans += [{"baseline": "border", "window": w, "stride": 4} for w in (8, 12, 20)]
    for plan in plans:
        settings = ExplainSettings("occlusion", batch_size=64, **plan)
        for target in case.targets if many else list(case.targets)[-1:]:
            made = occlude(case.loaded, case.messages, case.ids, 0, case.targets[target], settings)
            note = f"{plan['window']}px/{plan['stride']} {plan['baseline']}"
            hits[("occlusion", "", target, note)].append(float(points_at(made, 0, case.box)))


def many_pass_kinds(steps: int) -> dict[str, ExplainSettings]:
    """The labels and settings of `by_many_passes`."""
    kinds = {
        f"integrated {b}": ExplainSettings("integrated", baseline=b, steps=steps) for b in BLANKS
    }
    for method in ("hirescam", "gradcam", "layercam", "gradnorm"):
        kinds[f"{method} smooth"] = ExplainSettings(method, smooth=8, noise=0.1)
    return kinds


def measure(loaded: LoadedModel, args: argparse.Namespace) -> dict[str, Any]:
    """All shares, best first."""
    hits: Hits = defaultdict(list)
    chance, right = [], []
    kinds = {k: v for k, v in many_pass_kinds(args.steps).items() if args.only in k}
    start, report = time.monotonic(), {}
    for number, (sample, box) in enumerate(questions(args.limit, args.split, args.kind)):
        case = Case(loaded, sample, box, args.targets)
        chance.append(box_share(box, 0, case.sizes))
        with torch.no_grad():
            logits = loaded.model(**case.prepared.inputs, use_cache=False).logits[0, -1]
        right.append(float(int(logits.argmax()) == case.ids[0]))
        by_one_pass(case, hits, slow=number < args.slow)
        if number < args.many:
            by_many_passes(case, hits, kinds)
        if number < args.controls:
            by_occlusion(case, hits, many=number < args.occlusions)
        print(f"{number + 1} of {args.limit}", end="\r", file=sys.stderr, flush=True)
        report = report_of(loaded, args, hits, chance, right, time.monotonic() - start)
        if args.out:  # as it goes: a long measurement may be cut off
            args.out.write_text(json.dumps(report, indent=1) + "\n")
    return report


def report_of(
    loaded: LoadedModel,
    args: argparse.Namespace,
    hits: Hits,
    chance: list[float],
    right: list[float],
    seconds: float,
) -> dict[str, Any]:
    """The shares so far, best first."""
    rows = [
        {
            "method": key[0],
            "layer": key[1],
            "target": key[2],
            "note": key[3],
            "share": round(float(np.mean(found)), 4),
            "n": len(found),
        }
        for key, found in hits.items()
    ]
    return {
        "model": loaded.spec.model,
        "identity": loaded.identity,
        "split": args.split,
        "kind": args.kind,
        "n": len(right),
        "answered_right": round(float(np.mean(right)), 4),
        "random_point": round(float(np.mean(chance)), 4),
        "seconds": round(seconds, 1),
        "rows": sorted(rows, key=lambda row: -row["share"]),
    }


def main() -> None:
    """Measure, print a table, keep the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--split", default="test")
    parser.add_argument("--kind", default="existence", help="existence, color or shape")
    parser.add_argument("--limit", type=int, default=100, help="questions")
    parser.add_argument("--many", type=int, default=100, help="of them with many-pass methods")
    parser.add_argument("--slow", type=int, default=0, help="of them with eigen methods")
    parser.add_argument("--occlusions", type=int, default=0, help="of them with all occlusions")
    parser.add_argument("--controls", type=int, default=100, help="of them with occlusion")
    parser.add_argument("--only", default="", help="many-pass methods whose name has this")
    parser.add_argument(
        "--targets", type=lambda words: words.split(","), default=[*TARGETS, "yes-no"]
    )
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--top", type=int, default=40, help="rows to print")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    report = measure(load_model(ModelSpec(args.model, device="cpu")), args)
    for name in ("n", "answered_right", "random_point", "seconds"):
        print(f"{name}: {report[name]}")
    for row in report["rows"][: args.top]:
        words = (row["method"], row["layer"], row["target"], row["note"])
        print(f"{row['share']:.3f}  n={row['n']:<4} " + "  ".join(w for w in words if w))


if __name__ == "__main__":
    main()
