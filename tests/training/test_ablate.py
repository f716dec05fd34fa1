"""An ablation trains every variant once, survives what kills it, and compares what was measured."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from PIL import Image

from sessions.runs import Run, list_runs
from training.ablate import Outcome, ablate, ablation_folder, look
from training.ablation_config import SHIPPED, Ablation, load_ablation
from training.ablation_figures import compare, over_seeds
from training.ablation_report import markdown, size, to_json, write_report
from training.ablation_trial import find_training
from training.ablation_trial import main as do_trial
from training.train import train
from workbench.errors import UsageError

BASE = """
  train: demo_vqa/train[:8]
  eval: demo_vqa/dev
  eval_samples: 2
  eval_new_tokens: 2
  batch_size: 4
  max_steps: 2
  learning_rate: 1.0e-3
  log_every: 1
  device: cpu
  threads: 1
"""


def ablation(tmp_path: Path, rest: str, base: str = BASE) -> Ablation:
    file = tmp_path / "some.yaml"
    file.write_text(f"name: some\n{dedent(base)}ablation:\n{indent(rest, '  ')}")
    return load_ablation(file)


def here(file: Path, stop: Any, tell: Callable[..., None]) -> str:
    """A trial in this process: what a child does, without a child."""
    do_trial(str(file))
    return ""


def never(file: Path, stop: Any, tell: Callable[..., None]) -> str:
    raise AssertionError(f"{file} is done")


# -- the file ------------------------------------------------------------------------------------


def test_methods_times_grid_times_seeds_are_the_trials(tmp_path: Path) -> None:
    found = ablation(
        tmp_path, "methods: [lora, full]\ngrid: {learning_rate: [1.0e-3, 2.0e-3]}\nseeds: [0, 7]\n"
    )
    assert list(found.variants) == [
        *("lora learning_rate=0.001", "lora learning_rate=0.002"),
        *("full learning_rate=0.001", "full learning_rate=0.002"),
    ]
    assert [t.seed for t in found.trials] == [0] * 4 + [7] * 4
    last = found.trials[-1].config
    assert (last.method, last.learning_rate, last.seed) == ("full", 2e-3, 7)


def test_variants_take_files_beside_and_nested_keys(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("method: lora\nlora: {r: 2, alpha: 4}\n")
    rest = "variants:\n  small: small.yaml\n  wide: {base: small.yaml, lora.r: 8}\n"
    found = ablation(tmp_path, rest)
    assert [(t.config.lora.r, t.config.lora.alpha) for t in found.trials] == [(2, 4), (8, 4)]
    changed = load_ablation(tmp_path / "some.yaml", ["lora.alpha=1", "epochs=2"])
    assert {(t.config.lora.alpha, t.config.epochs) for t in changed.trials} == {(1, 2)}


def test_shipped_ablations_can_be_meant_and_what_is_typed_wins() -> None:
    names = [path.stem for path in sorted(SHIPPED.glob("*.yaml"))]
    assert "easy_vqa" in names
    for name in names:
        found = load_ablation(name, ["model=demo", "epochs=7", "ablation.seeds=[5]"])
        seen = {(t.config.model, t.config.epochs, t.seed) for t in found.trials}
        assert seen == {("demo", 7.0, 5)}
        assert len({t.config.method for t in found.trials}) == len(found.variants)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("seeds: [0]\n", "nothing to compare"),
        ("methods: [lora]\nvariants: {a: {}}\n", "leave one out"),
        ("methods: lora\n", "'ablation.methods' wants a list"),
        ("methods: [lroa, fll]\n", "lroa.*fll"),
        ("methods: [lora]\nseeds: [x]\n", "'ablation.seeds' wants whole numbers"),
        ("methods: [lora]\ngrid: {epochs: 3}\n", "'ablation.grid' wants keys with lists"),
        ("methods: [lora]\nmetric: [x]\n", "no key 'ablation.metric'"),
        ("variants: {a: {eval: demo/dev}, b: {}}\n", "evaluated on different data"),
        ("variants: {a: gone.yaml}\n", "gone.yaml"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_trained(
    tmp_path: Path, rest: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ablation(tmp_path, rest)


# -- training ------------------------------------------------------------------------------------


def test_trials_are_trained_once_compared_and_written(tmp_path: Path) -> None:
    wanted = ablation(tmp_path, "methods: [lora, bitfit]\n", BASE + "  report: demo_vqa/test[:4]\n")
    assert [found.state for found in look(wanted)] == ["new"] * 2
    outcomes = ablate(wanted, perform=here)
    assert [o.state for o in outcomes] == ["done"] * 2
    assert sorted(run.kind for run in list_runs()) == ["eval"] * 2 + ["train"] * 2
    again = ablate(wanted, perform=never)
    assert [o.run and o.run.id for o in again] == [o.run and o.run.id for o in outcomes]
    assert len(list_runs()) == 4

    found = compare(wanted, again)
    lora, bitfit = found.variants
    assert found.evaluated_on == "demo_vqa/test[:4]" and not found.chosen_by
    assert lora.figures["accuracy"].n == 1 and lora.differences == {}
    assert bitfit.differences["accuracy"].n == 1
    assert lora.one("trainable") > bitfit.one("trainable") > 0
    assert lora.one("saved_bytes") > bitfit.one("saved_bytes") > 0
    assert lora.one("peak_bytes") > 1e8
    write_report(found, tmp_path)
    assert json.loads((tmp_path / "comparison.json").read_text()) == json.loads(
        json.dumps(to_json(found))
    )
    trials = list(csv.DictReader((tmp_path / "trials.csv").open()))
    assert [row["variant"] for row in trials] == ["lora", "bitfit"]
    for name in ("metric.png", "curves.png"):
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert picture.width > 400


def test_a_trial_that_fails_is_recorded_and_the_others_are_compared(tmp_path: Path) -> None:
    def fail_the_second(file: Path, stop: Any, tell: Callable[..., None]) -> str:
        return "killed: | out of memory" if "bitfit" in file.name else here(file, stop, tell)

    wanted = ablation(tmp_path, "methods: [bitfit, lora]\n")
    outcomes = ablate(wanted, perform=fail_the_second)
    assert [(o.state, o.reason) for o in outcomes] == [
        ("failed", "killed: | out of memory"),
        ("done", ""),
    ]
    found = compare(wanted, outcomes)
    bitfit, lora = to_json(found)["compared"]
    assert (bitfit["failed"], bitfit["figures"], bitfit["peak_memory_bytes"]) == (1, {}, None)
    assert lora["difference_to_first"]["accuracy"]["value"] is None
    text = markdown(found)
    assert "out of memory" in text and "chose each run's checkpoint" in text
    write_report(found, tmp_path)


def test_a_cut_training_goes_on_and_one_of_other_data_is_not_taken(tmp_path: Path) -> None:
    base = BASE.replace("max_steps: 2", "max_steps: 4")
    wanted = ablation(tmp_path, "methods: [lora]\n", base)
    (trial,) = wanted.trials
    steps = iter([False, False, True])
    cut = train(trial.config, cancelled=lambda: next(steps, True))
    assert cut.state == "cancelled"
    found = find_training(trial.config)
    assert found is not None and found.id == cut.id
    (outcome,) = ablate(wanted, perform=here)
    assert outcome.run is not None and outcome.run.id == cut.id
    assert Run.open(cut.id).state == "done"
    other = ablation(tmp_path, "methods: [lora]\n", base.replace("[:8]", "[:9]")).trials[0]
    assert find_training(other.config) is None


def test_a_cancel_leaves_the_rest_for_the_next_time(tmp_path: Path) -> None:
    wanted = ablation(tmp_path, "methods: [lora, bitfit]\n")
    outcomes = ablate(wanted, cancelled=lambda: True, perform=here)
    assert [o.state for o in outcomes] == ["new", "new"]
    assert not list((ablation_folder(wanted) / "trials").glob("*.result"))


# -- figures -------------------------------------------------------------------------------------


def test_intervals_over_seeds_are_students_and_undefined_is_not_zero() -> None:
    three = over_seeds([1.0, 2.0, 3.0])
    # t(2) = 4.3027 and s = 1: half of it is 4.3027 / sqrt(3).
    assert three.value == 2.0 and three.n == 3
    assert three.low == pytest.approx(2 - 2.4841, abs=1e-3)
    assert three.high == pytest.approx(2 + 2.4841, abs=1e-3)
    assert (over_seeds([5.0]).low, over_seeds([5.0]).n) == (None, 1)
    assert over_seeds([]).value is None
    assert [size(n) for n in (None, 12, 791_000, 999_900, 1_070_000_000)] == [
        *("–", "12 B", "791 kB"),
        *("1 MB", "1.07 GB"),
    ]


def test_words_of_a_config_are_text_in_table_and_csv(tmp_path: Path) -> None:
    wanted = ablation(tmp_path, "variants: {'=1|<b>$x': {}}\n")
    found = compare(wanted, [Outcome(wanted.trials[0], "new")])
    assert "=1\\|&lt;b>$x" in markdown(found)
    write_report(found, tmp_path)
    assert "'=1|<b>$x" in (tmp_path / "trials.csv").read_text()
