"""Models from a hub: fetched once, taken up where a fetch broke, and refused in plain words.

The names are looked up in a process of their own, since `huggingface_hub` reads its environment
when it is imported.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_server import Hub
from tests.workbench.models.tiny import ask, picture
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.base import LoadedModel, load_model
from workbench.models.locate import _explain_hub
from workbench.models.spec import ModelSpec

_FIND = """
import json, sys
from sessions.errors import WbError
from workbench.models.locate import find_model
for name in sys.argv[1:]:
    try:
        found = {"path": str(find_model(*name.split("@")))}
    except WbError as error:
        found = {"kind": error.kind, "message": error.message, "hint": str(error.hint)}
    print(json.dumps(found))
print(json.dumps("torch" in sys.modules))
"""


def find(*names: str, **env: str) -> list[dict]:
    """What becomes of each name (`owner/name` or `owner/name@revision`)."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _FIND, *names],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HF_HUB_DISABLE_XET": "1", **env},
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    *found, torch = [json.loads(line) for line in done.stdout.splitlines()]
    assert torch is False  # finding needs none
    return found


@pytest.mark.slow
def test_a_model_is_fetched_whole_and_then_needs_no_hub(
    hub: Hub, tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    files = {p.name: p for p in tiny_folder.iterdir()}
    files |= {"pytorch_model.bin": b"a pickle", "README.md": b"words", "run.py": b"print('ran')"}
    commit = hub.commit("someone/tiny-vl", files, kind="models")
    weights = hub.fault("/cdn/", drop_after=400_000, times=50)
    (broken,) = find("someone/tiny-vl")
    assert "someone/tiny-vl" in broken["message"] and "goes on from there" in broken["hint"]
    weights.times = 0
    first, pinned = find("someone/tiny-vl", f"someone/tiny-vl@{commit}")
    assert first == pinned and Path(first["path"]).name == commit
    names = {p.name for p in Path(first["path"]).iterdir()}
    assert "model.safetensors" in names
    assert not names & {"pytorch_model.bin", "README.md", "run.py"}
    asked = len(hub.asked)
    assert find("someone/tiny-vl", HF_HUB_OFFLINE="1") == [first]
    assert len(hub.asked) == asked
    loaded = load_model(ModelSpec(first["path"], device="cpu"))
    knobs = Decoding(max_new_tokens=4)
    prompt = [ask("a red circle", picture())]
    assert generate(loaded, prompt, knobs)[0].text == generate(tiny, prompt, knobs)[0].text
    assert loaded.identity == tiny.identity


def test_what_cannot_be_had_is_said_with_what_to_do(hub: Hub, tiny_folder: Path) -> None:
    config = {"config.json": (tiny_folder / "config.json").read_bytes()}
    hub.commit("a/gated", config, kind="models", token="t", gated=True)
    hub.commit("a/private", config, kind="models", token="t")
    hub.commit("a/pickled", {**config, "pytorch_model.bin": b"\x80"}, kind="models")
    hub.commit("a/no-weights", config, kind="models")
    hub.commit("a/no-config", {"model.safetensors": b"x"}, kind="models")
    index = json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}).encode()
    hub.commit("a/cut", {**config, "model.safetensors.index.json": index}, kind="models")
    hub.fault("a/broken", status=500, times=99)
    gated, private, missing, revision, pickled, bare, odd, cut, broken = find(
        "a/gated",
        "a/private",
        "a/missing",
        "a/no-weights@no-such",
        "a/pickled",
        "a/no-weights",
        "a/no-config",
        "a/cut",
        "a/broken",
    )
    assert gated["kind"] == "gated" and f"{hub.url}/a/gated" in gated["hint"]
    for one in (private, missing):
        assert one["kind"] == "unknown_name" and "hf auth login" in one["hint"]
    assert "no-such" in revision["message"]
    assert pickled["kind"] == "pickle" and "pytorch_model.bin" in pickled["message"]
    assert "save_pretrained" in pickled["hint"]
    assert "model.safetensors" in bare["message"]
    assert "config.json" in odd["message"]
    assert "model-00001-of-00001.safetensors" in cut["message"]
    assert "a/broken" in broken["message"]
    assert not any("pytorch_model" in asked.path for asked in hub.asked)


def test_a_gated_model_is_fetched_with_the_token_of_the_environment(
    hub: Hub, tiny_folder: Path
) -> None:
    hub.commit("a/gated", tiny_folder, kind="models", token="hf_canary", gated=True)
    (found,) = find("a/gated", HF_TOKEN="hf_canary")
    assert "path" in found
    assert "hf_canary" not in json.dumps(found)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_called_one(number: int) -> None:
    error = _explain_hub("a/b", None, OSError(number, "no room"))
    assert error.kind == "no_space" and "HF_HUB_CACHE" in str(error.hint)
