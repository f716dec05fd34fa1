"""The bench on a terminal that writes down what it is sent, in a home full of hostile text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from PIL import Image
from textual.drivers.headless_driver import HeadlessDriver

from tests.hostile import EVIL, WORD, filled, poison, poison_files
from tests.workbench.app.explore_bench import Bench, FakeEngine
from workbench.app.app import WbApp


class Recorder(HeadlessDriver):
    """A terminal's driver: what it is sent is in `sent`."""

    is_headless = False  # type: ignore[assignment]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.sent: list[str] = []

    def write(self, data: str) -> None:
        """Keep it."""
        self.sent.append(data)


class HostileEngine(FakeEngine):
    """Says hostile things in every field of what it says."""

    def chat(self, *args: Any, **named: Any) -> Any:
        for event in super().chat(*args, **named):
            yield poison(event)

    def explain(self, *args: Any, **named: Any) -> dict[str, Any]:
        return poison(super().explain(*args, **named))

    def status(self) -> dict[str, Any]:
        return poison(super().status())


def hostile_home(folder: Any) -> None:
    """Datasets, templates, bookmarks, sessions, runs and jobs, hostile in every field."""
    from sessions import records
    from sessions.paths import home, jobs_dir, runs_dir
    from sessions.session_log import SessionLog
    from sessions.uid_cache import UidCache
    from tests.workbench.app.make_records import make_job, make_run, make_session
    from workbench.data.adding import add_dataset

    Image.new("RGB", (6, 4), "red").save(folder / "a.png")
    rows = [
        {"id": f"{n}{EVIL}", "sentence": f"s{n} {EVIL}", "label": label, "why": f"w {EVIL}"}
        | {"image": "a.png" if n else f"gone{EVIL}.png", "more": f"m {EVIL}", f"x{WORD}": EVIL}
        for n, label in enumerate([f"true{EVIL}", f"false{EVIL}", f"true{EVIL}"])
    ]
    (folder / "evil.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    add_dataset(
        "evil",
        [f"test={folder / 'evil.jsonl'}"],
        id="id",
        texts={"sentence": "sentence"},
        label="label",
        explanations=["why"],
        image=["image"],
        task="statement",
    )
    (home() / "templates").mkdir(parents=True)
    quoted = {
        k: json.dumps(f"{k} {EVIL}").replace("\\u007f", "\\u007f") for k in ("text", "system")
    }
    (home() / "templates" / "evil.toml").write_text(
        f'[[template]]\nname = "statement/evil"\nversion = 1\ntext = {quoted["text"][:-1]} '
        f'{{sentence}}"\nsystem = {quoted["system"]}\ndescription = {json.dumps(EVIL)}\n'
        'labels = { True = "true", False = "false" }\n'
    )
    uid = f"evil/test/0{EVIL}"
    with UidCache.open() as cache:
        cache.add(uid, ["errors"], f"note {EVIL}")
        cache.add("demo/test/000001", [], f"note {EVIL}")
        cache.visit(uid)
    make_session("2026-01-02", prompts=2)
    log = SessionLog.open("2026-01-02")
    for name in ("PromptRecord", "GradcamRecord", "NoteRecord", "BookmarkRecord"):
        log.append(filled(getattr(records, name)))
    poison_files(home() / "sessions")
    for state in ("done", "failed", "done"):
        make_run(6, state=state, labels=("true", "false")).close()
    poison_files(runs_dir())
    for state in ("done", "failed", "lost"):
        make_job(
            ["wb", "run-eval", EVIL],
            state=state,
            title=EVIL,
            message=EVIL,
            log=f"log {EVIL}\n\x1b[5;8m 7%\r 9%\n",
            progress=[{"done": 1, "total": 2, "message": EVIL, "metrics": {f"m{EVIL}": 0.5}}],
        )
    poison_files(jobs_dir())


@asynccontextmanager
async def hostile_bench(size: tuple[int, int] = (120, 40), **corner: Any) -> AsyncIterator[Any]:
    """The bench over that home; gives the `Bench` and the list of what was sent."""
    app = WbApp()
    app.driver_class = Recorder
    app.state.hints_dismissed = True
    app.state.place("explore").update({"dataset": "evil/test", **corner})
    app.engine()._engine = HostileEngine()  # type: ignore[assignment]
    async with app.run_test(size=size, headless=False, notifications=True) as pilot:
        bench = Bench(app, pilot)
        await bench.settle()
        assert isinstance(app._driver, Recorder)
        yield bench, app._driver.sent
