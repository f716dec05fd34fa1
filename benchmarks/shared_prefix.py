"""What it saves to read shared examples once: 8 examples of 2 images, 20 questions.

    python -m benchmarks.shared_prefix [--model demo] [--shots 8] [--queries 20] [--rounds 3]

Each contestant answers the same questions about pairs of images behind the same examples, with and
without reuse in turns; every round has examples of its own, which nobody has read before:

- `generate` in this process, as an evaluation calls it, in batches of 16, of 4 and of one;
- the same with label scores and one token, where hardly anything but reading is done;
- the engine over its socket, all questions sent at once, and one after another.

Everything counts from messages to last token: examples rendered, images decoded, processor,
prefill, decoding. The ratio of CPU seconds of the process with the model stands beside the clock's:
on a machine that is at something else only that one means much. The answers of both must be the
same, or nothing is printed. Not for: quality.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel
    from workbench.models.spec import ModelSpec
    from workbench.sample import Sample
    from workbench.serving.client import Engine

IMAGES = 2


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print a table on stderr, and JSON on stdout under `--json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="Of each process.")
    parser.add_argument("--json", action="store_true", help="The figures as JSON on stdout.")
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as home:
        os.environ |= {
            "OMP_NUM_THREADS": str(args.threads),
            "MKL_NUM_THREADS": str(args.threads),
            "HF_HUB_OFFLINE": "1",
        }
        figures = {
            "model": args.model,
            "shots": args.shots,
            "queries": args.queries,
            "threads": args.threads,
            "load_average_before": round(load, 2),
            "cases": {**in_process(args), **through_engine(args, Path(home))},
        }
    print(f"load average before: {figures['load_average_before']}", file=sys.stderr)
    if args.json:
        print(json.dumps(figures, indent=2))


def tell(name: str, case: dict[str, float]) -> dict[str, float]:
    """A line of the table, as soon as it is there."""
    print(
        f"{name:36} {case['without_s']:7.2f} s {case['with_s']:7.2f} s {case['ratio']:6.2f} x, "
        f"of CPU time {case['cpu_ratio']:.2f} x",
        file=sys.stderr,
    )
    return case


Render = Callable[[int], list[Any]]
Run = Callable[[bool, list[Any]], list[str]]


def compare(
    render: Render, run: Run, rounds: int, cpu: Callable[[bool], float]
) -> dict[str, float]:
    """Medians of both sides, which take turns after one round that warms up.

    Args:
        render: The prompts of a round; not timed.
        run: The answers to them, with reuse or without.
        rounds: How many.
        cpu: Seconds of CPU time that a side has spent so far.
    """
    clock: dict[bool, list[float]] = {False: [], True: []}
    spent: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(rounds + 1):
        said = {}
        prompts = render(turn)
        for reuse in (False, True):
            began, used = time.perf_counter(), cpu(reuse)
            said[reuse] = run(reuse, prompts)
            if turn:
                clock[reuse].append(time.perf_counter() - began)
                spent[reuse].append(cpu(reuse) - used)
        if said[False] != said[True]:
            raise SystemExit("the answers differ: a defect")

    def ratio(values: dict[bool, list[float]]) -> float:
        return statistics.median(a / b for a, b in zip(values[False], values[True], strict=True))

    found = {
        "without_s": statistics.median(clock[False]),
        "with_s": statistics.median(clock[True]),
        "ratio": ratio(clock),
        "cpu_ratio": ratio(spent),
    }
    return {name: round(value, 3) for name, value in found.items()}


def conversations(args: argparse.Namespace, turn: int) -> list[Any]:
    """The prompts of a round, rendered: examples and questions of two images each."""
    from workbench.data.source import open_source
    from workbench.prompts.pool import default_template

    def some(split: str, first: int, count: int) -> list[Sample]:
        found = (s for s in open_source("demo", split).iter() if len(s.images) == IMAGES)
        return list(islice(found, first, first + count))

    shots = some("train", turn * args.shots, args.shots)
    queries = some("test", 0, args.queries)
    return [default_template(q.task).render(q, shots=shots) for q in queries]


# -- in this process -----------------------------------------------------------------------------


def in_process(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """As an evaluation asks, in batches."""
    import torch

    from workbench.models.base import load_model
    from workbench.models.spec import ModelSpec

    torch.set_num_threads(args.threads)
    loaded = load_model(ModelSpec(args.model, device=args.device, dtype=args.dtype))
    cases = {}
    for size, scores in ((16, False), (4, False), (1, False), (16, True)):

        def run(
            reuse: bool, prompts: list[Any], size: int = size, scores: bool = scores
        ) -> list[str]:
            return asked(loaded, prompts, size, scores, reuse)

        name = f"generate, batches of {size}" + (", label scores" if scores else "")
        cases[name] = tell(
            name,
            compare(
                lambda turn: conversations(args, turn),
                run,
                args.rounds,
                lambda reuse: time.process_time(),
            ),
        )
    return cases


def asked(
    loaded: LoadedModel, prompts: Sequence[Any], size: int, scores: bool, reuse: bool
) -> list[str]:
    """The answers in batches of `size`."""
    from workbench.inference.decoding import Decoding
    from workbench.inference.generate import PrefixCache, generate

    prefixes = PrefixCache() if reuse else None
    knobs = Decoding(top_logprobs=0)
    if scores:
        knobs = replace(knobs, max_new_tokens=1)
    answers = []
    for start in range(0, len(prompts), size):
        some = prompts[start : start + size]
        labels = ["True", "False"] if scores else None
        answers += generate(loaded, some, knobs, labels=labels, prefixes=prefixes)
    return [answer.text for answer in answers]


# -- through the engine --------------------------------------------------------------------------


def through_engine(args: argparse.Namespace, home: Path) -> dict[str, dict[str, float]]:
    """Over the sockets of two engines, one of which reads every prompt whole."""
    from workbench.errors import EngineError
    from workbench.models.spec import ModelSpec
    from workbench.serving.client import Engine

    spec = ModelSpec(args.model, device=args.device, dtype=args.dtype)
    engines: dict[bool, Engine] = {}
    try:
        for reuse in (False, True):
            os.environ["WB_HOME"] = str(home / str(reuse))
            os.environ["WB_PREFIX_CACHE_MB"] = "1024" if reuse else "0"
            engines[reuse] = Engine.connect(idle_minutes=5)
            engines[reuse].load(spec)

        def cpu(reuse: bool) -> float:
            return cpu_seconds(engines[reuse].pid)

        cases = {}
        counts = {f"engine, {args.queries} at once": args.queries, "engine, one by one": 1}
        for name, clients in counts.items():

            def render(turn: int, clients: int = clients) -> list[Any]:
                # Rounds of the second case have other examples than those of the first.
                return conversations(args, turn + (args.rounds + 1) * (clients == 1))

            def run(reuse: bool, prompts: list[Any], clients: int = clients) -> list[str]:
                return sent(engines[reuse], spec, prompts, clients)

            cases[name] = tell(name, compare(render, run, args.rounds, cpu))
        return cases
    finally:
        for engine in engines.values():
            with contextlib.suppress(EngineError):  # it leaves by itself in five minutes
                engine.stop()


def cpu_seconds(pid: int) -> float:
    """What a process has spent so far, in user code and in the kernel."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def sent(engine: Engine, spec: ModelSpec, prompts: Sequence[Any], clients: int) -> list[str]:
    """The answers to all prompts, so many clients at a time."""
    from workbench.inference.decoding import Decoding
    from workbench.sample import Answer

    texts: dict[int, str] = {}
    waiting = list(enumerate(prompts))
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                index, messages = waiting.pop(0)
            for event in engine.chat(messages, spec, Decoding(top_logprobs=0)):
                if isinstance(event, Answer):
                    texts[index] = event.text

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [texts[index] for index in range(len(prompts))]


if __name__ == "__main__":
    main()
