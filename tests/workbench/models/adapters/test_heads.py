"""A classification head beside an adapter: loaded with it, swapped with it, merged, refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.workbench.explain.library import as_shown, patch_map
from tests.workbench.models.tiny import ask, build_head, build_lora, picture
from workbench.errors import ModelError, UnknownName, UsageError
from workbench.explain.explain import explain, explain_tokens
from workbench.explain.request import explain_request
from workbench.explain.result import Explanation
from workbench.explain.settings import ExplainSettings
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.adapters.merging import merge, merge_to_folder
from workbench.models.base import LoadedModel, load_model
from workbench.models.catalog import describe_adapter
from workbench.models.head import Head, class_logits, classify, pool, wanted_head
from workbench.models.head_config import HeadConfig
from workbench.models.locate import find_adapter
from workbench.models.spec import ModelSpec
from workbench.serving.protocol import answer_json, read_answer

PROMPT = ask("is there a circle", picture(64, 64, 3))


@pytest.fixture(scope="module")
def folders(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("heads")
    made = {
        "first": build_lora(loaded, root / "first", seed=1),
        "second": build_lora(loaded, root / "second", seed=2),
        "bare": build_lora(loaded, root / "bare", seed=1),
        "alone": root / "alone",
    }
    made["alone"].mkdir()
    build_head(loaded, made["first"], labels=("true", "false"), seed=1, hidden=16)
    build_head(loaded, made["second"], seed=2, pooling="mean")
    build_head(loaded, made["alone"], labels=("true", "false"), seed=3, base="tiny")
    return made


def logits(model: LoadedModel) -> torch.Tensor:
    return class_logits(model, model.family.encode(model, [PROMPT]).inputs).detach()


@pytest.mark.parametrize("how", ["last", "mean", "first"])
def test_pooling_reads_the_tokens_of_the_mask_alone(how: str) -> None:
    states = torch.arange(24.0).reshape(2, 4, 3)
    mask = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1]])
    wanted = {"last": (states[0, 2], states[1, 3]), "first": (states[0, 1], states[1, 0])}
    wanted["mean"] = (states[0, 1:3].mean(0), states[1].mean(0))
    assert torch.equal(pool(states, mask, how), torch.stack(wanted[how]))


def test_a_head_reads_no_vectors_that_stand_before_a_prompt() -> None:
    head = Head(HeadConfig(("a", "b"), 3, pooling="mean"))
    states, mask = torch.randn(2, 5, 3), torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    wider = torch.cat([torch.randn(2, 4, 3), states], 1)
    assert torch.equal(head(wider, mask), head(states, mask))


def test_a_swap_of_adapters_takes_each_head_with_its_own(model: LoadedModel, folders) -> None:
    seen = []
    for name in ("first", "second", "bare", "first", "alone"):
        model.set_adapter(str(folders[name]))
        seen.append(None if model.head is None else (model.head.labels, logits(model)))
    first, second, bare, again, alone = seen
    assert bare is None and first[0] == ("true", "false") != second[0]
    assert torch.equal(first[1], again[1]) and not torch.equal(first[1], alone[1])
    status = {Path(entry["path"]).name: entry["head"] for entry in model.adapters.to_json()}
    assert status["bare"] == [] and status["second"] == ["true", "false", "maybe"]
    model.set_adapter(None)
    assert model.head is None
    with pytest.raises(ModelError, match="has no classification head"):
        classify(model, [PROMPT])


def test_a_head_alone_is_an_adapter_that_changes_no_answer(model: LoadedModel, folders) -> None:
    bare = generate(model, [PROMPT], Decoding(max_new_tokens=4))[0]
    model.set_adapter(str(folders["alone"]))
    answer = generate(model, [PROMPT], Decoding(max_new_tokens=4))[0]
    assert answer.text == bare.text and bare.head is None
    assert answer.head == pytest.approx(classify(model, [PROMPT])[0], abs=1e-6)
    assert answer.head is not None and sum(answer.head.values()) == pytest.approx(1)
    assert read_answer(answer_json(answer), answer.tokens) == answer
    info = describe_adapter(str(folders["alone"]))
    assert (info.peft_type, info.base, info.head) == ("HEAD", "tiny", ("true", "false"))
    with pytest.raises(ModelError, match="changes no weight"):
        merge(model)


@pytest.mark.parametrize("name", ["first", "alone"])
def test_a_merged_model_has_the_head_and_its_classes(
    model: LoadedModel, folders, name: str, tmp_path: Path
) -> None:
    model.set_adapter(str(folders[name]))
    under = logits(model)
    note = merge_to_folder(model.spec.model, str(folders[name]), tmp_path / "out")
    assert note["head"] == ["true", "false"]
    merged = load_model(ModelSpec(str(tmp_path / "out"), device="cpu"))
    torch.testing.assert_close(logits(merged), under, rtol=1e-4, atol=1e-5)
    merged.set_adapter(str(folders["bare"]))
    assert merged.head is None  # it was not trained over this adapter


def test_a_merge_of_an_adapter_without_a_head_leaves_the_models_old_head_behind(
    model: LoadedModel, folders, tmp_path: Path
) -> None:
    merge_to_folder(model.spec.model, str(folders["alone"]), tmp_path / "with")
    merge_to_folder(str(tmp_path / "with"), str(folders["bare"]), tmp_path / "without")
    assert not list((tmp_path / "without").glob("head.*"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 2}, "version 2"),
        ({"width": 64}, "of width 64"),
        ({"labels": ["true"]}, "two different labels"),
        ({"labels": ["a", "b", "c"]}, "out.weight"),
        ({"hidden": 8}, "dense.weight"),
        ({"pooling": "max"}, "none of last, mean, first"),
    ],
)
def test_a_head_that_does_not_fit_is_refused_and_the_adapter_before_stays(
    model: LoadedModel, folders, change: dict, words: str, tmp_path: Path
) -> None:
    model.set_adapter(str(folders["first"]))
    build_head(model, tmp_path, labels=("true", "false"))
    file = tmp_path / "head.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelError, match=words):
        model.set_adapter(str(tmp_path))
    assert model.head is not None and model.head.config.hidden == 16


def test_a_head_without_weights_or_with_nan_is_refused(model: LoadedModel, tmp_path: Path) -> None:
    from workbench.models.head import write_head

    head = build_head(model, tmp_path)
    with torch.no_grad():
        head.out.bias[0] = torch.nan
    write_head(head, tmp_path)
    with pytest.raises(ModelError, match="NaN or infinity"):
        model.set_adapter(str(tmp_path))
    (tmp_path / "head.safetensors").unlink()
    with pytest.raises(ModelError, match=r"head.safetensors is missing"):
        find_adapter(str(tmp_path))


@pytest.mark.parametrize("name", ["GradCAM", "HiResCAM", "LayerCAM"])
def test_a_map_of_a_class_equals_pytorch_grad_cam(model: LoadedModel, folders, name: str) -> None:
    model.set_adapter(str(folders["first"]))
    settings = ExplainSettings(
        method=name.lower(), layer="patch.embed", target="logit", head="false"
    )
    ours = explain(model, PROMPT, "", settings=settings)
    inputs = model.family.encode(model, [PROMPT]).inputs
    weights = wanted_head(model).state_dict()

    def outputs() -> torch.Tensor:
        """Model and head, written out apart from the code under test."""
        out = model.model(**inputs, use_cache=False, output_hidden_states=True)
        state = out.hidden_states[-1][:, -1]
        middle = torch.tanh(state @ weights["dense.weight"].T + weights["dense.bias"])
        return middle @ weights["out.weight"].T + weights["out.bias"]

    theirs = patch_map(model, name, outputs, 1)
    assert theirs.max() == pytest.approx(1)
    assert np.allclose(as_shown(ours.images[0].grid, (64, 64)), theirs, atol=1e-3)
    assert ours.score == pytest.approx(float(logits(model)[0, 1]), abs=1e-4)
    assert (ours.head, ours.token_text, ours.target) == (True, "false", "logit")


def test_a_class_is_explained_by_request_by_margin_and_by_occlusion(
    model: LoadedModel, folders
) -> None:
    model.set_adapter(str(folders["second"]))
    found = explain_request(model, {"messages": PROMPT, "head": "maybe"})
    assert (found["head"], found["target"], found["token_text"]) == ("maybe", "logit", "maybe")
    assert Explanation.from_json(found).head
    values = logits(model)[0]
    margin = ExplainSettings(head="true", target="margin", contrast="maybe")
    made = explain_tokens(model, PROMPT, "", settings=margin)[0]
    assert made.score == pytest.approx(float(values[0] - values[2]), abs=1e-4)
    assert made.contrast == "maybe"
    settings = ExplainSettings(
        head="true", target="logit", method="occlusion", window=32, stride=32
    )
    assert explain(model, PROMPT, "", settings=settings).score == pytest.approx(
        float(values[0]), abs=1e-4
    )
    with pytest.raises(UnknownName, match="no class 'perhaps'"):
        explain(model, PROMPT, "", settings=ExplainSettings(head="perhaps"))
    with pytest.raises(UsageError, match="is the class that is explained"):
        explain(model, PROMPT, "", settings=ExplainSettings(head="true", contrast="true"))
