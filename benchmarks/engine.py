"""What the engine costs, and what it saves: against a bare `model.generate`, and for `wb prompt`.

    python -m benchmarks.engine [--model demo] [--tokens 100] [--rounds 5] [--starts 3] [--json]

- tokens/s of one request, streamed token by token through the engine's socket with seed, knobs
  and log-probabilities, over that of a bare `model.generate` (batch size 1) in this process;
- tokens/s of eight requests sent to the engine at once, over that of one alone;
- seconds of a whole `wb prompt` where no engine runs, and of the next one.

Every request is timed from its messages to its last token: images, processor and prefill count on
both sides. The contestants take turns, so that what else the machine does hits them alike; the
medians of their rounds are compared. One thread each, a home of its own. Not for: quality, nor
figures from a machine that is at something else (the load average is printed with them).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec
    from workbench.sample import Answer, Message
    from workbench.serving.client import Engine

ROOT = Path(__file__).resolve().parents[1]
AT_ONCE = 8
# So hot that the end of the turn is no likelier than any other token: answers reach their length.
HOT = 50.0

Prompt = Sequence["Message"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print a table on stderr, and JSON on stdout under `--json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--tokens", type=int, default=100, help="Per answer.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=3, help="Pairs of first and second prompt.")
    parser.add_argument("--threads", type=int, default=1, help="Of each process.")
    parser.add_argument("--json", action="store_true", help="The figures as JSON on stdout.")
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as home:
        os.environ |= {
            "WB_HOME": home,
            "OMP_NUM_THREADS": str(args.threads),
            "MKL_NUM_THREADS": str(args.threads),
            "HF_HUB_OFFLINE": "1",
        }
        figures = {
            "model": args.model,
            "device": args.device,
            "threads": args.threads,
            "tokens": args.tokens,
            "rounds": args.rounds,
            "load_average_before": round(load, 2),
            "prompt_s": time_prompts(args),
            "tokens_per_s": time_tokens(args),
        }
    rate = figures["tokens_per_s"]
    figures["ratios"] = {
        "engine_over_generate": rate["engine, 1 streamed"] / rate["generate, batch 1"],
        "loop_over_generate": rate["our loop, 1 streamed"] / rate["generate, batch 1"],
        "eight_over_one": rate[f"engine, {AT_ONCE} at once"] / rate["engine, 1 streamed"],
    }
    tell(figures)
    if args.json:
        print(json.dumps(rounded(figures), indent=2))


def rounded(value: Any) -> Any:
    """Three digits after the point are more than these measurements hold."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def tell(figures: dict[str, Any]) -> None:
    """The table."""

    def say(text: str = "") -> None:
        print(text, file=sys.stderr)

    for name, value in figures["tokens_per_s"].items():
        say(f"{name:26} {value:8.1f} tokens/s")
    for name, value in figures["ratios"].items():
        say(f"{name.replace('_', ' '):26} {value:8.2f} x")
    for name, value in figures["prompt_s"].items():
        say(f"wb prompt, {name:15} {value:8.2f} s")
    load = figures["load_average_before"]
    say(f"load average before        {load:8.2f} on {os.cpu_count()} cores")
    if load > 0.5:
        say("the machine was not idle: only the ratios mean something, and little")


# -- whole commands ------------------------------------------------------------------------------


def time_prompts(args: argparse.Namespace) -> dict[str, float]:
    """Medians, in seconds, of `wb prompt` without an engine and with one."""
    from workbench.serving.client import Engine

    found: dict[str, list[float]] = {"first": [], "of it loading": [], "second": []}
    for _ in range(args.starts):
        first, loading = prompt(args)
        second, again = prompt(args)
        if not loading or again:
            raise SystemExit(f"loaded in {loading} s, then in {again} s: one of two was expected")
        Engine.connect(start=False).stop()
        for name, value in zip(found, (first, loading, second), strict=True):
            found[name].append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def prompt(args: argparse.Namespace) -> tuple[float, float]:
    """Seconds of one `wb prompt`, and how many of them its model was loading."""
    argv = [sys.executable, "-m", "commands.main", "prompt", "demo/test/000012", "--json"]
    argv += ["--model", args.model, "--device", args.device, "--dtype", args.dtype]
    began = time.perf_counter()
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    spent = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr)
    return spent, json.loads(done.stdout)["timing"]["load_s"]


# -- tokens --------------------------------------------------------------------------------------


def time_tokens(args: argparse.Namespace) -> dict[str, float]:
    """Median tokens/s of each contestant over its rounds, after one that warms up."""
    import torch

    from workbench.models.base import load_model
    from workbench.models.spec import ModelSpec
    from workbench.serving.client import Engine

    torch.set_num_threads(args.threads)
    spec = ModelSpec(args.model, device=args.device, dtype=args.dtype)
    loaded = load_model(spec)
    engine = Engine.connect(idle_minutes=5)
    try:
        prompts = eight_prompts()
        knobs = [long_answer(engine, p, spec, args.tokens) for p in prompts]
        contestants: dict[str, Callable[[], int]] = {
            "generate, batch 1": lambda: bare(loaded, prompts[:1], args.tokens),
            "our loop, 1 streamed": lambda: streamed(loaded, prompts[0], knobs[0]),
            "engine, 1 streamed": lambda: len(asked(engine, prompts[0], spec, knobs[0]).tokens),
            f"generate, batch {AT_ONCE}": lambda: bare(loaded, prompts, args.tokens),
            f"engine, {AT_ONCE} at once": lambda: at_once(engine, prompts, spec, knobs),
        }
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(args.rounds + 1):
            for name, run in contestants.items():
                began = time.perf_counter()
                tokens = run()
                if turn:
                    rates[name].append(tokens / (time.perf_counter() - began))
    finally:
        engine.stop()
    return {name: statistics.median(values) for name, values in rates.items()}


def eight_prompts() -> list[Prompt]:
    """Questions about eight pairs of images."""
    from workbench.data.source import open_source
    from workbench.prompts.pool import default_template

    source = open_source("demo", "test")
    samples = [source.at(i) for i in range(AT_ONCE)]
    return [default_template(sample.task).render(sample) for sample in samples]


def long_answer(engine: Engine, messages: Prompt, spec: ModelSpec, tokens: int) -> Decoding:
    """Knobs by which the answer has all of `tokens`: the first seed that meets no end of turn."""
    from workbench.inference.decoding import Decoding

    for seed in range(100):
        knobs = Decoding(temperature=HOT, max_new_tokens=tokens, seed=seed)
        if asked(engine, messages, spec, knobs).finish_reason == "length":
            return knobs
    raise SystemExit(f"no seed gives {tokens} tokens: choose fewer")


def bare(loaded: Any, prompts: Sequence[Prompt], tokens: int) -> int:
    """`model.generate`, sampling at the same heat; how many tokens it made."""
    batch = loaded.family.encode(loaded, prompts)
    out = loaded.model.generate(
        **{k: v for k, v in batch.inputs.items() if k != "position_ids"},
        do_sample=True,
        temperature=HOT,
        top_k=0,
        max_new_tokens=tokens,
        eos_token_id=None,
        pad_token_id=loaded.pad_id,
    )
    return int((out.shape[1] - batch.input_ids.shape[1]) * len(prompts))


def streamed(loaded: Any, messages: Prompt, knobs: Decoding) -> int:
    """Our own loop in this process."""
    from workbench.inference.generate import stream
    from workbench.sample import Answer

    return sum(not isinstance(e, Answer) for e in stream(loaded, tuple(messages), knobs))


def asked(engine: Engine, messages: Prompt, spec: ModelSpec, knobs: Decoding) -> Answer:
    """An answer over the socket, each token taken as it comes."""
    from workbench.sample import Answer

    for event in engine.chat(messages, spec, knobs):
        if isinstance(event, Answer):
            return event
    raise SystemExit("the engine gave no answer")


def at_once(
    engine: Engine, prompts: Sequence[Prompt], spec: ModelSpec, knobs: Sequence[Decoding]
) -> int:
    """Each prompt by a client of its own, all at the same time; the tokens of all."""
    counts: list[int] = []

    def client(index: int) -> None:
        counts.append(len(asked(engine, prompts[index], spec, knobs[index]).tokens))

    threads = [threading.Thread(target=client, args=(i,)) for i in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < len(prompts):
        raise SystemExit("a client got no answer")
    return sum(counts)


if __name__ == "__main__":
    main()
