"""A grid of one prompt: what is asked, what is recorded, what a failure or a cancel leaves."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from sessions.records import PromptRecord
from sessions.session_log import SessionLog
from workbench.errors import EngineError, ModelError, UsageError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.playground.question import Question
from workbench.playground.sweep import MAX_CELLS, combinations, plan, run
from workbench.sample import Answer, Message, Token

ASKED = Question(messages=(Message("user", ("Is a circle round?",)),))


def build(values):
    knobs = {name: value for name, value in values.items() if name != "model"}
    spec = ModelSpec(model=values.get("model", "demo"))
    return replace(ASKED, spec=spec, decoding=Decoding(**knobs))


class Chorus:
    """Answers with the seed; `says` may raise. Counts who is asked at the same time.

    Attributes:
        together: As many must be waiting before any is answered.
    """

    def __init__(self, together=1, says=None):
        self.meet = threading.Barrier(together)
        self.says = says or (lambda spec, decoding: f"{spec.model} {decoding.seed}")
        self.asked, self.order = [], []

    def chat(self, messages, spec, decoding, *, cancelled=None, **_):
        self.asked.append((spec.model, decoding.seed))
        self.meet.wait(30)
        text = self.says(spec, decoding)
        yield Token(1, text, -0.1)
        if cancelled():
            yield Answer(text, (), "cancelled")
            return
        self.order.append(spec.model)
        yield Answer(text, (Token(1, text, -0.1),), "stop")

    def status(self):
        return {}


def test_the_grid_runs_over_all_combinations_the_last_axis_fastest():
    grid = combinations({"temperature": (0.0, 1.0), "seed": (1, 2)})
    assert grid == [
        {"temperature": 0.0, "seed": 1},
        {"temperature": 0.0, "seed": 2},
        {"temperature": 1.0, "seed": 1},
        {"temperature": 1.0, "seed": 2},
    ]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"seed": range(9), "top_k": range(8)}, "9 seed x 8 top_k are 72 cells; at most 64"),
        ({"seed": (1, 1)}, "different values"),
        ({"seed": ()}, "nothing"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_refused_before_anything_is_asked(axes, words):
    with pytest.raises(UsageError, match=words):
        combinations(axes)
    assert len(combinations({"seed": range(MAX_CELLS)})) == MAX_CELLS
    assert len(combinations({"seed": range(9), "top_k": range(8)}, 72)) == 72


def test_cells_of_one_model_are_asked_at_once_and_models_one_after_the_other():
    log = SessionLog.open("grid")
    engine = Chorus(together=3)  # none is answered before three are there
    sweep = plan({"model": ("demo", "other"), "seed": (1, 2, 3)}, build)
    events = list(run(engine, sweep, log=log))  # type: ignore[arg-type]
    assert engine.order == ["demo"] * 3 + ["other"] * 3
    records = [r for r in log.records() if isinstance(r, PromptRecord)]
    assert {r.sweep for r in records} == {sweep.id} and len(records) == 6
    assert {(r.cell["model"], r.cell["seed"]): r.text for r in records} == {
        (model, seed): f"{model} {seed}" for model in ("demo", "other") for seed in (1, 2, 3)
    }
    for cell in sweep.cells:  # each cell's events are its own, its record last
        own = [event for of, event in events if of is cell]
        assert [type(event) for event in own] == [Token, Answer, PromptRecord]
        assert own[-1] in records and own[-1].cell == cell.values


def test_more_cells_than_the_engine_decodes_together_are_all_asked():
    engine = Chorus()
    sweep = plan({"seed": range(40)}, build)
    list(run(engine, sweep, log=None))  # type: ignore[arg-type]
    assert sorted(seed for _, seed in engine.asked) == list(range(40))


def test_a_cell_that_fails_is_recorded_as_failed_and_the_others_go_on():
    def says(spec, decoding):
        if decoding.seed == 2:
            raise ModelError("out of memory", hint="ask for less")
        return "fine"

    log = SessionLog.open("grid")
    sweep = plan({"seed": (1, 2, 3), "num_beams": (1, 2), "temperature": (0.0, 1.0)}, build)
    events = list(run(Chorus(says=says), sweep, log=log))  # type: ignore[arg-type]
    records = {tuple(r.cell.values()): r for r in log.records() if isinstance(r, PromptRecord)}
    assert len(records) == 12
    # Beams and sampling contradict each other: such a cell never reaches the model.
    assert "choose one" in records[1, 2, 1.0].error["message"]
    assert records[1, 2, 1.0].decoding["temperature"] == 1.0
    assert records[2, 1, 0.0].error["message"] == "out of memory"
    assert records[3, 2, 0.0].text == "fine" and records[3, 2, 0.0].error is None
    failed = [event for _, event in events if isinstance(event, (ModelError, UsageError))]
    assert len(failed) == 3 + 3


def test_where_no_cell_can_be_asked_the_reason_is_raised():
    with pytest.raises(UsageError, match="--top-p"):
        plan({"top_p": (2.0, 3.0)}, build)


def test_a_cancel_keeps_what_was_said_and_asks_no_more():
    pressed = threading.Event()

    def says(spec, decoding):
        if spec.model == "other":
            pressed.set()
        return "said"

    log = SessionLog.open("grid")
    sweep = plan({"model": ("demo", "other", "third"), "seed": (1,)}, build)
    engine = Chorus(says=says)
    list(run(engine, sweep, log=log, cancelled=pressed.is_set))  # type: ignore[arg-type]
    assert engine.asked == [("demo", 1), ("other", 1)]
    reasons = [r.finish_reason for r in log.records() if isinstance(r, PromptRecord)]
    assert reasons == ["stop", "cancelled"]


def test_an_engine_that_is_gone_ends_the_grid_with_its_message():
    def says(spec, decoding):
        raise EngineError("it is gone", kind="engine_died")

    log = SessionLog.open("grid")
    sweep = plan({"model": ("demo", "other"), "seed": (1,)}, build)
    engine = Chorus(says=says)
    with pytest.raises(EngineError, match="it is gone"):
        list(run(engine, sweep, log=log))  # type: ignore[arg-type]
    assert engine.asked == [("demo", 1)]
    assert len(log.records()) == 1  # the one that was under way, as failed


def test_a_reader_who_leaves_ends_what_is_under_way():
    engine = Chorus()
    sweep = plan({"seed": range(40)}, build)
    events = run(engine, sweep, log=None)  # type: ignore[arg-type]
    next(events)
    events.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("sweep-")]
