"""A run is resumed from what it began with, or refused by the name of what is another one now."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from sessions.runs import Run
from tests.training.test_train import config
from training.train import resumed_config, train
from workbench.data.adding import add_dataset
from workbench.errors import UsageError
from workbench.models.locate import find_model


def refused(run: Run) -> str:
    with pytest.raises(UsageError, match=f"run {run.id} cannot be resumed: changed") as info:
        train(resumed_config(run), resume=run.id)
    return info.value.message.partition("began: ")[2]


def write_table(folder: Path, name: str, rows: int) -> str:
    (folder := folder / name).mkdir(exist_ok=True)
    Image.new("RGB", (32, 32), "red").save(folder / "red.png")
    lines = "".join(f"{i},is {i} odd?,red.png,yes\n" for i in range(rows))
    (folder / "all.csv").write_text("id,question,image,answer\n" + lines)
    texts = {"question": "question"}
    given = {"texts": texts, "image": ("image",), "label": "answer", "task": "question"}
    add_dataset(name, folder / "all.csv", id="id", replace=True, **given)
    return f"{name}/all"


def nudge(file: Path) -> Callable[[], object]:
    """Change one weight of a file; returns what brings the file back."""
    before, tensors = file.read_bytes(), load_file(file)
    first = next(iter(tensors.values()))
    first.view(-1)[0] += 1
    save_file(tensors, file, metadata={"format": "pt"})
    return lambda: file.write_bytes(before)


def test_a_resume_names_what_has_changed_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    base = Path(shutil.copytree(find_model("demo"), tmp_path / "base"))
    facts = {
        "train": (write_table(tmp_path, "own", 4),),
        "eval": write_table(tmp_path, "held", 2),
        "model": str(base),
        "batch_size": 4,
        "eval_new_tokens": 1,
        "max_steps": 1,
    }
    first = train(config(**facts))
    adapter = Path(shutil.copytree(first.path / "adapter", tmp_path / "adapter"))
    run = train(config(**facts, adapter=str(adapter)))

    undo = nudge(base / "model.safetensors")
    assert refused(run) == f"model {base}"
    undo()
    undo = nudge(adapter / "adapter_model.safetensors")
    assert refused(run) == f"adapter {adapter}"
    write_table(tmp_path, "own", 5)
    write_table(tmp_path, "held", 3)
    assert refused(run) == f"adapter {adapter}, train own/all, eval held/all"
    undo()
    write_table(tmp_path, "own", 4)
    write_table(tmp_path, "held", 2)
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "own/red.png")
    assert refused(run) == "the pictures of train own/all"
    write_table(tmp_path, "own", 4)
    assert train(resumed_config(run), resume=run.id).state == "done"


def test_a_resume_under_another_config_names_its_keys() -> None:
    run = train(config(eval="", max_steps=1))
    other = config(eval="", max_steps=2, learning_rate=1e-3, threads=2)
    with pytest.raises(UsageError, match="'learning_rate' of its config, 'max_steps' of its con"):
        train(other, resume=run.id)
