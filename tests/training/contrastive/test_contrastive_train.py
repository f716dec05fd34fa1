"""A contrastive training: it learns, ends as an encoder, and goes on from a kill as if none was."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from sessions.runs import Run, list_runs
from tests import warm
from tests.training.contrastive.tiny_pairs import captioned, tiny
from tests.training.test_train_changed import nudge
from tests.workbench.models.make_two_stage import phi
from training.contrastive.config import ContrastiveConfig
from training.tasks import load_config, read_config
from training.train import dry_run, resumed_config, train
from workbench.errors import ModelError, UsageError
from workbench.models.two_stage.aligned_model import load_aligned


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return phi(tmp_path_factory.mktemp("words") / "phi")


@pytest.fixture
def data(tmp_path: Path) -> str:
    return captioned(tmp_path / "pictures")


def history(run: Run) -> list[dict[str, Any]]:
    return [json.loads(x) for x in (run.path / "history.jsonl").read_text().splitlines()]


def losses(run: Run) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in history(run) if "loss" in line}


def test_a_training_learns_and_leaves_an_encoder_with_its_figures(words: Path, data: str) -> None:
    run = train(tiny(words, data, epochs=6.0, gradient_accumulation=2, batch_size=4))
    assert (run.state, run.kind, run.progress()) == ("done", "train", (18, 18))
    curve = losses(run)
    assert sorted(curve) == list(range(1, 19))
    assert curve[18] < 0.7 * curve[1]
    found = run.metrics()
    assert found["metrics"]["recall_1"]["value"] > 2 * found["metrics"]["chance_recall_1"]["value"]
    assert found["metrics"]["zero_shot_accuracy"]["n"] == 24
    assert found["counts"]["failed"] == 0
    evaluated = [line for line in history(run) if "eval_loss" in line]
    assert len(evaluated) == 6
    assert {"eval_recall_1", "eval_image_to_text_recall_5", "eval_zero_shot_accuracy"} <= set(
        evaluated[0]
    )
    assert history(run)[0]["temperature"] == pytest.approx(10, rel=0.1)
    line = json.loads((run.path / "eval" / "00000018.jsonl").read_text().splitlines()[0])
    assert line["uid"].startswith("cifar10/train/") and line["target"] in ("cat", "dog", "ship")
    card = (run.path / "encoder" / "README.md").read_text()
    assert "24 images with 57 captions" in card and str(words.parent) not in card
    model, processor = load_aligned(run.path / "encoder")
    assert model.config.loss == "sigmoid" and dict(processor.size) == {"height": 32, "width": 32}
    assert list((run.path / "tensorboard").glob("events.*"))


def test_text_features_are_made_once_and_found_again(
    words: Path, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.contrastive import texts

    first = train(tiny(words, data, max_steps=2, eval=""))
    monkeypatch.setattr(texts, "_Language", None)  # whoever loads the encoder again fails
    second = train(tiny(words, data, max_steps=2, eval="", name="again"))
    assert losses(first) == losses(second)
    with pytest.raises(TypeError):
        train(tiny(words, data, max_steps=2, eval="", text_tokens=3))


# A process whose children are killed one after the other.
_KILLED = """
import json, os, signal, sys
from sessions.runs import Run, list_runs
from training.contrastive.config import ContrastiveConfig
from training.contrastive.trainer import ContrastiveTrainer
from training.train import resumed_config, train

step = ContrastiveTrainer.training_step
resume = ""
for at in (3, 5, 8):
    if (child := os.fork()) == 0:
        def dying(self, *args, **kwargs):
            if self.state.global_step == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(self, *args, **kwargs)

        ContrastiveTrainer.training_step = dying
        config = ContrastiveConfig(**json.loads(sys.argv[1]))
        train(resumed_config(Run.open(resume)) if resume else config, resume=resume)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    (resume,) = (run.id for run in list_runs() if run.id != sys.argv[2])
print(resume)
"""


def test_three_kills_leave_the_curve_of_a_training_that_was_let_be(words: Path, data: str) -> None:
    """Each loss bit for bit, and the weights; steps that were lost are taken again."""
    settings = tiny(words, data, epochs=3.0, save_every=2, gradient_accumulation=2, batch_size=4)
    whole = train(settings)
    argv = [sys.executable, "-c", _KILLED, json.dumps(settings.to_json()), whole.id]
    done = warm.run(argv, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    resume = done.stdout.split()[-1]
    assert Run.open(resume).interrupted
    killed = train(resumed_config(Run.open(resume)), resume=resume)
    assert killed.state == "done"
    assert losses(killed) == losses(whole)
    evaluated = [[line for line in history(run) if "eval_loss" in line] for run in (whole, killed)]
    assert evaluated[0] == evaluated[1]
    first, second = (load_aligned(run.path / "encoder")[0].state_dict() for run in (whole, killed))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_resume_names_the_text_encoder_that_is_another_one_now(
    words: Path, data: str, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(words, tmp_path / "own"))
    run = train(tiny(own, data, max_steps=1, batch_size=4))
    nudge(own / "model.safetensors")
    with pytest.raises(UsageError, match=f"changed since it began: text_encoder {own}\n"):
        train(resumed_config(run), resume=run.id)


def test_an_image_that_cannot_be_decoded_is_recorded_and_the_run_goes_on(
    words: Path, data: str, tmp_path: Path
) -> None:
    (tmp_path / "pictures" / "train" / "dog" / "4.png").write_bytes(b"no picture")
    run = train(tiny(words, data, max_steps=3, augment="none"))
    found = run.metrics()
    assert run.state == "done"
    assert [*found["failed_samples"]] == ["cifar10/train/dog%2F4.png"] or len(
        found["failed_samples"]
    ) == 1
    assert found["counts"]["failed"] == 1


def test_the_softmax_loss_and_bf16_train_too(words: Path, data: str) -> None:
    run = train(
        tiny(
            words,
            data,
            loss="softmax",
            temperature=14.3,
            precision="bf16",
            text_quantization="4bit",
            epochs=4.0,
            eval="",
        )
    )
    curve = losses(run)
    assert curve[12] < 0.9 * curve[1]
    model, _ = load_aligned(run.path / "encoder")
    assert model.config.loss == "softmax"


def test_a_dry_run_tells_the_negatives_and_writes_nothing(words: Path, data: str) -> None:
    facts = dry_run(tiny(words, data, gradient_accumulation=2))
    assert (facts["samples"], facts["texts"], facts["steps_per_epoch"]) == (24, 57, 1)
    assert facts["negatives"] == "15 texts for each image"
    assert [row["part"] for row in facts["parts"]] == ["projector", "vision"]
    assert list_runs() == []


def test_what_cannot_be_meant_is_told_at_once(words: Path, data: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_config(
            {
                "task": "contrastive",
                "train": "a/b",
                "image_size": 50,
                "class_prompts": ["a thing"],
                "temprature": 3,
                "text_dtype": "fp8",
            }
        )
    for words_ in ("multiple of 32", "{label}", "did you mean 'temperature'", "'text_dtype' wants"):
        assert words_ in caught.value.message
    with pytest.raises(UsageError, match="'task' wants one of answers, contrastive"):
        read_config({"task": "contrast", "train": "a/b"})
    with pytest.raises(UsageError, match="a step wants 32 images"):
        train(tiny(words, data, batch_size=32))
    with pytest.raises(ModelError, match="it wants a Phi"):
        train(tiny(words, data, text_encoder="demo"))


def test_the_published_configs_are_read() -> None:
    config = load_config("cifar10_siglip")
    assert isinstance(config, ContrastiveConfig)
    assert (config.encoder, config.shared_size, config.loss) == ("resnet50", 512, "sigmoid")
