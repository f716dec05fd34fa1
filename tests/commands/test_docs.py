"""The documentation is true in what can be read off it: its commands, its links, its words."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from commands.main import cli

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
BLOCK = re.compile(r"```(?:sh)?\n(.*?)```", re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def command_lines() -> list[tuple[str, str]]:
    """Each `wb …` line of each page's shell blocks, a pipe's parts apart."""
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text("utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                line = re.split(r"\s{2,}#", line)[0].strip()
                line = re.sub(r'"\$\((.*?)\)"', r"demo/test/0 | \1", line)
                line = re.sub(r"\$\(.*?\)", "x", line)
                found += [(page.name, part.strip()) for part in re.split(r" \|\|? | && ", line)]
    return [(page, line) for page, line in found if re.match(r"(\"?[A-Z_]+=\S+ )*wb\b", line)]


def anchor_of(heading: str) -> str:
    """A heading as GitHub makes an anchor of it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    return {anchor_of(line) for line in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_a_command_of_the_documentation_is_accepted(page, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = line.strip('"') if line.startswith('"') else line
    words = shlex.split(line.replace("…", "x").partition(" < ")[0])
    args = words[words.index("wb") + 1 :]
    for name in (word for word in args if re.fullmatch(r"[\w-]+\.\w+", word)):
        Path(name).touch()  # the user's own files, which a command wants to exist
    command: click.Command = cli
    context = click.Context(cli, info_name="wb")
    while isinstance(command, click.Group) and args:
        name = args.pop(0)
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name, args, parent=context)


def test_the_documentation_has_such_lines():
    assert len(command_lines()) > 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_of_a_page_leads_somewhere(page):
    broken = []
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    missing = [page.name for page in DOCS if f"({page.name}" not in index]
    assert missing == ["README.md"]
