"""Small models of the real classes on a loopback hub, under the names that shipped configs use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.hub_server import Hub

# A word of a model's name -> the small model of its class that stands for it on the hub.
TWINS = {
    "qwen2-vl": "qwen2_vl",
    "qwen2.5-vl": "qwen2_5_vl",
    "paligemma": "paligemma",
    "llava-v1.6": "llava_next",
    "llava": "llava",
    "smolvlm": "smolvlm",
    "idefics3": "idefics3",
    "vit-gpt2": "captioner",
    "siglip": "two_stage",
    "phi": "two_stage",
}

_FETCH = """
import sys
from workbench.models.locate import find_model
for name in sys.argv[1:]:
    find_model(name)
"""


def twin_of(model: str) -> str:
    """The family of the small model that stands for a config's model."""
    family = next((twin for word, twin in TWINS.items() if word in model.lower()), "")
    assert family, f"say in TWINS which small model stands for {model}"
    return family


def fetched(models: Iterable[str], folder_of: Callable[[str], Path], home: Path) -> Path:
    """The hub's cache after the small models were fetched under these names.

    Args:
        models: Names as configs say them.
        folder_of: The small model of a family.
        home: What `HF_HOME` is.
    """
    names = sorted(set(models))
    with Hub() as hub:
        for model in names:
            hub.commit(model, folder_of(twin_of(model)), kind="models")
        own = {"HF_HOME": str(home), "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-P", "-c", _FETCH, *names],
            env={**os.environ, **own, "HF_HUB_DISABLE_XET": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    return home / "hub"
