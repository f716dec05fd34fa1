"""What a training sees: order, wording, batches, and the loss on the answer alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.tables import add_rows
from training.collate import Collator, join
from training.order import EpochOrder
from training.train_config import TrainConfig
from training.train_data import open_training
from training.trainer import answer_loss, positions_to_score
from workbench.errors import DataError, UsageError
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec


def opened(*train: str, **more):
    return open_training(TrainConfig(train=train, **more))


@pytest.fixture(scope="module")
def demo():
    torch.set_num_threads(1)
    return load_model(ModelSpec(device="cpu"))


def test_an_epoch_is_every_sample_once_in_an_order_of_its_own():
    data = opened("demo_vqa/train[:50]")
    first, second = data.order(0, 8), data.order(1, 8)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first == opened("demo_vqa/train[:50]").order(0, 8)
    assert first != opened("demo_vqa/train[:50]", seed=1).order(0, 8)


def test_samples_of_like_length_are_in_one_batch():
    data = opened("demo_vqa/train[:200]")
    size = [data.items[i].size[1] for i in data.order(0, 10)]
    batches = [size[i : i + 10] for i in range(0, 200, 10)]
    assert sum(max(b) - min(b) for b in batches) < 0.3 * 20 * (max(size) - min(size))


def test_the_sampler_follows_the_epoch():
    data = opened("demo_vqa/train[:20]")
    sampler = EpochOrder(len(data), lambda epoch: data.order(epoch, 4))
    zero = list(sampler)
    sampler.set_epoch(3)
    assert {epoch for epoch, _ in sampler} == {3}
    assert [i for _, i in zero] != [i for _, i in sampler]
    assert len(sampler) == 20


def test_the_wording_is_drawn_from_the_pool_anew_each_epoch():
    data = opened(
        "demo/train[:40]",
        templates=("statement/true-false", "statement/yes-no", "statement/explain"),
    )
    drawn = [Counter(data.variant(i, e)[0].name for i in range(40)) for e in range(2)]
    assert len(drawn[0]) == 3
    assert [data.variant(i, 0)[0].name for i in range(40)] != [
        data.variant(i, 1)[0].name for i in range(40)
    ]
    with pytest.raises(UsageError, match="question/short"):
        opened("demo/train[:4]", templates=("question/short",))


def test_several_tasks_are_trained_together_each_in_its_wording():
    data = opened("demo_vqa/train[:4]", "demo_captions/train[:4]", "demo_nli/train[:4]")
    texts = [data.conversation(i, 0)[0][-1].text for i in range(12)]
    assert sum("Answer in a word" in t for t in texts) == 4
    assert sum(t == "Describe the image." for t in texts) == 4
    assert sum(t.startswith("Hypothesis:") for t in texts) == 4


def test_an_endless_stream_and_an_empty_part_are_refused():
    with pytest.raises(UsageError, match="endless"):
        opened("demo/stream")
    with pytest.raises(DataError, match="nothing to train on"):
        opened("demo/train[:0]")


def test_a_batch_is_what_the_family_would_have_encoded(demo):
    data = opened("demo/train[:3]", "demo_vqa/train[:3]")
    pairs = [(0, i) for i in range(6)]
    got = Collator(demo, data)(pairs)
    asked = [data.conversation(i, 0) for _, i in pairs]
    batch = demo.family.encode(
        demo, [m for m, _ in asked], answers=[a for _, a in asked], end_of_turn=True
    )
    mask = batch.attention_mask.bool()
    assert torch.equal(got["attention_mask"], batch.attention_mask)
    assert torch.equal(got["input_ids"], batch.input_ids)
    assert torch.equal(got["labels"], batch.labels())
    assert torch.equal(got["pixel_values"], batch.inputs["pixel_values"])
    assert torch.equal(got["image_grid_thw"], batch.inputs["image_grid_thw"])
    assert torch.equal(got["position_ids"][:, mask], batch.inputs["position_ids"][:, mask])
    assert set(got) == {*batch.inputs, "labels"}


def test_labels_are_the_answer_and_its_end_of_turn_alone(demo):
    data = opened("demo/train[:2]")
    batch = Collator(demo, data)([(0, 0), (0, 1)])
    for row, index in enumerate((0, 1)):
        ids = batch["labels"][row][batch["labels"][row] != -100].tolist()
        _, answer = data.conversation(index, 0)
        assert demo.tokenizer.decode(ids[:-1]) == answer
        assert ids[-1] == demo.tokenizer.eos_token_id


def test_pictures_are_kept_once_and_a_full_cache_changes_nothing(demo, tmp_path):
    data = opened("demo_vqa/train[:12]")
    pairs = [(0, i) for i in range(12)]
    roomy, none = Collator(demo, data), Collator(demo, data, cache_mb=0)
    first = roomy(pairs)
    second, third = roomy(pairs), none(pairs)
    assert not none._examples
    assert len(roomy._examples) == 12
    for key, value in first.items():
        assert torch.equal(value, second[key])
        assert torch.equal(value, third[key])


def test_a_sample_that_cannot_be_encoded_is_left_out_and_recorded(demo, tmp_path: Path):
    for i in range(4):
        Image.new("RGB", (32, 32), (60 * i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    rows = [f"{i},is it red,{i}.png,{'yes' if i != 3 else ''}" for i in range(4)]
    data = opened(add_rows("some", tmp_path, rows, "question"))
    assert data.skipped == {"without a label": 1}
    collator = Collator(demo, data)
    batch = collator([(0, i) for i in range(3)])
    assert len(batch["input_ids"]) == 2
    assert list(collator.failed) == ["some/all/1"]
    # A batch of nothing usable keeps the count of steps and teaches nothing.
    blank = collator([(0, 1)])
    assert (blank["labels"] == -100).all()
    assert float(answer_loss(torch.randn(1, 2, 5), blank["labels"][:, -2:], None)) == 0.0


def test_the_loss_is_the_models_own_on_the_answer_tokens(demo):
    data = opened("demo/train[:3]", "demo_vqa/train[:2]")
    batch = Collator(demo, data)([(0, i) for i in range(5)])
    labels = batch.pop("labels")
    keep = positions_to_score(labels)
    assert keep < labels.shape[1]
    with torch.no_grad():
        whole = demo.base(**batch, labels=labels, use_cache=False)
        part = demo.base(**batch, logits_to_keep=keep, use_cache=False)
    assert float(answer_loss(part.logits, labels, None)) == pytest.approx(
        float(whole.loss), rel=1e-5
    )


def test_padding_changes_no_loss(demo):
    data = opened("demo_vqa/train[:6]")
    collator = Collator(demo, data)
    total = count = 0.0
    with torch.no_grad():
        for i in range(6):
            batch = collator([(0, i)])
            labels = batch.pop("labels")
            n = int((labels != -100).sum())
            total += n * float(answer_loss(demo.base(**batch).logits, labels, None))
            count += n
        batch = collator([(0, i) for i in range(6)])
        labels = batch.pop("labels")
        together = float(answer_loss(demo.base(**batch).logits, labels, None))
    assert together == pytest.approx(total / count, rel=1e-4)


def test_label_smoothing_is_torchs_over_the_answer_tokens():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 4, 7), torch.tensor([[-100, -100, 3, 1], [-100, 2, 5, 6]])
    own = answer_loss(logits, labels, None, smoothing=0.1)
    kept = labels[:, 1:] != -100
    reference = torch.nn.functional.cross_entropy(
        logits[:, :-1][kept], labels[:, 1:][kept], label_smoothing=0.1
    )
    assert float(own) == pytest.approx(float(reference), rel=1e-6)
    assert float(answer_loss(logits, labels, 10)) == pytest.approx(
        float(answer_loss(logits, labels, 5)) / 2
    )


def test_rows_are_padded_on_the_left(demo):
    data = opened("demo_vqa/train[:8]")
    examples = [e for e in Collator(demo, data).examples([(0, i) for i in range(8)]) if e]
    out = join(examples, lambda e: {}, pad_id=demo.pad_id)
    assert (out["attention_mask"][:, -1] == 1).all()
    for row, example in enumerate(examples):
        assert int(out["attention_mask"][row].sum()) == example.length
        assert (out["input_ids"][row, : -example.length] == demo.pad_id).all()


def test_a_sample_over_the_limit_is_left_out_whole_and_its_tokens_are_counted(demo):
    data = opened("demo_vqa/train[:6]")
    pairs = [(0, i) for i in range(6)]
    lengths = [e.length for e in Collator(demo, data).examples(pairs) if e]
    limit = sorted(lengths)[2]
    collator = Collator(demo, data, max_length=limit)
    batch = collator(pairs)
    kept = [n for n in lengths if n <= limit]
    assert batch["attention_mask"].sum(1).tolist() == kept
    too_long = [item.uid for item, n in zip(data.items, lengths, strict=True) if n > limit]
    assert list(collator.failed) == too_long
    assert all(f"'max_length' is {limit}" in why for why in collator.failed.values())


def test_first_samples_that_cannot_be_used_do_not_end_a_training(demo):
    data = opened("demo_vqa/train[:6]")
    pairs = [(0, i) for i in range(6)]
    lengths = [e.length for e in Collator(demo, data).examples(pairs) if e]
    longest = lengths.index(max(lengths))
    blank = Collator(demo, data, max_length=max(lengths) - 1)([(0, longest)])
    assert set(blank["labels"].flatten().tolist()) == {-100}
    with pytest.raises(DataError, match="none of 6 samples can be used: .*too long"):
        Collator(demo, data, max_length=3)(pairs)
