"""Each method on each family: it learns, is saved, served, merged and swapped.

`python -m tests.training.method_matrix` runs this file and writes the table of docs/training.md.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from tests.training.method_cells import (
    METHODS,
    PEFT_DIFFERS,
    UNMERGED,
    Cell,
    logits,
    teach,
)
from tests.workbench.models.conftest import folder, name  # noqa: F401  (fixtures)
from tests.workbench.models.family_cases import prompts
from training.card import Card
from training.config_groups import VIRTUAL
from training.prepared import class_of
from workbench.errors import ModelError
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.adapters.merging import merge
from workbench.models.parts import part_of


@pytest.fixture(scope="module", params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def cell(
    name: str,  # noqa: F811
    folder: Path,  # noqa: F811
    method: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Cell:
    return teach(name, method, folder, tmp_path_factory.mktemp("trained") / "out")


def test_it_learns_what_it_is_shown_again(cell: Cell) -> None:
    assert cell.losses[-1] < 0.97 * cell.losses[0]


def test_activation_checkpointing_gives_the_same_gradients(cell: Cell) -> None:
    plain = cell.gradients()
    layers = [m for m in cell.loaded.base.modules() if isinstance(m, GradientCheckpointingLayer)]
    cell.loaded.base.activation_checkpointing_enable()
    for layer in layers:
        layer.training = True  # of these alone: nothing is dropped at random
    try:
        checkpointed = cell.gradients()
    finally:
        cell.loaded.base.activation_checkpointing_disable()
        cell.model.eval()
    assert plain and plain.keys() == checkpointed.keys()
    for key, grad in plain.items():
        torch.testing.assert_close(checkpointed[key], grad, rtol=1e-4, atol=1e-5)


def test_a_fresh_base_has_equal_logits(cell: Cell) -> None:
    found = logits(cell.fresh.model, cell.batch)
    exact = {"rtol": 0.0, "atol": 0.0} if cell.config.method == "adapter" else {}
    torch.testing.assert_close(found, cell.taught, **exact or {"rtol": 1e-4, "atol": 1e-4})
    if cell.method == "full":
        others = {n for n in cell.before if part_of(n) != "language"}
        kept = dict(cell.fresh.base.named_parameters())
        assert others and all(torch.equal(cell.before[n], kept[n]) for n in others)


def test_answers_of_a_batch_are_those_alone(cell: Cell) -> None:
    asked, knobs = prompts(cell.family)[:3], Decoding(max_new_tokens=3)
    together = generate(cell.fresh, asked, knobs)
    alone = [generate(cell.fresh, [prompt], knobs)[0] for prompt in asked]
    assert [a.text for a in together] == [a.text for a in alone]


def test_it_is_taken_off_exactly_and_put_on_again(cell: Cell) -> None:
    if cell.method == "full":
        return
    try:
        cell.fresh.set_adapter(None)
        now = dict(cell.fresh.base.named_parameters())
        assert now.keys() == cell.before.keys()
        assert all(torch.equal(cell.before[n], p) for n, p in now.items())
    finally:
        cell.fresh.set_adapter(str(cell.out))
    torch.testing.assert_close(
        logits(cell.fresh.model, cell.batch), cell.taught, rtol=1e-4, atol=1e-4
    )


def test_it_is_merged_or_says_why_not(cell: Cell) -> None:
    if cell.method == "full":
        return
    if cell.method in UNMERGED:
        with pytest.raises(ModelError, match=UNMERGED[cell.method]):
            merge(cell.fresh)
        return
    merged = merge(cell.fresh)
    try:
        found = logits(cell.fresh.model, cell.batch)
        # As `wb models merge` holds it: of the largest logit.
        assert (found - cell.taught).abs().max() < 1e-4 * cell.taught.abs().max()
    finally:
        merged.undo()


def test_the_cards_lines_load_it_without_the_bench(cell: Cell) -> None:
    card = Card(cell.config, class_of(cell.loaded.base, cell.config.method), 2).text(6, {})
    code = re.search(r"```python\n(.*?)```", card, re.S)
    assert code is not None and len(code[1].strip().splitlines()) <= 3
    lines = code[1].replace("THIS_FOLDER", str(cell.out))
    # What the card calls a folder's base by is its last name.
    lines = lines.replace(f'("{cell.folder.name}")', f"({str(cell.folder)!r})")
    names: dict = {}
    exec(lines, names)
    assert isinstance(names["model"], torch.nn.Module)
    if cell.method == "qlora":
        return  # over the base in full precision
    inputs = dict(cell.batch.inputs)
    if cell.family == "captioner" and cell.config.method not in VIRTUAL:
        inputs["decoder_input_ids"] = inputs.pop("input_ids")
        inputs["decoder_attention_mask"] = inputs.pop("attention_mask")
        inputs["decoder_position_ids"] = inputs.pop("position_ids")
    with torch.no_grad():
        found = names["model"].eval()(**inputs).logits
    torch.testing.assert_close(found, cell.taught, rtol=1e-4, atol=1e-4)


def test_plain_peft_reads_virtual_tokens_where_it_counts_as_the_training_did(cell: Cell) -> None:
    from peft import PeftModel

    if cell.method not in ("prefix", "prompt") or (cell.method, cell.family) in PEFT_DIFFERS:
        return
    one = cell.loaded.family.encode(cell.loaded, prompts(cell.family)[:1], answers=["yes"])
    inputs = {k: v for k, v in one.inputs.items() if k != "position_ids"}
    base = copy.deepcopy(cell.fresh.base)
    if cell.family == "captioner":
        with torch.no_grad():
            seen = base.encoder(inputs.pop("pixel_values")).last_hidden_state
        base, inputs = base.decoder, inputs | {"encoder_hidden_states": seen}
    with torch.no_grad():
        found = PeftModel.from_pretrained(base, str(cell.out)).eval()(**inputs).logits
    ours = logits(cell.fresh.model, one)
    torch.testing.assert_close(found[:, -ours.shape[1] :], ours, rtol=1e-5, atol=1e-5)


def test_the_language_model_alone_is_quantised_under_qlora(cell: Cell) -> None:
    if cell.method != "qlora":
        return
    named = cell.loaded.base.named_parameters()
    small = {part_of(n) for n, p in named if type(p).__name__ == "Params4bit"}
    assert small == {"language"}
