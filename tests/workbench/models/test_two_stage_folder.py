"""Composing a two-stage model: the folder, what is refused, what is seen of an image, the hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sessions.locks import HeldLock
from tests.hub_server import Hub
from tests.workbench.models.make_two_stage import SIDE, code_gen_tokenizer, phi, resnet
from tests.workbench.models.tiny import ask, picture
from workbench.errors import ModelError, UsageError
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models import new_folder
from workbench.models.base import load_model
from workbench.models.catalog import describe_anything
from workbench.models.spec import ModelSpec
from workbench.models.two_stage.build import Composition, compose
from workbench.models.two_stage.processor import IMAGE_FITS, fit_images, seen_part


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    resnet(folder / "resnet")
    phi(folder / "phi")
    return folder


@pytest.fixture(scope="module")
def made(sources: Path) -> Path:
    compose(recipe(sources), sources / "made")
    return sources / "made"


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def recipe(sources: Path, **more: Any) -> Composition:
    return Composition(
        **{"vision": str(sources / "resnet"), "language": str(sources / "phi"), **more}
    )


def refused(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_model(ModelSpec(str(path), device="cpu"))
    return caught.value


def not_composed(wanted: Composition, out: Path, kind: type[Exception] = ModelError) -> Any:
    """The refusal; nothing is left where the folder would be."""
    before = {*out.parent.iterdir()}
    with pytest.raises(kind) as caught:
        compose(wanted, out)
    assert {*out.parent.iterdir()} == before
    return caught.value


# What is written


def test_the_same_seed_gives_the_same_folder_and_another_one_another_projector(
    sources: Path, made: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    torch.manual_seed(99)  # of no account
    compose(recipe(sources), tmp_path / "again")
    first, again = (load_model(ModelSpec(str(p), device="cpu")) for p in (made, tmp_path / "again"))
    assert first.identity == again.identity
    compose(recipe(sources, seed=5), tmp_path / "other")
    ours, theirs = (load_file(p / "model.safetensors") for p in (made, tmp_path / "other"))
    changed = {key.split(".")[0] for key in ours if not torch.equal(ours[key], theirs[key])}
    assert changed == {"image_encoder", "image_projector"}
    assert not any("resnet" in k for k in ours if not torch.equal(ours[k], theirs[k]))


def test_what_joins_the_parts_begins_at_the_scale_of_words(made: Path) -> None:
    model = load_model(ModelSpec(str(made), device="cpu")).base
    words = float(model.get_input_embeddings().weight.std().detach())
    made_tokens = model.image_projector(torch.randn(8, 16, 64))
    assert float(made_tokens.std().detach()) == pytest.approx(words, rel=0.1)


def test_the_language_model_keeps_its_dtype_and_the_rest_is_whole(
    sources: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    facts = compose(recipe(sources, dtype="bf16"), tmp_path / "m")
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    kinds = {key.split(".")[0]: tensor.dtype for key, tensor in tensors.items()}
    assert kinds["language_model"] == torch.bfloat16 and kinds["image_projector"] == torch.float32
    assert json.loads((tmp_path / "m/config.json").read_text())["dtype"] == "bfloat16"
    loaded = load_model(ModelSpec(str(tmp_path / "m"), device="cpu", dtype="bf16"))
    assert facts["memory"]["bf16"] == pytest.approx(loaded.memory_bytes(), rel=0.02)
    assert {p.dtype for p in loaded.base.parameters()} == {torch.bfloat16}
    assert len(generate(loaded, [ask("one", picture())], Decoding(max_new_tokens=2))[0].tokens) == 2


def test_a_tokenizer_without_a_row_to_spare_gets_one(sources: Path, tmp_path: Path) -> None:
    phi(tmp_path / "full", vocab_size=len(code_gen_tokenizer()))
    compose(recipe(sources, language=str(tmp_path / "full")), tmp_path / "m")
    loaded = load_model(ModelSpec(str(tmp_path / "m"), device="cpu"))
    assert loaded.base.config.image_token_id == len(code_gen_tokenizer())
    assert loaded.base.get_output_embeddings().weight.shape[0] % 64 == 0
    loaded.model(**loaded.family.encode(loaded, [ask("one", picture())]).inputs)


def test_a_model_is_described_without_being_loaded(made: Path) -> None:
    facts = describe_anything(str(made))
    assert facts["family"] == "two_stage" and facts["model_type"] == "wb_two_stage"
    assert [facts[k] for k in ("context_length", "hidden_size", "layers")] == [512, 64, 2]


# What is refused


def test_a_part_of_another_kind_is_refused_by_its_flag(sources: Path, tmp_path: Path) -> None:
    swapped = recipe(sources, vision=str(sources / "phi"))
    error = not_composed(swapped, tmp_path / "m")
    assert error.kind == "wrong_architecture"
    assert "--vision" in error.message and "'phi'" in error.message and "resnet-50" in error.hint
    error = not_composed(recipe(sources, language=str(sources / "resnet")), tmp_path / "m")
    assert "--language" in error.message and "phi-2" in error.hint


def test_pickles_and_half_a_part_are_refused(sources: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    part = Path(shutil.copytree(sources / "resnet", tmp_path / "part"))
    tensors = load_file(part / "model.safetensors")
    gone = next(key for key in tensors if "stages.1" in key)
    rest = {key: value for key, value in tensors.items() if key != gone}
    save_file(rest, part / "model.safetensors", metadata={"format": "pt"})
    error = not_composed(recipe(sources, vision=str(part)), tmp_path / "m")
    assert error.kind == "wrong_architecture" and gone in error.message
    (part / "model.safetensors").rename(part / "pytorch_model.bin")
    assert not_composed(recipe(sources, vision=str(part)), tmp_path / "m").kind == "pickle"


def test_sizes_and_words_that_mean_nothing_are_refused(sources: Path, tmp_path: Path) -> None:
    error = not_composed(recipe(sources, image_size=70), tmp_path / "m", UsageError)
    assert "16" in error.message and error.hint == "take 64"
    for wrong in ({"image_fit": "squash"}, {"image_tokens": "none"}, {"pooled_tokens": 0}):
        with pytest.raises(UsageError, match="--"):
            recipe(sources, **wrong)
    not_composed(recipe(sources, dtype="int3"), tmp_path / "m", UsageError)


def test_no_memory_and_no_disk_are_told_before_anything_is_read(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_weights: None
) -> None:
    monkeypatch.setattr(new_folder, "free_bytes", lambda device: 1000)
    error = not_composed(recipe(sources), tmp_path / "m")
    assert error.kind == "out_of_memory" and "memory" in error.message
    monkeypatch.setattr(new_folder, "free_bytes", lambda device: None)
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    error = not_composed(recipe(sources), tmp_path / "m")
    assert error.kind == "no_space" and str(tmp_path) in error.message


def test_a_disk_that_fills_on_the_way_leaves_nothing(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.models.two_stage.processor import TwoStageProcessor

    def full(self: Any, folder: Path) -> None:
        assert any(Path(folder).glob("*.safetensors"))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TwoStageProcessor, "save_pretrained", full)
    assert not_composed(recipe(sources), tmp_path / "m").kind == "no_space"


def test_what_a_killed_composing_left_is_cleared_and_a_living_ones_is_not(
    sources: Path, tmp_path: Path
) -> None:
    dead, alive = (tmp_path / f".m.composing-{name}" for name in ("dead", "alive"))
    for left in (dead, alive):
        left.mkdir()
        (left / "model.safetensors").write_bytes(b"half")
        (left / ".lock").touch()
    lock = HeldLock(alive / ".lock")
    compose(recipe(sources), tmp_path / "m")
    assert {p.name for p in tmp_path.iterdir() if "m" in p.name} >= {"m", alive.name}
    assert not dead.exists() and not (tmp_path / "m" / ".lock").exists()
    lock.release()
    error = not_composed(recipe(sources), tmp_path / "m", UsageError)
    assert "is there already" in error.message


# What is not loaded


def test_a_missing_shard_is_named(made: Path, tmp_path: Path) -> None:
    loaded = load_model(ModelSpec(str(made), device="cpu"))
    copy = Path(shutil.copytree(made, tmp_path / "sharded"))
    (copy / "model.safetensors").unlink()
    loaded.base.save_pretrained(copy, max_shard_size="200KB")
    assert load_model(ModelSpec(str(copy), device="cpu")).base.config.image_size == SIDE
    gone = sorted(copy.glob("model-*.safetensors"))[1]
    gone.unlink()
    assert gone.name in refused(copy).message


def test_a_folder_without_its_projector_is_not_half_loaded(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    rest = {k: v for k, v in tensors.items() if k != "image_projector.contract.weight"}
    save_file(rest, copy / "model.safetensors", metadata={"format": "pt"})
    error = refused(copy)
    assert error.kind == "wrong_architecture" and "image_projector.contract" in error.message


def test_a_processor_that_writes_other_tokens_than_the_model_reads_is_refused(copy: Path) -> None:
    file = copy / "processor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"image_seq_length": 9}))
    error = refused(copy)
    assert "9 tokens" in error.message and "16" in error.message


def test_image_tokens_of_no_known_kind_are_refused(copy: Path) -> None:
    file = copy / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"image_tokens": "cubes"}))
    assert "cubes" in refused(copy).message


# What is seen of an image


@pytest.mark.parametrize("size", [(150, 100), (100, 150), (80, 80), (300, 60)])
@pytest.mark.parametrize("fit", [*IMAGE_FITS, "crop-large"])
def test_the_part_that_is_said_to_be_seen_is_what_lies_in_the_square(
    fit: str, size: tuple[int, int]
) -> None:
    """A ramp of brightness across the image and one down it, read off at the square's edges."""
    from transformers import ConvNextImageProcessor

    side = 384 if fit == "crop-large" else 64
    own = ConvNextImageProcessor(size={"shortest_edge": side})
    processor, found = fit_images(own, fit.split("-")[0])
    assert found == side
    box = seen_part(processor, size) or (0, 0, *size)
    for axis in (0, 1):
        ramp = np.linspace(0, 1, size[axis])
        pixels = np.broadcast_to(ramp if axis == 0 else ramp[:, None], size[::-1])
        image = Image.fromarray((pixels * 255).astype(np.uint8)).convert("RGB")
        seen = processor(image, return_tensors="np")["pixel_values"][0]
        seen = seen * np.array(processor.image_std)[:, None, None]
        seen = seen.mean(0) + np.mean(processor.image_mean)
        line = seen[side // 2] if axis == 0 else seen[:, side // 2]
        for cell in (side // 10, side // 2, side - side // 10):
            at = box[axis] + (cell + 0.5) / side * (box[axis + 2] - box[axis])
            if 0 < at < size[axis]:
                wanted = (at - 0.5) / (size[axis] - 1)
                assert line[cell] == pytest.approx(wanted, abs=1 / side + 0.006)


def test_all_of_an_image_is_seen_unless_it_is_cropped() -> None:
    from transformers import ConvNextImageProcessor

    own = ConvNextImageProcessor(size={"shortest_edge": 224})
    fits = {fit: fit_images(own, fit)[0] for fit in IMAGE_FITS}
    assert seen_part(fits["stretch"], (400, 100)) is None
    assert seen_part(fits["pad"], (400, 100)) == (0, -150, 400, 250)
    # An eighth less on each side, and of an oblong image a square of that.
    assert seen_part(fits["crop"], (256, 256)) == (16, 16, 240, 240)
    assert seen_part(fits["crop"], (400, 100)) == (156.25, 6.25, 243.75, 93.75)
    looks = [fits["crop"].image_mean, fits["crop"].image_std, fits["crop"].resample]
    for other in (fits["stretch"], fits["pad"]):
        assert [other.image_mean, other.image_std, other.resample] == looks


# The hub


@pytest.mark.slow
def test_parts_come_from_a_hub_and_the_whole_goes_to_one(
    hub: Hub, sources: Path, made: Path, tmp_path: Path
) -> None:
    """Both are fetched and found by their ids; the model is then served as any other."""
    from tests.workbench.models.test_hub_models import find

    for part in ("resnet", "phi"):
        hub.commit(f"someone/{part}", sources / part, kind="models")
    vision, language = (one["path"] for one in find("someone/resnet", "someone/phi"))
    compose(recipe(sources, vision=vision, language=language), tmp_path / "model")
    hub.commit("someone/two-stage", tmp_path / "model", kind="models")
    (found,) = find("someone/two-stage")
    ours, theirs = (
        load_model(ModelSpec(str(path), device="cpu")) for path in (made, found["path"])
    )
    assert theirs.family.name == "two-stage" and theirs.identity == ours.identity
    (answer,) = generate(theirs, [ask("one", picture())], Decoding(max_new_tokens=3))
    assert len(answer.tokens) == 3
