"""What a thread is at is told, and what has no end is ended where it was begun."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from pathlib import Path

import pytest

from tests.workbench.models.tiny import ask
from workbench.errors import Cancelled, ModelError
from workbench.models import activity, chat
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec

LOOP = "{% for a in range(99999) %}" * 4 + "{% endfor %}" * 4


def forever() -> None:
    while True:
        sum(range(10))


def test_what_a_thread_is_at_is_told_with_the_time_since_it_got_on():
    me = threading.get_ident()
    assert activity.at(me) is None
    with activity.doing("loading"):
        with activity.doing("reading"):
            assert activity.at(me)[0] == "reading"
        activity.progressed("weights")
        what, seconds = activity.at(me)
        assert what == "weights" and seconds < 5
    assert activity.at(me) is None


def test_a_section_without_end_is_ended_and_the_thread_goes_on():
    started = time.monotonic()
    with pytest.raises(ModelError, match="counting did not end within") as caught:
        activity.bounded("counting", 0.2, forever)
    assert caught.value.kind == "endless" and time.monotonic() - started < 20
    assert activity.bounded("adding", 60, lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        activity.bounded("dividing", 60, lambda: 1 // 0)


def test_one_that_nobody_waits_for_is_ended_before_its_time():
    given_up = threading.Event()
    found: list[BaseException] = []

    def work() -> None:
        activity.given_up_by(given_up.is_set)
        try:
            activity.bounded("counting", 3600, forever)
        except Cancelled as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    given_up.set()
    thread.join(20)
    assert len(found) == 1 and "counting" in str(found[0])


def test_an_end_that_comes_too_late_hits_nothing_else():
    """Sections that end by themselves about when their time is up: one way or the other."""
    for _ in range(20):
        with contextlib.suppress(ModelError):
            activity.bounded("sleeping", 0.05, lambda: time.sleep(0.06))
    for _ in range(1000):
        sum(range(100))


def test_a_chat_template_without_end_is_an_error(tiny_folder, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "loops"))
    (folder / "chat_template.jinja").write_text(LOOP)
    model = load_model(ModelSpec(str(folder), device="cpu"))
    monkeypatch.setattr(chat, "TEMPLATE_S", 0.3)
    with pytest.raises(ModelError, match="chat template of loops did not end") as caught:
        model.family.encode(model, [ask("one")])
    assert caught.value.kind == "endless"
