"""What is installed: four packages, the demo model, templates and styles, and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    packages = {top for top in tops if not top.endswith(".dist-info")}
    assert packages == {"workbench", "commands", "sessions", "training"}


def test_the_wheel_carries_what_is_not_python(wheel):
    names = set(wheel.namelist())
    model = "workbench/demo/model"
    for file in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"):
        assert f"{model}/{file}" in names
    assert any(n.endswith(".tcss") for n in names)
    assert any(n.startswith("workbench/prompts/") and n.endswith(".toml") for n in names)
    assert any(n.startswith("training/configs/") and n.endswith(".yaml") for n in names)
    assert "workbench/evaluation/inference_configs/esnlive_paligemma.toml" in names


def test_every_file_of_the_demo_model_is_at_most_8_mb(wheel):
    sizes = {i.filename: i.file_size for i in wheel.infolist() if "demo/model/" in i.filename}
    assert sizes
    assert max(sizes.values()) <= 8_000_000, sizes


def test_a_folder_that_shadows_a_package_does_not_break_the_command(tmp_path):
    for name in ("sessions", "training", "commands", "workbench"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('shadowed')")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "commands.main", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert "run-eval" in done.stdout
