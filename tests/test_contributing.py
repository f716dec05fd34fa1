"""What `CONTRIBUTING.md` names is there, and the hooks that it offers need no network."""

import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
BASES = ("", "workbench/models/", "workbench/models/families/", "workbench/data/",
         "workbench/data/layouts/", "workbench/evaluation/metrics/")  # fmt: skip


def test_every_file_that_it_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    quoted = [part for words in re.findall(r"`([^`]+)`", text) for part in words.split()]
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    files = [word.strip("`") for word in quoted if re.search(r"\.(py|md|toml|yaml)$|/$", word)]
    assert len(files) > 12
    for name in [*files, *linked]:
        assert any((ROOT / base / name).exists() for base in BASES), name


def test_every_name_of_the_code_that_it_gives_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = set(re.findall(r"`([A-Z][A-Za-z]+|[A-Z_]{4,})`", text)) - {"F1", "RecordError"}
    code = "\n".join(
        path.read_text()
        for top in ("workbench", "commands", "training")
        for path in (ROOT / top).rglob("*.py")
    )
    assert names
    for name in names:
        assert re.search(rf"\b{name}\b", code), name


def test_every_hook_runs_a_tool_of_the_environment_and_fetches_nothing():
    import tomllib

    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    dev = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    known = {"ruff": "ruff", "lint-imports": "import-linter"}
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        tool = shlex.split(hook["entry"])[0].removeprefix(".venv/bin/")
        assert any(wanted.startswith(known[tool]) for wanted in dev["dev"]), tool
