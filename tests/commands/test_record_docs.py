"""Every `wb` line in the pages about the record is one that the commands accept."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from commands.main import cli

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"```sh\n(.*?)```", re.S)


def lines() -> list[str]:
    found = []
    for page in ("sessions.md", "jobs.md", "prompting.md"):
        for block in BLOCK.findall((DOCS / page).read_text("utf-8")):
            for line in block.splitlines():
                line = line.partition("  #")[0].strip()
                line = re.sub(r'"\$\((.*?)\)"', r"demo/test/0 | \1", line)
                found += [part.strip() for part in re.split(r"\||&&", line)]
    return [line for line in found if re.match(r"(\"?[A-Z_]+=\S+ )?wb\b", line)]


@pytest.mark.parametrize("line", lines())
def test_a_line_of_the_documentation_is_accepted(line):
    words = shlex.split(line.strip('"').replace("…", "x"))
    args = words[words.index("wb") + 1 :]
    command: click.Command = cli
    context = click.Context(cli, info_name="wb")
    while isinstance(command, click.Group) and args:
        name = args.pop(0)
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name, args, parent=context)


def test_the_documentation_has_such_lines():
    assert len(lines()) > 10
