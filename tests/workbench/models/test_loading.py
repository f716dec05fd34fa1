"""What is loaded, and what is refused with a message that says what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from sessions.errors import WbError
from tests.workbench.models.make_families import vip_llava
from tests.workbench.models.tiny import ask, build_qwen2_vl, picture
from workbench.errors import ModelError, UnknownName, UsageError
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.base import load_model
from workbench.models.catalog import describe_anything, list_models
from workbench.models.spec import ModelSpec
from workbench.models.standing import model_standing


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def refuse(path: object, kind: type[Exception] = ModelError, **spec) -> WbError:
    with pytest.raises(kind) as caught:
        load_model(ModelSpec(str(path), device="cpu", **spec))
    assert isinstance(caught.value, WbError)
    return caught.value


def test_a_model_that_is_not_there_is_named_with_what_could_be_given(tmp_path):
    for name in ("/no/such/folder", "./nowhere", "no spaces allowed"):
        error = refuse(name, UnknownName)
        assert name in error.message and "demo" in error.hint


def test_a_hub_id_that_is_not_cached_says_so_offline():
    error = refuse("someone/some-model", UnknownName)
    assert "someone/some-model" in error.message and "folder" in error.hint
    assert error.message.endswith("and the hub cannot be reached")


def test_a_revision_of_a_model_on_this_machine_is_refused(tiny_folder):
    for name in ("demo", str(tiny_folder)):
        with pytest.raises(UsageError, match="has no revision 'v2'") as caught:
            load_model(ModelSpec(name, revision="v2"))
        assert caught.value.about == "--revision"
        assert model_standing(name, "v2").state == "cannot"


def test_a_folder_without_config_is_no_model(tmp_path):
    assert "config.json" in refuse(tmp_path).message


def test_an_adapter_given_as_a_model_is_told_apart(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "--adapter" in refuse(tmp_path).hint


def test_a_config_that_is_no_json_is_named(copy):
    (copy / "config.json").write_text("{ not json")
    assert "config.json" in refuse(copy).message


def test_a_folder_without_weights_names_the_missing_file(copy):
    (copy / "model.safetensors").unlink()
    assert "model.safetensors" in refuse(copy).message


def test_pickled_weights_are_refused_unopened_with_the_way_to_convert(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    error = refuse(copy)
    assert error.kind == "pickle"
    assert "pytorch_model.bin" in error.message and "save_pretrained" in error.hint


def test_a_missing_shard_is_named(copy):
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    index = {
        "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002.safetensors"}
    }
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002.safetensors" in refuse(copy).message


def test_an_index_that_points_out_of_its_folder_is_refused(copy):
    (copy / "model.safetensors").unlink()
    index = {"weight_map": {"a": "../../secret.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "outside" in refuse(copy).message


def test_a_truncated_weights_file_is_called_damaged(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:50_000])
    assert "damaged" in refuse(copy).message or "cannot be loaded" in refuse(copy).message


def test_weights_of_another_architecture_are_not_loaded_in_part(copy):
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    gone = sorted(tensors)[3]
    save_file(
        {k: v for k, v in tensors.items() if k != gone},
        copy / "model.safetensors",
        metadata={"format": "pt"},
    )
    error = refuse(copy)
    assert error.kind == "wrong_architecture"
    assert gone.split(".")[-2] in error.message


def test_a_text_model_is_refused_by_its_type(copy):
    config = json.loads((copy / "config.json").read_text())
    config["model_type"], config["architectures"] = "bert", ["BertModel"]
    (copy / "config.json").write_text(json.dumps(config))
    error = refuse(copy)
    assert error.kind == "wrong_architecture"
    assert "bert" in error.message and "BertModel" in error.message


def test_a_folder_without_its_image_processor_says_which_file_is_missing(copy):
    for name in ("processor_config.json", "preprocessor_config.json"):
        (copy / name).unlink(missing_ok=True)
    message = refuse(copy)
    assert "processor" in message.message + message.hint


def test_code_in_a_models_folder_is_never_run(copy, tmp_path):
    config = json.loads((copy / "config.json").read_text())
    marker = tmp_path / "ran"
    (copy / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    config["auto_map"] = {"AutoModelForImageTextToText": "evil.Evil", "AutoConfig": "evil.Evil"}
    config["model_type"] = "evil"
    (copy / "config.json").write_text(json.dumps(config))
    refuse(copy)
    assert not marker.exists()


def test_a_device_that_is_not_there_is_named(tiny_folder):
    with pytest.raises(ModelError, match="cuda:9"):
        load_model(ModelSpec(str(tiny_folder), device="cuda:9"))


def test_flash_attention_where_it_is_not_installed_says_why(tiny_folder):
    if find_spec("flash_attn") is None:
        error = refuse(tiny_folder, attention="flash_attention_2")
        assert "flash" in error.message.lower()


def test_auto_dtype_is_fp32_on_a_cpu(tiny, tiny_folder):
    assert tiny.dtype == "float32"
    assert load_model(ModelSpec(str(tiny_folder), device="cpu", dtype="bf16")).dtype == "bfloat16"


@pytest.mark.parametrize(("quantization", "most"), [("4bit", 0.6), ("8bit", 0.7)])
def test_quantised_weights_are_smaller_and_still_answer_much_alike(
    tiny, tiny_folder, quantization, most
):
    spec = ModelSpec(str(tiny_folder), device="cpu", quantization=quantization)
    loaded = load_model(spec.but(quantize_parts="all"))
    assert loaded.memory_bytes() < most * tiny.memory_bytes()
    conversation = ask("a red circle", picture())
    batch = loaded.family.encode(loaded, [conversation])
    with torch.no_grad():
        ours = torch.softmax(loaded.model(**batch.inputs).logits[0, -1].float(), -1)
        full = torch.softmax(tiny.model(**batch.inputs).logits[0, -1], -1)
    assert 0.5 * float((ours - full).abs().sum()) < 0.5
    (answer,) = generate(loaded, [conversation], Decoding(max_new_tokens=4))
    assert len(answer.tokens) == 4
    assert loaded.identity != tiny.identity


def test_identity_is_of_the_bytes_and_of_how_they_are_held(tiny, tiny_folder, copy):
    same = load_model(ModelSpec(str(copy), device="cpu"))
    assert same.identity == tiny.identity  # wherever they lie
    half = load_model(ModelSpec(str(copy), device="cpu", dtype="bf16"))
    assert half.identity != tiny.identity
    text = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").write_text(text.replace("assistant", "helper"))
    assert load_model(ModelSpec(str(copy), device="cpu")).identity != tiny.identity


def test_identity_does_not_read_large_files_twice(tiny_folder, monkeypatch):
    from workbench.models import identity

    first = identity.model_identity(tiny_folder, None, "none", "float32")
    monkeypatch.setattr(identity, "hash_file", lambda path, *_: pytest.fail(f"read {path} again"))
    assert identity.model_identity(tiny_folder, None, "none", "float32") == first


def test_a_kept_hash_counts_only_if_it_is_one_and_the_file_is_as_it_was(tmp_path):
    from sessions.paths import cache_dir
    from workbench.models.identity import model_identity

    def identity() -> str:
        return model_identity(folder, None, "none", "float32")

    folder = tmp_path / "model"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text("{}")
    first, kept = identity(), cache_dir() / "file-hashes.json"
    ((path, (size, time, digest)),) = json.loads(kept.read_text()).items()
    other = "f" * 64
    for wrong in (
        [size, time, other[:-1]],
        [size, time, 7],
        [size, time],
        [size + 1, time, other],
        [size, time - 1, other],
        [],
        other,
        None,
    ):
        kept.write_text(json.dumps({path: wrong}))
        assert identity() == first, wrong
        assert json.loads(kept.read_text()) == {path: [size, time, digest]}
    kept.write_text(json.dumps({path: [size, time, other]}))
    assert identity() != first  # what looks right is not read again


def test_progress_goes_from_find_to_ready(tiny_folder):
    seen = []
    load_model(ModelSpec(str(tiny_folder), device="cpu"), lambda s, share: seen.append((s, share)))
    assert seen[0] == ("find", 0.0) and seen[-1] == ("ready", 1.0)
    assert [share for _, share in seen] == sorted(share for _, share in seen)


def test_loading_prints_nothing(tiny_folder, capfd):
    load_model(ModelSpec(str(tiny_folder), device="cpu"))
    assert capfd.readouterr() == ("", "")


def test_a_family_of_no_file_of_ours_is_prompted_and_says_what_it_lacks(tmp_path):
    loaded = load_model(ModelSpec(str(vip_llava(tmp_path / "vip")), device="cpu"))
    assert loaded.family.name == "auto"
    assert "gradcam" in loaded.family.limits
    conversations = [
        ask("is it red?", picture(40, 40, 1)),
        ask("one two", picture(64, 32, 2), picture(32, 32, 3)),
        ask("a longer text " * 5, picture(32, 32, 4)),
    ]
    answers = ["true false yes"] * 3
    together = loaded.family.encode(loaded, conversations, answers=answers)
    logits = loaded.model(**together.inputs).logits
    for row, conversation in enumerate(conversations):
        one = loaded.family.encode(loaded, [conversation], answers=answers[:1])
        alone = loaded.model(**one.inputs).logits[0]
        start, stop = together.answer_spans[row]
        first, last = one.answer_spans[0]
        gap = (logits[row, start - 1 : stop] - alone[first - 1 : last]).abs().max()
        assert float(gap.detach()) < 1e-4 * float(alone.abs().max().detach())
    knobs = Decoding(max_new_tokens=8)
    batched = [a.text for a in generate(loaded, conversations, knobs)]
    assert batched == [generate(loaded, [c], knobs)[0].text for c in conversations]
    with pytest.raises(ModelError, match="grid"):
        loaded.family.image_tokens(together, 0)


def test_a_second_model_of_the_same_class_is_not_mixed_up_with_the_first(tiny, tmp_path):
    other = load_model(ModelSpec(str(build_qwen2_vl(tmp_path / "m", seed=7)), device="cpu"))
    assert other.identity != tiny.identity


def test_the_demo_is_listed_and_described_without_torch():
    code = (
        "import sys; from workbench.models.catalog import list_models, describe_anything; "
        "print(list_models()[0].name, describe_anything('demo')['family'], 'torch' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert out.stdout.split() == ["demo", "qwen2_vl", "False"]


def test_the_hub_cache_is_listed(tmp_path, monkeypatch, tiny_folder):
    snapshot = tmp_path / "hub" / "models--someone--tiny-vl" / "snapshots" / "abc"
    shutil.copytree(tiny_folder, snapshot)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert [info.name for info in list_models()] == ["demo", "someone/tiny-vl"]


def test_a_folder_is_described_with_its_size(tiny_folder):
    facts = describe_anything(str(tiny_folder))
    assert facts["context_length"] == 1024
    assert facts["bytes"] > 3_000_000
