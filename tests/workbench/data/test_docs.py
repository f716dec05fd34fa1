"""The data pages: every `wb` line in them is understood, and what they list is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from workbench.data.presets import list_presets

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("datasets.md", "hub.md", "bad-input.md")


def lines() -> list[str]:
    found = []
    for page in PAGES:
        for block in re.findall(r"^```(?:sh)?\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M):
            found += [line for line in block.splitlines() if line.startswith("wb ")]
    return found


@pytest.mark.parametrize("line", lines())
def test_every_line_would_be_understood(line: str):
    from commands.parse_only import problem_of

    assert problem_of(shlex.split(line)[1:]) == ""


def test_there_are_lines_to_test():
    assert len(lines()) >= 8


def test_every_option_of_add_and_every_preset_is_described():
    from commands.data import add

    text = (DOCS / "datasets.md").read_text()
    skipped = {"--json", "--replace", "--description", "--licence", "--task"}
    for parameter in add.params:
        for option in set(parameter.opts) - skipped:
            assert not option.startswith("--") or option in text, option
    for preset in list_presets():
        assert f"`{preset.name}`" in text


def test_the_mapping_that_the_page_shows_can_be_read(tmp_path: Path):
    import tomllib

    from workbench.data.tables.mapping import VERSION, mapping_of

    block = re.search(r"^```toml\n(.*?)^```", (DOCS / "datasets.md").read_text(), re.S | re.M)
    assert block
    body = tomllib.loads(block[1])
    assert body.pop("v") == VERSION
    assert mapping_of(body, "the page").texts == {"question": "q"}
