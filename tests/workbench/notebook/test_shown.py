"""What shows itself in a notebook: escaped, bounded, whole, and a plain line anywhere else."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from sessions.records import GradcamRecord, NoteRecord, PromptRecord
from sessions.runs import Run
from sessions.session_log import SessionLog
from tests.workbench.notebook.things import HOSTILE, hostile_sample, png, said
from workbench import api
from workbench.errors import UnknownName
from workbench.explain.result import HeatMap
from workbench.images.in_html import MOST_PIXELS, data_url
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.notebook.answers import Said, tokens_html
from workbench.notebook.evaluations import Evaluation
from workbench.notebook.grids import Grid
from workbench.notebook.maps import Map, Maps
from workbench.notebook.replays import Replays
from workbench.notebook.samples import Dataset, shown_sample
from workbench.playground.question import question_of
from workbench.playground.record import record_of
from workbench.playground.replay import Replayed, first_difference, spec_again
from workbench.playground.sweep import Cell, Sweep
from workbench.prompts.pool import shipped_template
from workbench.sample import Answer, CoordinateFrame, ImageRef, Sample, Token


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


def marks():
    return api.bookmark("demo/test/000001", tag="<script>alert('1')</script>", note=HOSTILE)


def session():
    log = SessionLog.open("hostile")
    log.append_many([said().record, NoteRecord(text=HOSTILE), GradcamRecord(token_text=HOSTILE)])
    return api.session("hostile")


def evaluation() -> Evaluation:
    run = Run.create({"dataset": HOSTILE, "split": HOSTILE, "model": HOSTILE}, "key", "eval")
    with run:
        run.append({"uid": f"evil/test/{HOSTILE}", "label": "a", "target": "b", "text": HOSTILE})
        figures = {HOSTILE: {"value": 0.5, "low": 0.1, "high": 0.9, "n": 1}}
        figures["tokens_per_s"] = {"value": 50.0, "low": 40.0, "high": 60.0, "n": 1}
        run.write_metrics({"metrics": figures})
        run.set_state("done")
    return api.evaluation("last")


THINGS = {
    "sample": lambda: shown_sample(hostile_sample()),
    "bad sample": lambda: shown_sample(hostile_sample(error=HOSTILE)),
    "gallery": lambda: api.gallery([hostile_sample()], HOSTILE),
    "answer": said,
    "map": heat,
    "maps": lambda: Maps([heat(), heat()]),
    "replays": replays,
    "grid": grid,
    "bookmarks": marks,
    "session": session,
    "evaluation": evaluation,
    "wrong": lambda: evaluation().wrong(),
    "side_by_side": lambda: api.side_by_side(said(), heat()),
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
            assert all(
                b.startswith(("rgba(", "transparent", "linear-", "currentColor")) for b in backs
            ), value
            assert not re.search(r"(?<![-\w])color:(?!inherit)", value)


def test_images_are_data_urls_of_bounded_size_and_many_are_counted():
    noise = np.random.default_rng(0).integers(0, 255, (1500, 3000, 3), np.uint8)
    url = data_url(Image.fromarray(noise))
    kind, _, body = url.partition(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(body)))
    assert (kind, max(picture.size)) == ("data:image/jpeg", MOST_PIXELS)
    assert len(url) < 600_000
    photo = io.BytesIO()
    Image.fromarray(noise).save(photo, "jpeg")
    pair = shown_sample(Sample("a/b/c", (ImageRef(data=photo.getvalue()),) * 2))
    # Noise is the worst that there is; a card sends no more pixels than a sharp screen shows.
    assert len(pair.card()) < 60_000 < len(pair._html()) < 1_000_000
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
    assert spec_again(record, {}).adapter == "/a"
    assert spec_again(record, {"adapter": "none"}).adapter is None
    other = spec_again(record, {"model": "org/two"})
    assert (other.adapter, other.revision, other.quantization) == (None, None, "4bit")
    assert spec_again(record, {"quantization": "none"}).quantize_parts is None


GOLD, ANSWERED = "2px dashed #00e640", "2px solid #ff00c8"


def phrase(**more) -> Sample:
    """A phrase whose box is the left half of a picture of 56 x 40 pixels."""
    usual = {"uid": "evil/test/1", "texts": {"expression": HOSTILE}, "label": "[0, 0, 28, 40]"}
    objects = [[{"name": HOSTILE, "box": [0, 0, 28, 40]}]]
    images = (ImageRef(data=png(), name=HOSTILE),)
    return Sample(
        **{"images": images, "metadata": {"objects": objects}, "task": "grounding", **usual, **more}
    )


def located(text: str) -> Said:
    """An answer about that phrase, in fractions of the picture."""
    template = replace(shipped_template("grounding/fractions"), text="{expression}")
    question = question_of(
        phrase(), spec=ModelSpec(model=HOSTILE), decoding=Decoding(), template=template
    )
    frame = CoordinateFrame((56, 40), units=(1.0, 1.0))
    answer = Answer(text, frames=(frame,))
    return Said(**vars(answer), question=question, record=record_of(question, answer))


def test_a_phrase_shows_its_gold_over_the_picture_and_says_what_is_drawn():
    page = shown_sample(phrase())._repr_html_()
    assert page.count(GOLD) == 1 and "gold [0, 0, 28, 40]" in page and ANSWERED not in page
    assert api.gallery([phrase()])._repr_html_().count(GOLD) == 1
    assert GOLD not in shown_sample(phrase(task="question"))._repr_html_()


def test_an_answer_shows_its_box_beside_gold_with_what_was_left_out():
    thing = located("a [0, 0, 0.5, 1] b [2, 2, 3, 3]")
    page = "".join(parsed(thing).text)
    assert thing._repr_html_().count(GOLD) == thing._repr_html_().count(ANSWERED) == 1
    assert "answer [0, 0, 28, 40]" in page and "IoU 1.00" in page
    assert "1 left out: outside of the image" in page
    nowhere = located("nowhere")
    assert "no box or point in the answer" in "".join(parsed(nowhere).text)
    assert nowhere._repr_html_().count(GOLD) == 1 and ANSWERED not in nowhere._repr_html_()


def test_each_cell_of_a_grid_shows_its_own_box():
    told = [located("[0, 0, 0.5, 1]"), located("[0.5, 0, 1, 1]")]
    cells = tuple(Cell(n, {"seed": n}, one.question) for n, one in enumerate(told))
    page = Grid(Sweep({"seed": (0, 1)}, cells), dict(enumerate(told)), {})._repr_html_()
    assert page.count(ANSWERED) == page.count(GOLD) == 2
    assert "IoU 1.00" in page and "IoU 0.00" in page
    assert ANSWERED not in grid()._repr_html_()


def test_the_wrong_answers_of_a_run_are_drawn_over_their_pictures():
    judged = located("[0.5, 0, 1, 1]").record.grounding
    with Run.create({"dataset": "demo_boxes", "split": "test", "model": "m"}, "k", "eval") as run:
        line = {"uid": "demo_boxes/test/000001", "label": "[]", "target": "b", "text": "t"}
        run.append(line | {"grounding": judged, "correct": False})
        run.set_state("done")
    page = api.evaluation("last").wrong()._repr_html_()
    assert page.count(ANSWERED) == page.count(GOLD) == 1 and "IoU 0.00" in page
