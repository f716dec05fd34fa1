"""An evaluation, against bare loops of `generate` and against lmms-eval, on the same 300 samples.

    python -m benchmarks.evaluation [--samples 300] [--rounds 3] [--lmms-eval PYTHON] [--json]

Each contestant is a whole process, from its start to its exit: wall and CPU seconds, peak memory,
and of the wall time the asking, from the first prompt to the last answer. The contestants take
turns; the medians of their rounds are compared.

- bare: `AutoModelForImageTextToText` and its processor, a `generate` for each batch, left padding,
  samples in their order, images decoded as they come; one after another, and in several sizes;
- `wb run-eval`: reads each answer's label, records each sample, computes figures with intervals;
- `wb run-eval --answer score`: labels by their probability;
- lmms-eval (tried with 0.7.3), if PYTHON is the interpreter of an environment that has it:
  `pip install lmms-eval==0.7.3 decord qwen-vl-utils 'filelock<3.20'`. A local task over Parquet
  with the same words. It sends its pictures through JPEG, so a few answers differ.

The model is a Qwen2-VL: the demo's, or a folder; fp32, greedy. The share of samples on which
each contestant's answer equals that of the bare loop is printed. Not for: quality.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIZES = (8, 16, 32)
TASK = """
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {rows}
task: "wb_pairs"
test_split: test
output_type: generate_until
doc_to_visual: !function utils.visuals
doc_to_text: !function utils.text
doc_to_target: "answer"
generation_kwargs:
  max_new_tokens: {tokens}
  temperature: 0
  num_beams: 1
  do_sample: false
process_results: !function utils.results
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
metadata:
  - version: 0.0
"""
UTILS = """
def visuals(doc):
    return [image.convert("RGB") for image in doc["images"]]
def text(doc, lmms_eval_specific_kwargs=None):
    return doc["prompt"]
def results(doc, results):
    return {"accuracy": float(results[0].strip().lower().startswith(doc["answer"].lower()))}
"""


@dataclass
class Measured:
    """One process: seconds, MiB, and the answers by UID."""

    wall_s: float
    cpu_s: float
    asking_s: float
    peak_mib: float
    answers: dict[str, str] = field(repr=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print a table on stderr, and JSON on stdout under `--json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="demo", help="demo, or a folder with a Qwen2-VL.")
    parser.add_argument("--samples", type=int, default=300, help="Of demo/test.")
    parser.add_argument("--tokens", type=int, default=64, help="The most of an answer.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="Of each process.")
    parser.add_argument("--lmms-eval", metavar="PYTHON", help="An interpreter that has lmms-eval.")
    parser.add_argument("--json", action="store_true", help="The figures as JSON on stdout.")
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.bare:
        bare(args.folder, args.bare, args.tokens)
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as home:
        folder = Path(home)
        os.environ |= {
            "WB_HOME": str(folder / "home"),
            "OMP_NUM_THREADS": str(args.threads),
            "MKL_NUM_THREADS": str(args.threads),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        prepare(folder, args)
        found = compare(contestants(folder, args), args.rounds)
    report(found, load, as_json=args.json)


def prepare(folder: Path, args: argparse.Namespace) -> None:
    """Write the model in fp32, the prompts and images as Parquet, and lmms-eval's task."""
    import datasets
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from workbench.data.source import open_source
    from workbench.demo.paths import MODEL_DIR
    from workbench.images.decode import load_image
    from workbench.prompts.pool import default_template

    start = str(MODEL_DIR) if args.model == "demo" else args.model
    model = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32)
    model.save_pretrained(folder / "model")
    AutoProcessor.from_pretrained(start).save_pretrained(folder / "model")
    source = open_source("demo", "test")
    rows = []
    for ordinal in range(args.samples):
        sample = source.at(ordinal)
        (message,) = default_template(sample.task).render(sample)
        prompt = message.text
        images = [load_image(image) for image in sample.images]
        rows.append({"uid": sample.uid, "images": images, "prompt": prompt, "answer": sample.label})
    features = datasets.Features(
        uid=datasets.Value("string"),
        images=datasets.List(datasets.Image()),
        prompt=datasets.Value("string"),
        answer=datasets.Value("string"),
    )
    table = datasets.Dataset.from_list(rows, features=features)
    table.to_parquet(str(folder / "rows.parquet"))
    task = folder / "tasks"
    task.mkdir()
    (task / "wb_pairs.yaml").write_text(
        TASK.format(rows=folder / "rows.parquet", tokens=args.tokens)
    )
    (task / "utils.py").write_text(UTILS)


# -- the contestants -----------------------------------------------------------------------------

Contestants = dict[str, Callable[[], Measured]]


def contestants(folder: Path, args: argparse.Namespace) -> Contestants:
    """Everything that is compared, by name."""

    def loop(size: int) -> Callable[[], Measured]:
        argv = [sys.executable, "-m", "benchmarks.evaluation", "--bare", str(size)]
        argv += ["--folder", str(folder), "--tokens", str(args.tokens)]
        return lambda: of_loop(argv)

    def ours(*further: str) -> Callable[[], Measured]:
        argv = [sys.executable, "-m", "commands.main", "run-eval", "--dataset", "demo"]
        argv += ["--split", "test", "--limit", str(args.samples), "--json", "--device", "cpu"]
        argv += ["--model", str(folder / "model"), "--threads", str(args.threads)]
        argv += ["--max-new-tokens", str(args.tokens), *further]
        return lambda: of_wb(folder, argv)

    def theirs(size: int) -> Callable[[], Measured]:
        return lambda: of_lmms_eval(folder, args.lmms_eval, size)

    found: Contestants = {"generate, batch 1": loop(1)}
    found |= {f"generate, batch {size}": loop(size) for size in SIZES}
    found["wb run-eval"] = ours()
    found["wb run-eval, batch 32"] = ours("--batch-size", "32")
    found["wb run-eval --answer score"] = ours("--answer", "score")
    if args.lmms_eval:
        found["lmms-eval, batch 1"] = theirs(1)
        found |= {f"lmms-eval, batch {size}": theirs(size) for size in SIZES}
    return found


def bare(folder: Path, size: int, tokens: int) -> None:
    """The loop that a script would have; its answers and seconds as one line of JSON."""
    import io

    import pyarrow.parquet as pq
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    processor = AutoProcessor.from_pretrained(folder / "model", padding_side="left")
    start, dtype = folder / "model", torch.float32
    model: Any = AutoModelForImageTextToText.from_pretrained(start, dtype=dtype)
    model.eval()
    rows = pq.read_table(folder / "rows.parquet").to_pylist()
    began, answers = time.perf_counter(), {}
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        images = [
            [Image.open(io.BytesIO(image["bytes"])).convert("RGB") for image in row["images"]]
            for row in batch
        ]
        texts = []
        for row in batch:
            content: list[dict[str, str]] = [{"type": "image"} for _ in row["images"]]
            content.append({"type": "text", "text": row["prompt"]})
            messages = [{"role": "user", "content": content}]
            texts.append(processor.apply_chat_template(messages, add_generation_prompt=True))
        inputs = processor(text=texts, images=images, padding=True, return_tensors="pt")
        with torch.inference_mode():
            out = model.generate(**inputs, do_sample=False, max_new_tokens=tokens)
        new = out[:, inputs["input_ids"].shape[1] :]
        for row, text in zip(
            batch, processor.batch_decode(new, skip_special_tokens=True), strict=True
        ):
            answers[row["uid"]] = text
    print(json.dumps({"asking_s": time.perf_counter() - began, "answers": answers}))


def of_loop(argv: list[str]) -> Measured:
    """A bare loop in a process of its own."""
    done = run(argv)
    said = json.loads(done.out)
    return done.measured(said["asking_s"], said["answers"])


def of_wb(folder: Path, argv: list[str]) -> Measured:
    """An evaluation by the command, in a home that holds no answers yet."""
    from sessions.runs import Run

    os.environ["WB_HOME"] = tempfile.mkdtemp(dir=folder)
    done = run(argv)
    lines = Run.open(json.loads(done.out)["run"]).predictions()
    answers = {line["uid"]: line["text"] or line["label"] for line in lines}
    return done.measured(sum(line["share_s"] for line in lines), answers)


def of_lmms_eval(folder: Path, python: str, size: int) -> Measured:
    """An evaluation by lmms-eval; its asking lies between its bar's first and last line."""
    out = Path(tempfile.mkdtemp(dir=folder))
    where = f"pretrained={folder / 'model'},device_map=cpu,system_prompt="
    argv = [python, "-m", "lmms_eval", "--model", "qwen2_vl", "--model_args", where]
    argv += ["--tasks", "wb_pairs", "--include_path", str(folder / "tasks"), "--device", "cpu"]
    argv += ["--batch_size", str(size), "--log_samples", "--output_path", str(out)]
    done = run(argv, mark="Model Responding")
    (samples,) = out.rglob("*samples*.jsonl")
    import pyarrow.parquet as pq

    uids = pq.read_table(folder / "rows.parquet", columns=["uid"])["uid"].to_pylist()
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    return done.measured(
        done.marked_s, {uids[line["doc_id"]]: line["filtered_resps"] for line in lines}
    )


# -- processes -----------------------------------------------------------------------------------


@dataclass
class Process:
    """A process that ended: what it wrote and what it took."""

    out: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    marked_s: float

    def measured(self, asking_s: float, answers: dict[str, str]) -> Measured:
        """With what only its kind can say."""
        return Measured(self.wall_s, self.cpu_s, asking_s, self.peak_mib, answers)


def run(argv: list[str], mark: str = "") -> Process:
    """Run to the end; with `mark`, the seconds between the first and the last stderr with it."""
    with tempfile.TemporaryFile("w+") as out:
        began = time.perf_counter()
        child = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=subprocess.PIPE)
        assert child.stderr is not None
        first = last = 0.0
        said = b""
        while piece := os.read(child.stderr.fileno(), 1 << 16):
            said = (said + piece)[-1_000_000:]
            if mark and re.search(mark.encode(), piece):
                last = time.perf_counter()
                first = first or last
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.stderr.close()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(argv)}\n{said.decode(errors='replace')[-4000:]}")
        out.seek(0)
        cpu = used.ru_utime + used.ru_stime
        return Process(out.read(), wall, cpu, used.ru_maxrss / 1024, last - first)


# -- figures -------------------------------------------------------------------------------------


def compare(found: Contestants, rounds: int) -> dict[str, list[Measured]]:
    """Each contestant once a round, in turns."""
    runs: dict[str, list[Measured]] = {name: [] for name in found}
    for turn in range(rounds):
        for name, contestant in found.items():
            runs[name].append(contestant())
            print(f"round {turn + 1}: {name}: {runs[name][-1]}", file=sys.stderr)
    return runs


def report(runs: dict[str, list[Measured]], load: float, *, as_json: bool) -> None:
    """The table, and the ratios."""
    reference = runs["generate, batch 1"][0].answers
    rows: dict[str, dict[str, float]] = {}
    for name, measured in runs.items():
        answers = measured[0].answers
        labels_alone = name.endswith("score")  # a label is compared with how the text begins
        alike = [
            text.strip().startswith(answers[uid].strip())
            if labels_alone
            else text.strip() == answers[uid].strip()
            for uid, text in reference.items()
        ]
        rows[name] = {
            what: round(statistics.median(getattr(m, what) for m in measured), 2)
            for what in ("wall_s", "cpu_s", "asking_s", "peak_mib")
        } | {"same_answers": sum(alike) / len(alike)}
    best = min(rows[f"generate, batch {size}"]["asking_s"] for size in SIZES)
    ours = rows["wb run-eval, batch 32"]["asking_s"]
    ratios = {
        "speed over the bare loop": rows["generate, batch 1"]["asking_s"] / ours,
        "speed over the best bare batches": best / ours,
        "speed of score over generate": rows["wb run-eval"]["asking_s"]
        / rows["wb run-eval --answer score"]["asking_s"],
    }
    if theirs := [name for name in rows if name.startswith("lmms-eval")]:
        ratios |= {
            f"{what} over the best of lmms-eval": rows["wb run-eval, batch 32"][key]
            / min(rows[name][key] for name in theirs)
            for what, key in (("wall", "wall_s"), ("CPU", "cpu_s"), ("asking", "asking_s"))
        }
    head = f"{'':28} {'wall s':>8} {'CPU s':>8} {'asking s':>9} {'MiB':>7} {'same':>6}"
    print(head, file=sys.stderr)
    for name, row in rows.items():
        print(
            f"{name:28} {row['wall_s']:8.2f} {row['cpu_s']:8.2f} {row['asking_s']:9.2f}"
            f" {row['peak_mib']:7.0f} {row['same_answers']:6.1%}",
            file=sys.stderr,
        )
    for name, value in ratios.items():
        print(f"{name:40} {value:6.2f}", file=sys.stderr)
    print(f"load average before {load:.2f} on {os.cpu_count()} cores", file=sys.stderr)
    if as_json:
        document: dict[str, Any] = {"rows": rows, "ratios": ratios, "load_average_before": load}
        print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
