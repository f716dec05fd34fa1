"""The batch of a training, drawn: leaving the view ends what it asked and leaves nothing behind."""

import os
from pathlib import Path

import pytest

from tests.workbench.app.bench_host import Host, until
from workbench.app.jobs.batch_view import BatchCommand, BatchView


async def test_leaving_the_view_ends_its_child_and_removes_its_pictures(tmp_path: Path):
    config = tmp_path / "never.yaml"
    os.mkfifo(config)  # nobody writes to it, so that the child waits for its config
    ask = BatchCommand(["train", str(config)])
    view = BatchView(ask)
    pictures = Path(view.folder)
    app = Host(view)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: ask.pid is not None)
        assert ask.pid is not None
        os.kill(ask.pid, 0)  # it is at it
        assert pictures.is_dir()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not view and not pictures.exists())
        with pytest.raises(ProcessLookupError):
            os.kill(ask.pid, 0)
        assert list(tmp_path.iterdir()) == [config]


def test_who_left_before_the_child_was_started_starts_none(tmp_path: Path):
    ask = BatchCommand(["train", "demo_lora"])
    ask.end()
    assert ask(str(tmp_path)) == ({}, "ended")
    assert ask.pid is None
