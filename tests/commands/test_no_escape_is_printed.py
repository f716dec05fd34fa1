"""No text of data, models, servers or records acts on the terminal that a command prints to."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from tests.hostile import EVIL, WORD, acts, poison
from tests.openai_server import OpenAIServer, Status
from tests.pty_reader import Terminal
from tests.workbench.app.hostile_bench import HostileEngine, hostile_home

UID = f"evil/test/0{EVIL}"
ONE = f"evil/test/1{EVIL}"
# command -> lines as typed; `{model}` is a hostile server's. A command without any is an error.
LINES: dict[str, list[list[str]]] = {
    "prompt": [
        [ONE, "--model", "{model}"],
        [ONE, "--model", "{model}", "--no-stream", "--template", "statement/evil"],
        [ONE, "--model", "{model}", "--temperature", "0,1"],
        [EVIL, "--model", EVIL],
    ],
    "prompts list": [[]],
    "prompts show": [["statement/evil"], [EVIL]],
    "prompts try": [[ONE], [UID, "--answer", EVIL], [EVIL]],
    "replay": [["2026-01-02"], ["2026-01-02", "--model", "{model}"], [EVIL]],
    "gallery": [["evil/test"], ["evil/test", "--images", "off"], ["evil/test", "--out", "{out}"],
                [EVIL]],
    "inspect": [[UID], [ONE, "--out", "{out}"], [ONE, "--draw-boxes"], [EVIL]],
    "similar": [[ONE, "--by", "text"], [UID, "--by", "pixels"], [ONE, "--splits", EVIL], [EVIL],
                [ONE, "--model", EVIL]],
    "bookmark add": [[ONE, "--tag", "x", "--note", EVIL], [EVIL]],
    "bookmark export": [["{out}/b.jsonl"], [f"/{EVIL}/b"]],
    "bookmark history": [[]],
    "bookmark import": [["{evil}"], [EVIL]],
    "bookmark list": [[]],
    "bookmark next": [[], ["--dataset", EVIL]],
    "bookmark prev": [[]],
    "bookmark rm": [[EVIL], [UID]],
    "bookmark tags": [[]],
    "gradcam": [[ONE, "--out", "{out}/h.png"], [UID, EVIL], [EVIL]],
    "run-eval": [["--dataset", "evil", "--split", "test", "--model", "{model}"],
                 ["--dataset", "evil/test", "--dry-run"], ["--list"], ["--config", EVIL],
                 ["--dataset", "evil/test", "--metrics", EVIL],
                 ["--dataset", EVIL, "--split", EVIL, "--model", EVIL]],
    "train": [[EVIL], ["{evil}", "--dry-run"], ["{evil}", "--show-batch"]],
    "infer": [["evil/test", "--model", "{model}", "--out", "{out}/captions.json"],
              [EVIL, "--out", "{out}/captions.csv"],
              ["evil/test", "--config", EVIL, "--out", "{out}/captions.csv"],
              ["evil/test", "--columns", EVIL, "--out", "{out}/captions.csv"]],
    "ablate": [[EVIL], ["{evil}", "--dry-run"]],
    "runs answers": [[]],
    "runs compare": [["{run}", "{other}", "--flips"], [EVIL, EVIL]],
    "runs list": [[], ["--ids"]],
    "runs path": [["{run}"], [EVIL]],
    "runs show": [["{run}"], ["{run}", "--errors"], ["{run}", "--errors", "--uids"],
                  ["{run}", "--disagree"], [EVIL],
                  ["{run}", "--sort", "label"], ["{run}", "--sort", EVIL]],
    "runs score": [["{run}"], ["{run}", "--metrics", EVIL], [EVIL]],
    "runs reliability": [["{run}"], [EVIL]],
    "runs ledger": [["{run}", "--existing"], ["{run}", "--controls", EVIL], [EVIL]],
    "runs invariance": [["{run}", "--existing"], ["{run}", "--of", EVIL], [EVIL]],
    "runs report": [["{run}", "--out", "{out}/r.html"], ["{run}", "--out", "{out}/r"],
                    ["{run}", "--out", EVIL], [EVIL]],
    "runs rate": [["{run}"], ["{run}", "--rater", EVIL], ["{run}", "--item", EVIL, "--skip"],
                  [EVIL]],
    "runs ratings": [[], ["{run}"], ["--import", EVIL], ["--rater", EVIL]],
    "runs agreement": [["a", EVIL], [EVIL, "--metric", EVIL]],
    "runs table": [["{run}", "{other}"], ["{run}", "--csv"], ["{run}", "--figures", EVIL], [EVIL]],
    "runs export": [["{run}"], ["{run}", "{out}/x.csv"], ["{run}", "--columns", EVIL],
                    ["{run}", "--json"], [EVIL]],
    "runs ctl": [["{run}"], ["{run}", "pause", "--reason", EVIL], ["{run}", "retry", EVIL],
                 ["{run}", "batch-size", EVIL], [EVIL]],
    "runs import": [["{evil}", "--dataset", "evil/test"],
                    ["{evil}", "--dataset", EVIL, "--model", EVIL],
                    [EVIL, "--dataset", "evil/test"]],
    "runs merge": [["{run}"], [EVIL]],
    "runs rm": [[EVIL], ["{other}"]],
    "jobs cancel": [["{job}"], [EVIL]],
    "jobs follow": [["{job}"]],
    "jobs list": [[]],
    "jobs log": [["{job}"], ["{job}", "--tail", "1"]],
    "jobs retry": [["{job}"]],
    "jobs show": [["{job}"], [EVIL]],
    "jobs start": [["--", EVIL]],
    "jobs wait": [["{job}"]],
    "jobs rm": [["{job}"], [EVIL]],
    "engine log": [[]],
    "engine restart": [[]],
    "engine serve": [["--host", EVIL]],
    "engine start": [[], ["--load", EVIL]],
    "engine status": [[]],
    "engine stop": [[]],
    "sessions export": [["2026-01-02", "{out}/s.csv"], ["2026-01-02", f"{{out}}/{EVIL}"]],
    "sessions images": [[]],
    "sessions list": [[]],
    "sessions note": [[EVIL, "--uid", UID]],
    "sessions path": [["2026-01-02"], [EVIL]],
    "sessions search": [["a"], [EVIL], ["a", "--json"]],
    "sessions show": [["2026-01-02"], ["2026-01-02", "--uid", UID], [EVIL]],
    "sessions rm": [[EVIL], ["2026-01-02"]],
    "data add": [
        ["more", "{evil}"],
        [EVIL, EVIL],
        ["more2", "{evil}", "--id", EVIL],
        ["more3", f"hf:{EVIL}"],
    ],
    "data cache": [["evil"], [EVIL]],
    "data duplicates": [["evil"], ["evil", "--splits", EVIL], [EVIL]],
    "data info": [["evil"], [EVIL]],
    "data list": [[]],
    "data export": [
        ["evil/test", "{out}/evil.parquet"],
        ["evil/test", "{out}/evil", "--to", "imagefolder"],
        [EVIL, "{out}/x"],
    ],
    "data mode": [["evil"], [EVIL]],
    "data verify": [["evil"], [EVIL]],
    "data rm": [[EVIL], ["evil"]],
    "models compose": [["--vision", EVIL, "--language", EVIL, "--out", EVIL]],
    "models list": [[]],
    "models load": [[EVIL]],
    "models merge": [[EVIL, EVIL, EVIL]],
    "models show": [["demo"], [EVIL]],
    "plugins list": [[]],
    "config check": [[]],
    "config get": [[EVIL], ["model"]],
    "config keys": [[]],
    "config list": [[]],
    "config path": [[]],
    "config set": [["model", EVIL], [EVIL, EVIL], ["keymap." + EVIL, EVIL]],
    "config unset": [["model"], [EVIL]],
    "completion": [["bash"], [EVIL]],
}  # fmt: skip
# Of these a hostile word must have come out, or the test saw nothing.
SAYS = {
    *("prompt", "prompts list", "prompts show", "prompts try", "replay", "gallery", "inspect"),
    "similar",
    *("bookmark list", "bookmark next", "runs list", "runs show", "runs compare", "jobs list"),
    *("jobs show", "jobs log", "sessions show", "data add", "data info", "engine status"),
}


def commands() -> dict[str, click.Command]:
    """Every command that does something, by the words that are typed."""
    from commands.main import cli

    found: dict[str, click.Command] = {}

    def walk(command: click.Command, words: tuple[str, ...]) -> None:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(inner, (*words, name))
        else:
            found[" ".join(words)] = command

    walk(cli, ())
    return found


class Connected(HostileEngine):
    """What `Engine.connect` gives, with hostile answers about itself."""

    facts: dict[str, Any] = {
        "model": "m", "adapter": "a", "dtype": "f", "quantization": "q", "device": "d",
        "identity": "i", "memory_bytes": 1,
        "adapters": [{"name": "n", "path": "p", "kind": "k", "memory_bytes": 1, "active": True}],
    }  # fmt: skip

    def __enter__(self) -> Connected:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def remote(self) -> Any:
        from workbench.serving.remote.client import RemoteEngine

        return RemoteEngine()

    def chat(self, messages: Any, spec: Any, decoding: Any, **named: Any) -> Any:
        if spec.model.startswith("openai:"):
            named.pop("on_progress", None)
            return self.remote().chat(messages, spec, decoding, **named)
        return super().chat(messages, spec, decoding, **named)

    def stop(self, *_: Any, **__: Any) -> None:
        pass

    def load(self, *_: Any, on_progress: Any = None, **__: Any) -> dict[str, Any]:
        if on_progress:
            on_progress(EVIL, 0.5)
        return poison(self.facts)

    def status(self) -> dict[str, Any]:
        cache = {"off": "off", "entries": 0, "bytes": 0, "max_bytes": 0, "hits": 0}
        counts = dict.fromkeys(
            ("queue", "serving", "served", "tokens", "process_bytes", "uptime_s", "pid"), 1
        )
        said = {"version": "1", "state": "idle", "model": self.facts, "prefix_cache": cache}
        return poison(said, frozenset({"state"})) | counts | {"leaves_after_s": 9.0}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """`terminal("runs", "list")` runs it in this process on a pseudo-terminal."""

    def run(*args: str) -> str:
        from commands.main import main

        tty = Terminal()
        out = os.fdopen(os.dup(tty.slave), "w", encoding="utf-8", errors="surrogateescape")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["wb", *args])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EVIL.encode()), "utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", out)
            patch.setenv("TERM", "xterm-256color")
            with contextlib.suppress(SystemExit):
                main()
        out.close()
        return tty.close()

    return run


def test_every_command_is_covered():
    assert set(LINES) == set(commands())


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A hostile home and server, and what the names in `LINES` stand for."""
    from sessions.jobs import job_ids
    from sessions.paths import home
    from sessions.runs import list_runs
    from workbench.serving import process
    from workbench.serving.client import Engine

    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setattr(Engine, "connect", lambda *a, **k: Connected())
    hostile_home(tmp_path)
    log = process.log_path()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"engine {EVIL}\n")
    (home() / "config.toml").write_text('theme = "\\u001b]2;OWNED\\u0007"\n')
    (tmp_path / "out").mkdir()
    runs = [run.id for run in list_runs()]
    with OpenAIServer(owner=EVIL, text=lambda body: f"True. {EVIL}") as server:
        server.finish, server.fingerprint = EVIL, EVIL
        yield (
            server,
            {
                "model": server.model,
                "out": str(tmp_path / "out"),
                "evil": str(tmp_path / "evil.jsonl"),
                "run": runs[0],
                "other": runs[-1],
                "job": job_ids()[0],
            },
        )


@pytest.mark.slow
def test_no_command_prints_what_acts_on_a_terminal(places, terminal):
    server, names = places
    said: dict[str, bool] = {}
    # What deletes stands last in its group, and the groups that others read stand last of all.
    for words, lines in LINES.items():
        for line in lines:
            typed = [part if part == EVIL else _fill(part, names) for part in line]
            sent = terminal(*words.split(), *typed)
            assert acts(sent) == [], f"wb {words} {line}"
            said[words] = said.get(words, False) or WORD in sent
            if words not in ("gallery",) and "--out" not in line:
                json_sent = terminal(*words.split(), *typed, "--json")
                assert acts(json_sent) == [], f"wb {words} {line} --json"
    assert {words for words in SAYS if not said[words]} == set()
    for refusal in (Status(400, EVIL), Status(500, EVIL), "error"):
        server.script = [refusal] * 8
        sent = terminal("prompt", ONE, "--model", server.model, "--no-record")
        assert acts(sent) == []


def _fill(part: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        part = part.replace("{" + name + "}", value)
    return part


def test_a_pipe_gets_the_very_bytes(places, run_wb):
    _, names = places
    uids = run_wb("runs", "show", names["run"], "--errors", "--uids").out
    assert "\x1b]2;OWNED" in uids


# -- from outside: the streams of a real process -------------------------------------------------


def _on_a_terminal(argv: list[str], home: Path, keys: Sequence[tuple[str, bytes]] = ()) -> str:
    tty = Terminal()
    env = os.environ | {"WB_HOME": str(home), "TERM": "xterm-256color", "WB_MOUSE": "0"}
    child = subprocess.Popen(
        [sys.executable, "-P", *argv],
        stdin=tty.slave,
        stdout=tty.slave,
        stderr=tty.slave,
        env=env,
        start_new_session=True,
    )
    try:
        for awaited, typed in keys:
            tty.until(lambda sent, awaited=awaited: awaited in sent)
            tty.type(typed)
        child.wait(60)
    finally:
        child.kill()
        child.wait()
    return tty.close()


def test_the_traceback_of_a_bug_acts_on_no_terminal(tmp_path):
    code = (
        "import threading, warnings\n"
        "from tests.hostile import EVIL\n"
        "from commands.errors import run_guarded\n"
        "def command(standalone_mode):\n"
        "    warnings.warn(EVIL)\n"
        "    thread = threading.Thread(target=lambda: {}[EVIL.encode()] or print(EVIL))\n"
        "    thread.start(); thread.join()\n"
        "    print(EVIL)\n"
        "    raise RuntimeError(EVIL)\n"
        "run_guarded(command)\n"
    )
    root = str(Path(__file__).parents[2])
    sent = _on_a_terminal(["-c", f"import sys; sys.path.insert(0, {root!r})\n{code}"], tmp_path)
    assert "RuntimeError" in sent and sent.count(WORD) >= 3
    assert acts(sent) == []


@pytest.mark.slow
def test_the_bench_on_a_real_terminal_sends_nothing_but_its_own(tmp_path):
    from sessions.paths import home

    hostile_home(tmp_path)
    corner = {"dataset": "evil/test"}
    state = {"v": 1, "hints_dismissed": True, "places": {"explore": corner}}
    (home() / "bench.json").write_text(json.dumps(state))
    sent = _on_a_terminal(["-m", "commands.main"], home(), [(WORD, b"\x11")])
    assert "\x1b[?1049l" in sent  # it left, and took its screen with it
    assert acts(sent) == []
