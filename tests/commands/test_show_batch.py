"""`wb train --show-batch`: what the model is shown, on the screen, as JSON, as a page."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from commands.main import cli
from sessions.errors import WbError
from sessions.runs import list_runs

EVIL = "<script>alert(1)</script> \x1b[31mred <|im_end|> <|image_pad|>"


def wb(*args: str):
    return CliRunner().invoke(cli, [*args])


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Three questions, one of them hostile and one too long."""
    from workbench.data.adding import add_dataset

    texts = [EVIL, "is it red", "is it red or is it blue " * 30]
    for i in range(3):
        Image.new("RGB", (96, 64), (250, 20 * i, 0)).save(tmp_path / f"{i}.png")
    rows = [
        {"id": str(i), "q": text, "image": f"{i}.png", "a": "yes"} for i, text in enumerate(texts)
    ]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    add_dataset(
        "odd",
        tmp_path / "all.jsonl",
        id="id",
        texts={"question": "q"},
        image=("image",),
        label="a",
        task="question",
    )
    file = tmp_path / "odd.yaml"
    file.write_text("train: odd/all\nbatch_size: 3\ndevice: cpu\nmax_length: 120\n")
    return str(file)


def test_it_says_which_tokens_are_learned_and_what_is_left_out(config):
    result = wb("train", config, "--show-batch")
    assert result.exit_code == 0, result.output
    assert "«yes<|im_end|>»" in result.stdout
    assert re.search(r"\[<\|image_pad\|> ×24\]", result.stdout)
    assert "image 1: 96x64 as 96x64 pixels, a grid of 6x4: 24 tokens" in result.stdout
    assert "left out odd/all/2: too long" in result.stdout
    assert "\x1b" not in result.stdout
    assert list_runs() == []


def test_json_has_ids_mask_counts_and_the_files_of_the_pictures(config, tmp_path):
    folder = tmp_path / "pictures"
    result = wb("train", config, "--show-batch", "9", "--pictures", str(folder), "--json")
    seen = json.loads(result.stdout)
    assert (len(seen["rows"]), list(seen["refused"]), seen["max_length"]) == (2, ["odd/all/2"], 120)
    assert seen["truncated"] == 0
    widths = set()
    for row in seen["rows"]:
        learned = [t for t, m in zip(row["texts"], row["label_mask"], strict=True) if m]
        assert "".join(learned) == "yes<|im_end|>"
        counts = row["counts"]
        assert counts["loss"] == len(learned) == sum(row["label_mask"])
        assert counts["image"] == row["kinds"].count("image") == row["images"][0]["tokens"] == 24
        widths.add(counts["tokens"] + counts["padding"])
        (picture,) = row["images"][0]["pictures"]
        assert (picture["size"], picture["grid"]) == ([96, 64], [4, 6])
        assert Image.open(picture["png"]).getpixel((40, 40))[0] > 200
    assert widths == {seen["width"]}
    assert sum(row["loss_share"] for row in seen["rows"]) == pytest.approx(1.0)


def test_the_page_is_one_file_without_script_or_escape(config, tmp_path):
    file = tmp_path / "batch.html"
    assert wb("train", config, "--show-batch", "--html", str(file)).exit_code == 0
    text = file.read_text("utf-8")
    assert "<script" not in text
    assert "\x1b" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:image/png;base64,)", text)
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", text)
    assert len(pictures) == 2
    assert Image.open(io.BytesIO(base64.b64decode(pictures[0]))).size == (288, 192)
    assert text.count("% of the loss") > 20


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--show-batch", "0"), "a number of samples from 1 on, got 0"),
        (("--html", "x.html"), "go with --show-batch"),
        (("--show-batch", "2", "--set", "max_length=5"), "none of 3 samples can be used"),
    ],
)
def test_what_cannot_be_shown_is_refused(config, args, words):
    result = wb("train", config, *args)
    said = result.output if not isinstance(result.exception, WbError) else str(result.exception)
    assert result.exit_code != 0
    assert words in said


@pytest.mark.slow
def test_a_training_says_what_it_left_out_on_stderr_and_in_record_card_and_runs_show(
    config,
):
    result = wb("train", config, "--set", "max_steps=1", "--set", "threads=1")
    assert result.exit_code == 0, result.output
    note = "train: 1 sample was left out (1 too long): odd/all/2"
    assert f"warning: {note}" in result.stderr
    (run,) = list_runs()
    found = run.metrics()
    assert (found["left_out"], found["notes"]) == ({"train": 1}, [note])
    assert list(found["failed_samples"]) == ["odd/all/2"]
    kept = json.loads((run.path / "left_out.json").read_text())
    assert list(kept["of"]["train"]) == ["odd/all/2"]
    card = (run.path / "adapter" / "README.md").read_text()
    assert "2 samples were trained on. 1 more were left out" in card
    assert note in wb("runs", "show", run.id).stdout
