"""What a contrastive training leaves, as the encoder of a two-stage model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from sessions.runs import Run
from tests.workbench.models.make_two_stage import aligned, phi
from tests.workbench.models.tiny import ask, picture
from workbench.errors import ModelError, UnknownName
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.base import load_model
from workbench.models.locate import find_encoder
from workbench.models.spec import ModelSpec
from workbench.models.two_stage.aligned_model import load_aligned
from workbench.models.two_stage.build import Composition, compose


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("aligned")
    torch.set_num_threads(1)
    aligned(root / "run" / "encoder")
    phi(root / "phi")
    return root


def test_a_two_stage_model_has_the_whole_encoder_of_a_run_and_answers(folders: Path) -> None:
    recipe = Composition(str(folders / "run"), str(folders / "phi"))
    made = compose(recipe, folders / "composed")
    assert (made["image_fit"], made["image_size"], made["tokens_per_image"]) == ("pad", 32, 4)
    loaded = load_model(ModelSpec(str(folders / "composed"), device="cpu"))
    encoder, _ = load_aligned(folders / "run" / "encoder")
    wanted, found = encoder.image_encoder.state_dict(), loaded.base.image_encoder.state_dict()
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[key], found[key]) for key in wanted)
    assert float(found["logit_scale"]) == pytest.approx(math.log(20))
    assert loaded.base.config.shared_size == 24
    (answer,) = generate(loaded, [ask("what is it?", picture(50, 30))], Decoding(max_new_tokens=3))
    assert answer.new_tokens == 3


def test_an_encoder_is_found_by_its_runs_id(folders: Path) -> None:
    run = Run.create({"dataset": "d"}, "k", "train")
    run.close()
    with pytest.raises(ModelError, match=r"no config\.json|model_type"):
        find_encoder(run.id)
    (run.path / "encoder").symlink_to(folders / "run" / "encoder")
    assert find_encoder(run.id) == (folders / "run" / "encoder").resolve()
    with pytest.raises(UnknownName):
        find_encoder("./nothing-there")


def test_an_encoder_alone_is_no_model_to_prompt(folders: Path) -> None:
    with pytest.raises(ModelError, match="not a vision-language model"):
        load_model(ModelSpec(str(folders / "run" / "encoder"), device="cpu"))
