"""Small records in the real formats, for the screens that show them."""

from __future__ import annotations

import random

from sessions.runs import Run


def predictions(
    count, *, right=0.85, seed=1, unparsed=3, failed=1, labels=("true", "false"), uids=()
):
    """Lines as an evaluation writes them."""
    draw = random.Random(seed)
    for i in range(count):
        target = labels[i % len(labels)]
        other = [label for label in labels if label != target]
        said = target if draw.random() < right else draw.choice(other)
        line = {
            "uid": uids[i] if uids else f"demo/test/{i}",
            "text": f"{said.capitalize()}. The left image shows {draw.randint(1, 4)} red circles "
            "and no square beside them.",
            "label": said,
            "target": target,
            "scores": {said: -0.1, other[0]: -2.3},
            "error": None,
            "latency_s": round(0.02 + draw.random() / 10, 4),
        }
        if i < failed:
            error = {"kind": "bad_image", "message": f"image {i} is truncated", "hint": ""}
            line |= {"text": "", "label": None, "scores": None, "error": error}
        elif i < failed + unparsed:
            line |= {"text": "It may be so, or it may not.", "label": None}
        yield line


def make_run(count=40, *, state="done", total=None, adapter=None, metrics=True, **more):
    """A run as `wb run-eval` leaves it."""
    from sessions.compare import is_right, wilson

    config = {"dataset": "demo", "split": "test", "model": "demo", "adapter": adapter}
    run = Run.create(config, key=f"k{random.random()}", total=total or count)
    lines = list(predictions(count, **more))
    run.append_many(lines)
    if metrics and state == "done":
        right = sum(map(is_right, lines))
        low, high = wilson(right, count)
        entry = {"value": right / count, "low": low, "high": high, "n": count}
        speed = {"value": 41.2, "low": 40.0, "high": 42.5, "n": count}
        counts = run.counts()
        run.write_metrics({"metrics": {"accuracy": entry, "tokens_per_s": speed}, "counts": counts})
    if state != "running":
        run.set_state(state)
    return run


def make_adapter(name="lora-a", base=""):
    """An adapter of the models' folder of the home, over a base model."""
    import json

    from sessions.paths import models_dir

    folder = models_dir() / name
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").touch()
    return folder


def make_job(argv, *, state="done", progress=(), log="", title="", runs=(), message="", **spec):
    """A job's folder as the supervisor leaves it; returns (folder, lock), the lock if it lives."""
    from sessions.atomic import append_line, write_json
    from sessions.ids import new_id, now
    from sessions.job_folder import JobFolder
    from sessions.locks import HeldLock
    from sessions.paths import jobs_dir, make_private

    folder = JobFolder(make_private(jobs_dir() / new_id()))
    body = {"v": 1, "argv": argv, "title": title or " ".join(argv[1:]), "created": now()}
    lock = HeldLock(folder.alive) if state in ("queued", "running") else None
    write_json(folder.path / "spec.json", {**body, "host": "", **spec})
    folder.log.write_text(log)
    for line in progress:
        append_line(folder.progress, {"v": 1, "ts": now(), **line})
    for run in runs:
        append_line(folder.runs, {"v": 1, "ts": now(), "run": run})
    if state == "running":
        write_json(folder.path / "process.json", {"v": 1, "pid": 0})
    elif state not in ("queued", "lost"):
        folder.finish(state, exit_code=0, message=message, seconds=61.5)
    return folder, lock


def training_progress(steps=400):
    """Progress lines of a fine-tune: loss at every tenth step, accuracy at every hundredth."""
    import math

    draw = random.Random(3)
    for step in range(10, steps + 1, 10):
        metrics = {"loss": 2.2 * math.exp(-step / 90) + 0.2 + draw.random() * 0.15}
        metrics["learning_rate"] = 1e-4 * (1 - step / 500)
        if step % 50 == 0:
            metrics["eval_accuracy"] = 0.95 - 0.45 * math.exp(-step / 120)
        yield {"done": step, "total": 500, "rate": 3.4, "message": "epoch 2", "metrics": metrics}


def prompt_record(text="True. The left image shows two red circles.", label="true", **more):
    """A prompt as it is recorded when it is asked of the demo model."""
    from sessions.records import PromptRecord

    words = text.split(" ")
    tokens = [w if i == 0 else f" {w}" for i, w in enumerate(words)]
    fields = {
        "uid": "demo/test/0",
        "model": "demo",
        "template": "statement/true-false",
        "messages": (
            {
                "role": "user",
                "content": [
                    {"type": "image", "sha256": "0" * 64, "uid": "demo/test/0", "index": 0},
                    {"type": "text", "text": "Is it true? There are two red circles."},
                ],
            },
        ),
        "decoding": {"temperature": 0.0, "seed": 7},
        "text": text,
        "tokens": tuple({"id": i, "text": t, "logprob": -0.1} for i, t in enumerate(tokens)),
        "finish_reason": "stop",
        "label": label,
        "target": "true",
        "timing": {"load_s": 0.0, "first_token_s": 0.05, "total_s": 0.31},
    }
    return PromptRecord(**(fields | more))


def make_session(name="2026-01-02", prompts=6):
    """A session with prompts, one of them wrong, a note and a failure."""
    from sessions.records import NoteRecord
    from sessions.session_log import SessionLog

    log = SessionLog.open(name)
    for i in range(prompts):
        wrong = {"text": "False. There is no circle.", "label": "false"} if i == 1 else {}
        log.append(prompt_record(uid=f"demo/test/{i}", **wrong))
    log.append(NoteRecord(uid="demo/test/1", text="it overlooks the small circle [/red]"))
    return log


class Parrot:
    """Stands where the engine's client stands: says what it is told to, and counts."""

    def __init__(self, says="True. There it is."):
        self.says, self.asked, self.wait = says, [], None

    def chat(self, messages, spec, decoding, *, cancelled=None, **_):
        from workbench.sample import Answer, Token

        self.asked.append((messages, spec, decoding))
        if self.wait is not None:
            while not self.wait.is_set() and not (cancelled and cancelled()):
                self.wait.wait(0.01)
        text = self.says(len(self.asked)) if callable(self.says) else self.says
        if isinstance(text, Exception):
            raise text
        words = [w if i == 0 else f" {w}" for i, w in enumerate(text.split(" "))]
        tokens = [Token(i, w, -0.1) for i, w in enumerate(words)]
        yield from tokens
        yield Answer(text, tuple(tokens), "stop")

    def status(self):
        return {"model": {"identity": "parrot"}}


def ask_demo(log, count=4, says="True. There it is.", model="demo"):
    """Prompts about demo samples, asked of a `Parrot` and recorded as the bench records them."""
    from workbench.data.source import open_source
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec
    from workbench.playground.ask import ask
    from workbench.playground.question import question_of
    from workbench.prompts.pool import default_template

    source = open_source("demo/test")
    for i in range(count):
        sample = source.at(i)
        question = question_of(
            sample,
            spec=ModelSpec(model),
            decoding=Decoding(),
            template=default_template(sample.task),
        )
        for _ in ask(Parrot(says), question, log=log):
            pass
