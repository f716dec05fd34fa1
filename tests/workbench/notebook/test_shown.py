"""What shows itself in a notebook: escaped, bounded, whole, and a plain line anywhere else."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from sessions.records import PromptRecord
from sessions.uid_cache import UidCache
from workbench import api
from workbench.engine.ask import question_of
from workbench.engine.decoding import Decoding
from workbench.engine.recording import record_of
from workbench.engine.replay import Replayed, first_difference
from workbench.engine.sweep import Cell, Sweep
from workbench.errors import UnknownName, UsageError
from workbench.explain.result import HeatMap
from workbench.models.spec import ModelSpec
from workbench.notebook import showing
from workbench.notebook.answers import Said, tokens_html
from workbench.notebook.grids import Grid, axes_of
from workbench.notebook.maps import Map, Maps
from workbench.notebook.pictures import MOST_PIXELS, data_url
from workbench.notebook.replays import Replays, settled
from workbench.notebook.samples import Dataset, shown_sample
from workbench.notebook.settling import decoding_from, question, spec_from
from workbench.sample import Answer, ImageRef, Sample, Token

HOSTILE = "<script>alert('1')</script>\x1b[31m\u202e\" onload=x $\\href{a}{b}$"


def png(size=(56, 40), colour="teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "png")
    return out.getvalue()


def hostile_sample(**more) -> Sample:
    return Sample(
        uid=f"evil/test/{HOSTILE}",
        images=(ImageRef(data=png(), name=HOSTILE), ImageRef(data=b"no image", name=HOSTILE)),
        texts={HOSTILE: HOSTILE},
        label=HOSTILE,
        references=(HOSTILE, HOSTILE + "2"),
        explanations=(HOSTILE,),
        metadata={HOSTILE: [HOSTILE]},
        labels=(HOSTILE, "no"),
        **more,
    )


def said(text=HOSTILE, sample=None, **more) -> Said:
    """An answer as `ask` gives it, without an engine."""
    sample = sample or hostile_sample()
    spec = ModelSpec(model=HOSTILE, adapter=HOSTILE)
    question = question_of(sample, spec=spec, decoding=Decoding(), text=HOSTILE)
    tokens = tuple(
        Token(n, piece, -0.5 * n, ((piece, -0.5 * n), (HOSTILE, -3.0)))
        for n, piece in enumerate(re.findall(r"\S+\s*|\s+", text))
    )
    answer = Answer(text, tokens, label_scores={HOSTILE: -1.0, "no": -2.0})
    return Said(**vars(answer), question=question, record=record_of(question, answer, {}), **more)


def heat(uid=HOSTILE) -> Map:
    grid = np.zeros((4, 4), np.float32)
    grid[1, 2] = 1.0
    maps = (HeatMap(grid, (30, 12), (56, 40)), HeatMap(grid * 0, (28, 20), (56, 40)))
    return Map(
        *(HOSTILE, HOSTILE, 0, HOSTILE, maps),
        contrast=HOSTILE,
        answer=HOSTILE,
        notes=(HOSTILE,),
        uid=uid,
        refs=(ImageRef(data=png()), ImageRef(data=png(colour="red"))),
    )


def replays() -> Replays:
    old = said("yes it is").record
    new = replace(old, text=HOSTILE, tokens=(), label="no")
    return Replays(
        HOSTILE, [Replayed(old, new, first_difference(old, new), None, False, (HOSTILE,))]
    )


class Strict(HTMLParser):
    """Collects tags and attributes, and holds that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(thing) -> Strict:
    reader = Strict()
    reader.feed(thing._repr_mimebundle_()["text/html"])
    reader.close()
    assert not reader.open
    return reader


def grid() -> Grid:
    questions = [said(f"{HOSTILE} {n}").question for n in range(3)]
    cells = tuple(Cell(n, {"system": HOSTILE, "seed": n}, q) for n, q in enumerate(questions))
    sweep = Sweep({"system": (HOSTILE,), "seed": (0, 1, 2)}, cells)
    return Grid(sweep, {0: said()}, {1: UnknownName(HOSTILE)})


THINGS = {
    "sample": lambda: shown_sample(hostile_sample()),
    "bad sample": lambda: shown_sample(hostile_sample(error=HOSTILE)),
    "gallery": lambda: api.gallery([hostile_sample()], HOSTILE),
    "answer": said,
    "map": heat,
    "maps": lambda: Maps([heat(), heat()]),
    "replays": replays,
    "grid": grid,
    "beside": lambda: api.beside(said(), heat()),
}


@pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)
def test_text_of_data_and_models_is_text_and_never_markup(make):
    thing = make()
    page = parsed(thing)
    known = {"div", "span", "b", "img", "table", "thead", "tbody", "tr", "th", "td"}
    assert set(page.tags) <= known | {"details", "summary", "pre", "code", "mark"}
    names = {name for _, name, _ in page.attributes}
    assert names <= {"style", "class", "src", "alt", "width", "height", "title"}
    assert "<script>alert('1')</script>" in "".join(page.text)
    html, plain = thing._repr_html_(), repr(thing)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html + plain)
    # What stands between dollars is no formula: MathJax follows links in one.
    assert 'class="wb tex2jax_ignore mathjax_ignore"' in html


@pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)
def test_colours_are_tints_so_that_light_and_dark_stay_readable(make):
    for _, name, value in parsed(make()).attributes:
        if name == "style":
            backs = re.findall(r"background:([^;]+)", value)
            assert all(b.startswith(("rgba(", "transparent", "linear-")) for b in backs), value
            assert not re.search(r"(?<![-\w])color:(?!inherit)", value)


def test_images_are_data_urls_of_bounded_size_and_many_are_counted():
    noise = np.random.default_rng(0).integers(0, 255, (1500, 3000, 3), np.uint8)
    url = data_url(Image.fromarray(noise))
    kind, _, body = url.partition(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(body)))
    assert (kind, max(picture.size)) == ("data:image/jpeg", MOST_PIXELS)
    assert len(url) < 600_000
    many = shown_sample(Sample("a/b/c", tuple(ImageRef(data=png()) for _ in range(40))))
    page = parsed(many)
    assert page.tags.count("img") == 12
    assert "and 28 more images" in "".join(page.text)
    assert "is not an image" in "".join(parsed(shown_sample(hostile_sample())).text)


def test_a_gallery_and_a_dataset_are_sequences_of_samples():
    data = api.open_dataset("demo/test")
    assert (len(data), data[-1].uid, data[3]) == (1000, "demo/test/000999", data.at(3))
    assert isinstance(data[3], Sample)
    assert [s.uid for s in data[2:4]] == ["demo/test/000002", "demo/test/000003"]
    assert [s.uid for s in data.random(3, 7)] == [data.random(9, 7)[n].uid for n in range(3)]
    assert data["demo/test/000005"].texts == data[5].texts
    with pytest.raises(IndexError, match="1000 samples, not 1000"):
        data[1000]
    first = next(iter(data))
    assert (first.uid, first.revision) == ("demo/test/000000", data.revision)
    assert parsed(api.gallery(first for _ in range(100))).tags.count("img") == 2 * 60
    with pytest.raises(UnknownName):
        api.open_dataset("nothing/test")


def test_an_endless_dataset_is_looked_into_without_asking_its_length():
    class Endless:
        dataset, split, task, revision, labels, length = "a", "b", "other", "1", (), None

        def iter(self, start=0):
            while True:
                yield Sample(f"a/b/{start}")
                start += 1

    data = Dataset(Endless())
    assert "endless" in repr(data)
    assert "a/b/3" in data._repr_html_()
    with pytest.raises(TypeError, match="endless"):
        len(data)


def test_an_answer_tints_what_was_improbable_and_tells_the_figures():
    shown = parsed(said("It is a star."))
    titles = [value for _, name, value in shown.attributes if name == "title"]
    assert titles[1].startswith("'is '  p 0.607  logprob -0.500\n")
    tints = re.findall(r"background:rgba\(255,149,0,([\d.]+)\)", said("It is a star.")._html())
    assert tints == sorted(tints)
    assert float(tints[0]) == 0 < float(tints[-1])
    text = "".join(shown.text)
    assert "0.731" in text  # e^-1 / (e^-1 + e^-2): the share of the first label
    cut = tokens_html([Token(0, "It", -0.1), Token(1, " is<eos>", -0.1)], "It is")
    assert re.sub("<.*?>", "", cut) == "It is"  # a stop string was in the last token


def test_an_answer_is_right_or_wrong_only_where_its_label_was_asked_for():
    sample = Sample("a/b/c", texts={"sentence": "x"}, label="True", labels=("True", "False"))
    assert said("True.", sample).right is True
    assert said("False.", sample).right is False
    assert said("A dog.", sample).right is None
    assert "wrong" not in said("A dog.", sample)._html()


def test_a_replay_marks_what_differs_and_counts_it():
    old = said("the cat sat").record
    new = said("the dog sat").record
    shown = Replays("s", [Replayed(old, old), Replayed(old, new, first_difference(old, new))])
    assert not shown.same
    assert shown.counts["same"] == shown.counts["changed"] == 1
    marks = re.findall(r"<mark[^>]*>(.*?)</mark>", shown._html())
    assert [re.sub("<.*?>", "", mark).strip() for mark in marks] == ["cat", "dog"]
    assert "'the cat sat' -> 'the dog sat'" in repr(shown)


def test_another_model_in_a_replay_drops_the_adapter_of_the_first():
    record = PromptRecord(model="org/one", adapter="/a", revision="r", quantization="4bit")
    assert settled(record, {}).adapter == "/a"
    assert settled(record, {"adapter": "none"}).adapter is None
    other = settled(record, {"model": "org/two"})
    assert (other.adapter, other.revision, other.quantization) == (None, None, "4bit")


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
        ("demo/test/000012", None, {"temprature": 1}, "unknown words: temprature"),
        ("demo/test/000012", None, {"temperature": -1}, "--temperature wants a number"),
        ("demo/test/000012", "x", {"shots": 2}, "--shots goes with a template"),
        (None, None, {}, "no prompt to ask"),
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
    with pytest.raises(UsageError, match="no word has several values"):
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
    live = showing.Live()
    live.draw(lambda: made.append(1) or "x")
    assert not made
    monkeypatch.setattr(showing, "shell", lambda: object())
    monkeypatch.setattr(showing.Live, "_put", lambda self, bundle: put.append(bundle["text/html"]))
    monkeypatch.setattr(showing.time, "monotonic", lambda: 100.0)
    live = showing.Live()
    for n in range(50):
        live.draw(lambda n=n: f"<b>{n}</b>")
    live.draw(lambda: "last", now=True)
    assert len(put) == 2
    assert "<b>0</b>" in put[0]
    assert "last" in put[1]


def test_the_first_interrupt_raises_a_flag_and_the_block_ends_in_keyboard_interrupt():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), showing.interruptible() as pressed:
        assert not pressed()
        signal.raise_signal(signal.SIGINT)
        assert pressed()
        reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt), showing.interruptible():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one breaks off at once")
    found = []

    def in_a_thread():
        with showing.interruptible() as pressed:
            found.append(pressed())

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert found == [False]


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
