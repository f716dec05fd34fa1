"""An adapter that nobody has is refused once and at the start, whether or not an engine runs."""

from __future__ import annotations

import os

import pytest

from commands.asking import check_exists
from commands.main import cli
from sessions.session_log import current_session
from tests.commands.engine_home import engine_home, home  # noqa: F401
from tests.commands.test_exit_codes import leaves
from workbench.models.spec import ModelSpec
from workbench.serving import at_hand, process

pytestmark = pytest.mark.slow

# Of each command that takes an adapter: a line that is right without it.
LINES = {
    "prompt": "demo/test/0",
    "replay": "last",
    "gradcam": "demo/test/0",
    "run-eval": "--dataset demo/test --limit 1",
    "infer": "demo/test --limit 1 --out answers.json",
    "similar": "demo/test/0 --limit 9",
    "models load": "demo",
}


def test_each_command_that_takes_an_adapter_is_tried():
    taking = {path for path, c in leaves(cli) if any("--adapter" in p.opts for p in c.params)}
    assert taking == set(LINES)


def test_it_is_refused_before_a_running_engine_is_asked(
    run_wb,
    home,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    monkeypatch.chdir(tmp_path)
    for uid in ("demo/test/1", "demo/test/2"):
        assert run_wb("prompt", uid, "--max-new-tokens", "1").code == 0  # an engine runs now
    asked = len(current_session().records())
    for command, words in LINES.items():
        done = run_wb(*command.split(), *words.split(), "--adapter", "nosuch")
        assert done.code == 2, (command, done.out, done.err)
        assert done.out == "", command
        assert done.err.count("nosuch") == 1, (command, done.err)
    assert len(current_session().records()) == asked


def test_a_name_that_a_silent_engine_may_keep_is_told_as_not_checked(capsys, monkeypatch):
    monkeypatch.setattr(at_hand, "WAIT_S", 0.2)
    held = process.take_lock()  # as an engine that has not come up yet
    assert held is not None
    try:
        check_exists(ModelSpec("demo", adapter="mine"))
    finally:
        os.close(held)
    told = capsys.readouterr().err
    assert told.count("mine") == 1 and "cannot be asked yet" in told
