"""The key of a run covers the pictures' bytes; samples can be drawn; a run of failures fails."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image

from sessions.runs import Run
from tests.tables import add_rows
from workbench.data.image_ids import ImageIds
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.prepare import prepare
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef

SHORT = Decoding(max_new_tokens=2)


def config(dataset: str = "pictures/all", **more) -> EvalConfig:
    values = {"batch_size": 4, "decoding": SHORT, "threads": 1, "dataset": dataset}
    return EvalConfig(**values | more, spec=ModelSpec(device="cpu"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """`pictures/all`: eight statements over four pictures, sorted by label; their folder."""
    for i in range(4):
        Image.new("RGB", (32, 32), (60 * i, 0, 0)).save(tmp_path / f"{i}.bmp")
    rows = [f"{i},there is a circle,{i // 2}.bmp,{'true' if i < 4 else 'false'}" for i in range(8)]
    add_rows("pictures", tmp_path, rows, labels=("true", "false"))
    return tmp_path


def repaint(file: Path) -> None:
    """Another picture of the same size in bytes."""
    size = file.stat().st_size
    Image.new("RGB", (32, 32), (1, 2, 3)).save(file)
    assert file.stat().st_size == size


def test_pictures_exchanged_behind_a_table_are_another_key_and_another_run(pictures):
    run = evaluate(config())
    assert evaluate(config(), resume="auto").id == run.id
    repaint(pictures / "2.bmp")
    other = evaluate(config(), resume="auto")
    assert other.id != run.id and other.key != run.key


def test_a_run_whose_pictures_changed_is_not_resumed_and_the_uids_are_named(pictures):
    run = evaluate(config())
    repaint(pictures / "2.bmp")
    with pytest.raises(UsageError) as info:
        evaluate(resumed_config(run), resume=run.id)
    assert info.value.kind == "data_changed"
    assert "pictures/all/4, pictures/all/5" in info.value.message
    assert "pictures/all/3" not in info.value.message


def test_a_picture_that_only_failed_samples_show_may_be_mended(pictures):
    (pictures / "1.bmp").unlink()
    run = evaluate(config())
    assert document(run)["counts"]["failed"] == 2
    Image.new("RGB", (32, 32)).save(pictures / "1.bmp")
    again = evaluate(resumed_config(run, retry_failed=True), resume=run.id)
    assert again.id == run.id and document(again)["counts"]["failed"] == 0
    assert evaluate(config(), resume="auto").id == run.id


def test_only_the_pictures_that_are_asked_about_count(pictures):
    before = prepare(config(limit=4)).key
    repaint(pictures / "3.bmp")
    assert prepare(config(limit=4)).key == before
    repaint(pictures / "0.bmp")
    assert prepare(config(limit=4)).key != before


def test_generated_pictures_are_known_by_their_revision():
    ready = prepare(config("demo/test", limit=3))
    assert ready.images_digest == "" and ready.key == ready.settings_key


def test_a_run_of_an_older_version_is_resumed_by_name_and_says_what_it_does_not_know(pictures):
    run = evaluate(config(), cancelled=lambda: True)
    run = evaluate(resumed_config(run), resume=run.id)
    # As an older version left it: no digests, and the settings' key alone.
    head = json.loads((run.path / "config.json").read_text())
    old = {"settings_key", "images_digest", "shot_images", "random"}
    head["key"] = head["config"]["settings_key"]
    head["config"] = {k: v for k, v in head["config"].items() if k not in old}
    (run.path / "config.json").write_text(json.dumps(head))
    lines = [{k: v for k, v in x.items() if k != "images"} for x in run.predictions()]
    run.predictions_path.write_text("".join(json.dumps(x) + "\n" for x in lines[:5]))
    again = evaluate(resumed_config(Run.open(run.id)), resume=run.id)
    assert len(again.predictions()) == 8
    assert again.key == prepare(config()).key
    assert any("5 answers do not say which pictures" in note for note in document(again)["notes"])
    assert evaluate(resumed_config(again), resume=run.id).id == run.id


def test_lines_name_their_pictures_and_intervals_are_over_them(pictures):
    run = evaluate(config())
    lines = {line["uid"]: line["images"] for line in run.predictions()}
    assert len({tuple(images) for images in lines.values()}) == 4
    assert lines["pictures/all/0"] == lines["pictures/all/1"]
    accuracy = document(run)["metrics"]["accuracy"]
    assert (accuracy["cluster"], accuracy["clusters"], accuracy["n"]) == ("image", 4, 8)


def test_a_changed_file_has_another_id_whatever_its_size_and_times(tmp_path):
    file = tmp_path / "a.bmp"
    Image.new("RGB", (8, 8), (9, 9, 9)).save(file)
    long_ago = time.time_ns() - 10**12
    os.utime(file, ns=(long_ago, long_ago))
    ids = ImageIds()
    first = ids.of_image(ImageRef(path=file))
    ids.save()
    repaint_bytes = bytearray(file.read_bytes())
    repaint_bytes[-1] ^= 255
    file.write_bytes(repaint_bytes)
    os.utime(file, ns=(long_ago, long_ago))
    for later in (ids, ImageIds()):
        assert later.of_image(ImageRef(path=file)) != first
    assert first == ImageIds().of_image(ImageRef(data=bytes(_flipped(repaint_bytes))))
    assert ids.of_image(ImageRef(path=tmp_path / "gone.png")) == ""


def _flipped(data: bytearray) -> bytearray:
    out = bytearray(data)
    out[-1] ^= 255
    return out


def test_a_settled_file_is_read_once_by_all_processes(tmp_path, monkeypatch):
    file = tmp_path / "a.bmp"
    Image.new("RGB", (8, 8)).save(file)
    monkeypatch.setattr("workbench.data.image_ids._SETTLED_S", -1.0)
    ids = ImageIds()
    first = ids.of_image(ImageRef(path=file))
    ids.save()
    reads = []
    monkeypatch.setattr(ImageRef, "sha256", lambda self: reads.append(self) or "0" * 64)
    assert ImageIds().of_image(ImageRef(path=file)) == first and reads == []


@pytest.mark.slow
def test_samples_are_drawn_by_seed_from_the_whole_split(pictures):
    def uids(**more) -> list[str]:
        return [line["uid"] for line in evaluate(config(limit=4, **more)).predictions()]

    assert sorted(uids()) == [f"pictures/all/{i}" for i in range(4)]
    drawn = uids(random=True, seed=3)
    assert sorted(drawn) == sorted(uids(random=True, seed=3)) != sorted(uids())
    keys = {
        prepare(config(limit=4, **m)).key
        for m in ({}, {"random": True}, {"random": True, "seed": 1})
    }
    assert len(keys) == 3
    run = evaluate(config(limit=4, random=True, seed=3))
    assert evaluate(resumed_config(run), resume=run.id).id == run.id
    with pytest.raises(UsageError, match="--random wants --limit"):
        config(random=True)


def test_a_part_of_sorted_data_says_that_it_holds_one_label_alone(pictures):
    (note,) = document(evaluate(config(limit=4)))["notes"]
    assert "the first 4 samples hold one label alone (true)" in note
    assert "--random --limit 4 --seed 0" in note
    assert document(evaluate(config()))["notes"] == []


def test_knobs_that_do_nothing_are_said_to(pictures):
    idle = Decoding(max_new_tokens=2, top_p=0.9, min_p=0.1)
    notes = document(evaluate(config(decoding=idle)))["notes"]
    knobs = ("--top-p 0.9", "--min-p 0.1")
    assert notes == [f"{knob} does nothing at temperature 0" for knob in knobs]
    assert Decoding(temperature=1, top_p=0.9).idle == {}


def test_a_run_in_which_all_failed_has_failed_and_names_the_commonest_error(pictures):
    for i in range(4):
        (pictures / f"{i}.bmp").unlink()
    run = evaluate(config())
    assert run.state == "failed"
    assert "all 8 samples failed" in run.reason and "0.bmp" in run.reason
    found = document(run)
    assert found["state"] == "failed" and found["counts"]["failed"] == 8
    for name in ("accuracy", "accuracy_answered", "macro_f1"):
        assert found["metrics"][name]["value"] is None, name
    assert found["metrics"]["accuracy"]["reason"] == "all samples failed"
    for i in range(4):
        Image.new("RGB", (32, 32), (60 * i, 0, 0)).save(pictures / f"{i}.bmp")
    assert evaluate(resumed_config(run, retry_failed=True), resume=run.id).state == "done"
