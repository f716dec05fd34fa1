"""What a cell means, the bookmarks that go round, and what an interrupt does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from PIL import Image

from sessions.errors import RecordError
from sessions.jobs import start
from sessions.uid_cache import UidCache
from tests.workbench.notebook.things import png, said
from workbench import api
from workbench.errors import UsageError
from workbench.notebook import display
from workbench.notebook.arguments import decoding_from, question, spec_from
from workbench.notebook.evaluations import Evaluation
from workbench.notebook.grids import axes_of


def test_a_cell_means_what_the_flags_of_that_name_mean(monkeypatch):
    asked = question("demo/test/000012", None, words={"temperature": 0.7, "seed": 3, "shots": 1})
    assert (asked.template, asked.decoding.temperature, asked.decoding.seed) == (
        "statement/true-false",
        0.7,
        3,
    )
    assert len(asked.shots) == 2
    assert asked.dataset_revision == api.open_dataset("demo/test").revision
    named = question(api.sample("demo/test/000012"), None, words={"shots": ["demo/train/000001"]})
    assert named.shots == ("demo/train/000001",)
    scored = question("demo/test/000012", "Well?", label_scores=["yes", "no"])
    assert scored.score == ("yes", "no")
    monkeypatch.setenv("WB_TEMPERATURE", "0.4")
    monkeypatch.setenv("WB_ADAPTER", "/some/adapter")
    assert decoding_from({}).temperature == 0.4
    assert decoding_from({"temperature": 0.0}).temperature == 0.0
    assert spec_from({}).adapter == "/some/adapter"
    assert spec_from({"adapter": "none"}).adapter is None


@pytest.mark.parametrize(
    ("about", "prompt", "more", "message"),
    [
        ("demo/test/000012", None, {"temprature": 1}, "unknown options: temprature"),
        ("demo/test/000012", None, {"temperature": -1}, "--temperature wants a number"),
        ("demo/test/000012", "x", {"shots": 2}, "--shots goes with a template"),
        (None, None, {}, "no text to ask"),
        ("demo/000012", "x", {}, "begins with the dataset 'demo' and names no sample"),
        (None, "demo/000012", {}, "begins with the dataset 'demo' and names no sample"),
        ("demo", "x", {}, "'demo' is a dataset, and names no sample"),
        (None, "demo", {}, "'demo' is a dataset, and names no sample"),
        (3.5, "x", {}, "float is no image and no sample"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_with_what_to_do(about, prompt, more, message):
    with pytest.raises(UsageError, match=message) as error:
        question(about, prompt, words=more)
    assert error.value.__notes__ == [error.value.hint]  # the last line of a cell's traceback


def test_images_of_ones_own_are_asked_about_by_path_or_as_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    asked = question([tmp_path / "a.png", Image.new("L", (9, 9))], "Which?", system="Brief.")
    first, second = (ref for message in asked.messages for ref in message.images)
    assert (first.path, second.load().size) == (tmp_path / "a.png", (9, 9))
    assert asked.messages[0].role == "system"


def test_an_answer_takes_a_next_turn_with_its_own_model_and_knobs():
    first = said("True.")
    turn = question(first, "And why?", words={"seed": 5})
    assert [m.role for m in turn.messages[-3:]] == ["user", "assistant", "user"]
    assert [m.text for m in turn.messages[-2:]] == ["True.", "And why?"]
    assert (turn.spec, turn.decoding.seed, turn.follows) == (
        first.question.spec,
        5,
        first.record.id,
    )
    with pytest.raises(UsageError, match="a prompt alone"):
        question(first, None)


def test_a_list_is_an_axis_unless_it_is_one_value():
    words = {"stop": ["a", "b"], "shots": ["a/b/c"], "seed": [1, 2], "temperature": 0.5}
    assert axes_of(words) == {"seed": (1, 2)}
    with pytest.raises(UsageError, match="no option has several values"):
        api.sweep("demo/test/000012", temperature=0.5)


def test_next_moves_the_cursor_that_the_bench_moves():
    uids = [f"demo/test/{n:06}" for n in (4, 2, 9)]
    api.bookmark(uids, tag="odd", note="hm")
    api.bookmark("demo_vqa/test/000001")
    marks = api.bookmarks("demo/test")
    assert next(marks).uid == uids[0]
    with UidCache.open() as cache:
        assert cache.next(None, "demo/test") == uids[1]  # as the bench's `.` asks
    assert next(marks).uid == uids[2]
    assert next(marks).uid == uids[0]
    assert marks.prev().uid == uids[2]
    assert [s.uid for s in marks] == uids  # one round from behind the cursor
    assert next(api.bookmarks(tag="odd")).uid == uids[0]  # a filter of its own, a cursor of its own
    assert len(api.bookmarks()) == 4
    assert [s.uid for s in api.gallery(marks)] == uids
    assert api.unbookmark(uids[:2], tag="odd") == 2
    assert api.bookmarks(tag="odd").uids == (uids[2],)
    with pytest.raises(StopIteration):
        next(api.bookmarks(tag="nothing"))


def test_a_bookmark_of_data_that_is_gone_does_not_end_the_walk():
    api.bookmark(["gone/test/1", "demo/test/000001"])
    walk = list(api.bookmarks())
    assert [s.uid for s in walk] == ["gone/test/1", "demo/test/000001"]
    assert "gone" in walk[0].error
    assert walk[1].error is None


def test_what_is_changing_is_drawn_in_a_kernel_alone_and_not_too_often(monkeypatch):
    made, put = [], []
    live = display.Live()
    live.draw(lambda: made.append(1) or "x")
    assert not made
    monkeypatch.setattr(display, "shell", lambda: object())
    monkeypatch.setattr(display.Live, "_put", lambda self, bundle: put.append(bundle["text/html"]))
    monkeypatch.setattr(display.time, "monotonic", lambda: 100.0)
    live = display.Live()
    for n in range(50):
        live.draw(lambda n=n: f"<b>{n}</b>")
    live.draw(lambda: "last", now=True)
    assert len(put) == 2
    assert "<b>0</b>" in put[0]
    assert "last" in put[1]


def test_the_first_interrupt_raises_a_flag_and_the_block_ends_in_keyboard_interrupt():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), display.interruptible() as pressed:
        assert not pressed()
        signal.raise_signal(signal.SIGINT)
        assert pressed()
        reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt), display.interruptible():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one breaks off at once")
    found = []

    def in_a_thread():
        with display.interruptible() as pressed:
            found.append(pressed())

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert found == [False]


def test_an_interrupt_cancels_the_job_of_an_evaluation(monkeypatch):
    started = Evaluation(
        job=start([sys.executable, "-c", "import time; time.sleep(60)"], title="x")
    )
    assert started.state in ("queued", "running")
    monkeypatch.setattr(display.Live, "draw", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        started.wait()
    assert started.job.state == started.state == "cancelled"
    assert repr(started) == "evaluation cancelled"


def test_an_evaluation_that_is_refused_says_why_in_the_words_of_the_command():
    refused = Evaluation(job=start([sys.executable, "-c", "exit('No such option')"], title="x"))
    with pytest.raises(RecordError, match="failed: No such option"):
        refused.wait()
    code = "print('No such option'); exit(2)"
    with pytest.raises(UsageError, match="refused: No such option"):
        Evaluation(job=start([sys.executable, "-c", code], title="x")).wait()


def test_importing_and_looking_loads_nothing_heavy(tmp_path):
    code = """
import sys
from workbench import api as wb
assert not {"numpy", "PIL", "IPython", "httpx", "torch"} & set(sys.modules), sys.modules.keys()
wb.open_dataset("demo/test")[3]._repr_html_()
print({"torch", "transformers", "datasets", "IPython"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"WB_HOME": str(tmp_path)},
        check=False,
    )
    assert done.stdout == "set()\n", done.stderr
