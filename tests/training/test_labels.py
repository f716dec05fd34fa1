"""What the loss is on, in each family: the answer and its end of turn, token by token."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.workbench.models.conftest import folder, name  # noqa: F401  (fixtures)
from tests.workbench.models.family_cases import ONE_TURN, raw_inputs
from training.collate import Collator
from training.show_batch import seen_rows
from training.train_config import TrainConfig
from training.train_data import open_training
from training.train_eval import look_at_dev, open_dev
from workbench.grounding.answered import answered_regions
from workbench.grounding.gold import gold_of
from workbench.models.base import LoadedModel
from workbench.models.batch import IGNORED
from workbench.models.skeleton import load_skeleton
from workbench.sample import Answer

PAIRS = [(0, i) for i in range(4)]


@pytest.fixture(scope="module", params=["demo_vqa", "demo_boxes"])
def config(request: pytest.FixtureRequest, name: str, folder: Path) -> TrainConfig:  # noqa: F811
    task = request.param
    if task == "demo_boxes" and name == "captioner":
        pytest.skip("a captioner is refused: test_train_boxes.py")
    return TrainConfig(
        train=(f"{task}/train[:4]",), eval=f"{task}/dev[:4]", model=str(folder), device="cpu"
    )


@pytest.fixture(scope="module")
def bare(config: TrainConfig) -> LoadedModel:
    torch.set_num_threads(1)
    return load_skeleton(config.spec)


@pytest.fixture(params=["train", "eval"])
def collator(request: pytest.FixtureRequest, config: TrainConfig, bare: LoadedModel) -> Collator:
    """That of the training, and that of the evaluation within it."""
    if request.param == "train":
        return Collator(bare, open_training(config))
    looked = look_at_dev(config)
    assert looked is not None
    return open_dev(config, bare, looked).collator


def prompt_ids(name: str, loaded: LoadedModel, conversation) -> list[int]:  # noqa: F811
    """What the processor alone makes of a prompt."""
    made = raw_inputs(name, loaded, conversation)
    return made["decoder_input_ids" if name == "captioner" else "input_ids"][0].tolist()


def test_labels_are_the_answer_and_its_end_of_turn_token_by_token(
    name: str,  # noqa: F811
    bare: LoadedModel,
    collator: Collator,
) -> None:
    batch, words = collator(PAIRS), bare.tokenizer
    image = getattr(bare.base.config, "image_token_id", None)
    for row, (epoch, index) in enumerate(PAIRS):
        messages, answer = collator._data.conversation(index, epoch)
        prompt = prompt_ids(name, bare, messages)
        space = " " if name == "two_stage" else ""
        said = words(space + answer, add_special_tokens=False)["input_ids"]
        wanted = [*said, words.eos_token_id]
        ids, labels = batch["input_ids"][row].tolist(), batch["labels"][row].tolist()
        real = batch["attention_mask"][row].bool()
        padding = len(ids) - len(prompt) - len(wanted)
        assert real.tolist() == [False] * padding + [True] * (len(prompt) + len(wanted))
        assert ids[padding:] == [*prompt, *wanted]
        assert labels == [IGNORED] * (padding + len(prompt)) + wanted
        assert image is None or image not in wanted
    if name != "captioner":
        assert (batch["input_ids"] == image).any()


def test_prompt_and_answer_are_what_the_template_makes_of_the_whole_chat(
    name: str,  # noqa: F811
    bare: LoadedModel,
    collator: Collator,
) -> None:
    if name in ONE_TURN:
        pytest.skip("it has no chat template")
    messages, answer = collator._data.conversation(0, 0)
    chat = [
        {
            "role": m.role,
            "content": [
                {"type": "text", "text": part}
                if isinstance(part, str)
                else {"type": "image", "image": part.load()}
                for part in m.parts
            ],
        }
        for m in messages
    ]
    chat.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    whole = bare.processor.apply_chat_template(chat, tokenize=True, return_dict=True)
    whole = torch.as_tensor(whole["input_ids"]).reshape(-1).tolist()
    batch = collator([(0, 0)])
    ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
    # A two-stage model's turn is closed by a line's end in a chat, by its own token in training.
    same = len(ids) - (name == "two_stage")
    assert whole[:same] == ids[:same]
    assert len(whole) - len(ids) <= 1
    learned = [label for label in labels if label != IGNORED]
    assert learned == ids[len(ids) - len(learned) :]


def test_the_batch_that_is_shown_is_the_collators(
    name: str,  # noqa: F811
    bare: LoadedModel,
    config: TrainConfig,
) -> None:
    data = open_training(config)
    batch = Collator(bare, data)(PAIRS)
    rows = list(seen_rows(bare, data, PAIRS, batch))
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    image = getattr(bare.base.config, "image_token_id", None)
    for i, row in enumerate(rows):
        assert [token.id for token in row.tokens] == batch["input_ids"][i].tolist()
        labels = batch["labels"][i]
        assert [token.id for token in row.learned] == labels[labels != IGNORED].tolist()
        counts = row.counts
        assert counts["padding"] == int((batch["attention_mask"][i] == 0).sum())
        assert counts["image"] == int((batch["input_ids"][i] == image).sum() if image else 0)
        assert counts["tokens"] == counts["image"] + counts["prompt"] + counts["answer"]
        (shown,) = row.images
        assert shown.tokens == counts["image"]
        assert shown.pictures
        assert min(shown.pictures[0].drawn().size) >= 100


def test_what_is_learned_of_boxes_is_read_back_where_they_are_by_the_frames_of_the_model(
    name: str,  # noqa: F811
    bare: LoadedModel,
    config: TrainConfig,
    collator: Collator,
) -> None:
    if not config.eval.startswith("demo_boxes"):
        pytest.skip("has no boxes")
    batch = collator(PAIRS)
    for row, (epoch, index) in enumerate(PAIRS):
        item = collator._data.items[index]
        sample = collator._data.sources[item.source].at(item.ordinal)
        messages, _ = collator._data.conversation(index, epoch)
        frames = bare.family.encode(bare, [messages]).frames[0]
        learned = [label for label in batch["labels"][row].tolist() if label != IGNORED]
        text = bare.tokenizer.decode(learned, skip_special_tokens=True)
        places = answered_regions(Answer(text, frames=frames), messages, gold_of(sample))
        assert places.judged is not None and places.judged.right, text
        # LLaVA's form has hundredths of 64 pixels, the grids and thousandths less.
        assert places.judged.iou > (0.9 if name.startswith("llava") else 0.97), text
