"""A small home as the real writers leave it, and everything that lists or shows it.

For the property test of its readers and for `benchmarks/torture`. `files_of` walks the home and
`reading_commands` walks the commands, so that a new kind of file, or a new command that reads, is
tried without being named here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

# These ask, load, write or wait; whatever else a command group has is read by.
NOT_READING = {
    *("prompt", "prompts try", "replay", "gradcam", "run-eval", "train", "completion"),
    *("ablate", "infer"),
    *(
        "bookmark add",
        "bookmark rm",
        "bookmark import",
        "runs rm",
        "runs import",
        "runs invariance",
        "runs ledger",
        "runs merge",
        "runs rate",
        "runs report",
        "runs score",
        "jobs cancel",
        "jobs rm",
    ),
    *("jobs retry", "jobs start", "jobs wait", "jobs follow", "engine restart", "engine serve"),
    *("engine start", "engine stop", "sessions note", "sessions rm", "data add", "data cache"),
    *(
        "data rm",
        "data mode",
        "data export",
        "models compose",
        "models load",
        "models merge",
        "config set",
    ),
    *("config unset", "gallery", "similar", "data duplicates"),
}


@dataclass(frozen=True)
class Home:
    """What stands in it, by kind: two of each, so that one is left when the other is damaged."""

    path: Path
    outside: Path
    runs: tuple[str, ...]
    jobs: tuple[str, ...]
    sessions: tuple[str, ...]
    datasets: tuple[str, ...]


def build_home(path: Path, outside: Path) -> Home:
    """Fill a home (WB_HOME must name it) by the writers that a day's work uses.

    Args:
        path: The home.
        outside: A folder for the user's own tables and pictures.
    """
    from PIL import Image

    from sessions import kept_images
    from sessions.records import BookmarkRecord, GradcamRecord, NoteRecord, PromptRecord
    from sessions.session_log import SessionLog
    from sessions.uid_cache import UidCache
    from workbench.app.state import BenchState
    from workbench.config import set_setting
    from workbench.data.adding import add_dataset
    from workbench.data.hub.state import remember
    from workbench.data.source import open_source
    from workbench.serving.remote.known_servers import remember as remember_server

    outside.mkdir(parents=True)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, "PNG")
    kept = kept_images.keep(buffer.getvalue())
    for name in ("monday", "tuesday"):
        log = SessionLog.open(name)
        prompt = PromptRecord(
            uid="demo/test/1",
            model="demo",
            images=({"sha256": kept, "name": "a.png", "path": "/tmp/a.png"},),
            messages=({"role": "user", "content": [{"type": "text", "text": "True?"}]},),
            decoding={"temperature": 0.5, "seed": 1},
            text="yes",
            tokens=({"id": 3, "text": "yes", "logprob": -0.1, "top": [["yes", -0.1]]},),
            label_scores={"true": -0.1, "false": -2.0},
            label="true",
            timing={"total_s": 0.2},
            sweep="s1",
            cell={"temperature": 0.5},
        )
        log.append_many(
            [
                prompt,
                GradcamRecord(
                    prompt_id=prompt.id,
                    uid="demo/test/1",
                    model="demo",
                    images=({"grid": [1, 2], "peak": [1, 2], "size": [4, 4], "heat": [[0, 1]]},),
                ),
                NoteRecord(text="seen", uid="demo/test/1"),
                BookmarkRecord(uid="demo/test/1", tags=("odd",)),
            ]
        )
    with UidCache.open() as cache:
        cache.add("demo/test/1", ["odd"], "look again")
        cache.visit("demo/test/2")
    set_setting("images", "halfcell")
    set_setting("keymap.app.quit", "ctrl+q")
    state = BenchState(theme="nord")
    state.place("explore").update({"dataset": "demo/test", "ordinal": 3, "columns": [1, 2]})
    state.save()
    remember_server("openai:http://127.0.0.1:9/v1#some")
    for name in ("mine", "other"):
        folder = outside / name
        folder.mkdir()
        buffer.seek(0)
        (folder / "1.png").write_bytes(buffer.getvalue())
        (folder / "t.csv").write_text("id,statement,label,image\n1,a,true,1.png\n2,b,false,1.png\n")
        add_dataset(name, folder / "t.csv")
        remember(name, mode="cached")
        next(iter(open_source(f"{name}/t").iter()))
    pictures = outside / "pictures"
    pictures.mkdir()
    (pictures / "1.png").write_bytes(buffer.getvalue())
    add_dataset("pictures", pictures)
    (path / "prompts").mkdir(exist_ok=True)
    (path / "prompts" / "own.toml").write_text(
        '[[template]]\nname = "statement/own"\nversion = 1\ntext = "Is it so? {statement}"\n'
        'labels = { true = "yes", false = "no" }\n'
    )
    _hashes(outside)
    runs = tuple(_run(path, kind) for kind in ("eval", "eval", "train"))
    jobs = tuple(_job(path, title, runs[0]) for title in ("first", "second"))
    return Home(path, outside, runs, jobs, ("monday", "tuesday"), ("mine", "other", "pictures"))


def _hashes(folder: Path) -> None:
    from workbench.models.identity import model_identity

    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "x"}')
    model_identity(model, None, "none", "float32")


def _run(home: Path, kind: Any) -> str:
    from sessions.atomic import append_line, write_json
    from sessions.runs import Run

    config = {"dataset": "demo", "split": "test", "model": "demo"}
    run = Run.create(config, f"key-{kind}", kind, total=2)
    if kind == "eval":
        run.append_many(
            {"uid": f"demo/test/{i}", "label": "true", "target": word, "text": "yes", "error": None}
            | {"latency_s": 0.1, "scores": {"true": -0.1}, "correct": word == "true"}
            for i, word in enumerate(("true", "false"))
        )
        entry = {"value": 0.5, "low": 0.1, "high": 0.9, "n": 2}
        label = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "n": 2}
        run.write_metrics(
            {"metrics": {"accuracy": entry}, "counts": run.counts(), "per_label": {"true": label}}
        )
    else:
        append_line(run.path / "history.jsonl", {"v": 1, "step": 2, "loss": 0.5})
        adapter = run.path / "adapter"
        adapter.mkdir()
        write_json(adapter / "adapter_config.json", {"peft_type": "LORA"})
        (adapter / "adapter_model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    run.log_path.write_text("began\n")
    run.set_state("done")
    return run.id


def _job(home: Path, title: str, run: str) -> str:
    from sessions.atomic import append_line, write_json
    from sessions.ids import new_id, now
    from sessions.job_folder import JobFolder, write_identity
    from sessions.paths import jobs_dir, make_private
    from sessions.process import identify

    folder = JobFolder(make_private(jobs_dir() / new_id()))
    argv = ["wb", "run-eval", "--dataset", "demo"]
    spec = {"title": title, "argv": argv, "run_argv": argv, "cwd": str(home), "gpus": [], "env": {}}
    more = {"created": now(), "host": "here", "run_id": run, "retry_of": None}
    write_json(folder.path / "spec.json", {"v": 1, "id": folder.path.name, **spec, **more})
    folder.alive.touch()
    folder.log.write_text("one\ntwo\n")
    for done in (1, 2):
        line = {"v": 1, "ts": now(), "done": done, "total": 2, "rate": 1.5, "message": ""}
        append_line(folder.progress, {**line, "metrics": {"loss": 0.5}})
    append_line(folder.runs, {"v": 1, "ts": now(), "run": run})
    for who in ("supervisor", "wrapper", "process"):
        write_identity(folder.path / f"{who}.json", identify(1) | {"host": "elsewhere"})
    folder.finish("done", exit_code=0, signal=None, message="", seconds=1.5, by="wrapper")
    return folder.path.name


def files_of(home: Path) -> list[Path]:
    """Every file of the home, sorted; lock files too."""
    return sorted(path for path in home.rglob("*") if path.is_file())


def reading_commands(home: Home) -> list[list[str]]:
    """Every command line that lists or shows, found by walking the commands."""
    from commands.main import cli

    values = {
        "run": home.runs,
        "runs": home.runs,
        "first": home.runs[:1],
        "second": home.runs[1:2],
        "job": home.jobs,
        "session": home.sessions,
        "dataset": home.datasets,
        "uid": ("mine/t/1", "pictures/all/1"),
        "file": (str(home.outside / "out.csv"), str(home.outside / "out.md")),
    }
    lines: list[list[str]] = []
    for words, command in _leaves(cli, []):
        if " ".join(words) in NOT_READING:
            continue
        calls = [list(words)]
        for param in command.params:
            if isinstance(param, click.Argument) and (param.required or param.name in values):
                given = {"prompts show": ("statement/own",), "models show": ("demo",)}.get(
                    " ".join(words), values.get(str(param.name), ("images",))
                )
                calls = [[*call, value] for call in calls for value in given]
        lines += calls
        if any(param.name == "as_json" for param in command.params):
            lines += [[*call, "--json"] for call in calls]
        if words == ["runs", "show"]:
            lines += [[*call, "--errors"] for call in calls]
    return lines


def _leaves(command: click.Command, words: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    if not isinstance(command, click.Group):
        yield words, command
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        inner = command.get_command(ctx, name)
        assert inner is not None
        yield from _leaves(inner, [*words, name])


def call(line: list[str]) -> tuple[str, str]:
    """Run a command line in this process; its stdout and stderr. Raises what it raises."""
    from commands.main import cli

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        cli(line, standalone_mode=False)
    return out.getvalue(), err.getvalue()


def bench_readers(home: Home) -> list[Callable[[], Any]]:
    """What the bench's places read, without a screen."""
    from workbench.app.explore.history_book import HistoryBook
    from workbench.app.jobs.reading import CurveFile, JobIndex, LogTail
    from workbench.app.runs.reading import PredictionFile
    from workbench.app.runs.summaries import SummaryCache
    from workbench.app.sessions.reading import SessionIndex, read_entries
    from workbench.app.state import BenchState
    from workbench.data.readiness import dataset_names, not_added, readiness

    def runs() -> None:
        for summary in list(SummaryCache().read())[-1]:
            _ = summary.where, summary.who
            file = PredictionFile(summary.predictions)
            list(file.read())
            file.tally.per_label(file.tally.labels())
            for row in file.select("all").indices:
                file.whole(file.rows[row])

    def jobs() -> None:
        for job in list(JobIndex().read())[-1]:
            LogTail(job.log).read()
            CurveFile(job.path / "progress.jsonl").read()

    def sessions() -> None:
        for line in list(SessionIndex().read())[-1]:
            if not line.problem:
                read_entries(line)

    return [
        runs,
        jobs,
        sessions,
        BenchState.load,
        lambda: HistoryBook().of("demo/test/1"),
        lambda: [readiness(name) for name in dataset_names()],
        not_added,
    ]
