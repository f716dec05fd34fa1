"""Which template Explore asks by, from dataset to dataset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workbench.app.explore_bench import FakeEngine, bench
from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add

# Three datasets of one task with different defaults: closed, with options, open.
DEFAULTS = {
    "closed/t": "question/yes-no",
    "choice/t": "question/options",
    "open/t": "question/short",
}


@pytest.fixture
def three(tmp_path: Path) -> None:
    rows = {
        "closed": [("Is it red?", "yes", {}), ("Is it blue?", "no", {})],
        "choice": [(f"Which colour? {n}", "A", {"options": ["red", "blue"]}) for n in range(2)],
        "open": [("What is it?", "a disc", {}), ("What else?", "nothing", {})],
    }
    for name, samples in rows.items():
        write_pictures(tmp_path / name, ["1.png", "2.png"])
        lines = [
            {"id": n, "image": f"{n + 1}.png", "question": question, "answer": answer, **more}
            for n, (question, answer, more) in enumerate(samples)
        ]
        table = tmp_path / name / "t.jsonl"
        table.write_text("".join(json.dumps(line) + "\n" for line in lines))
        add(name, table)


async def opened(b, where: str) -> None:
    b.explore.controllers.opener.open(where)
    await b.until(lambda: (b.explore.view.uid or "").startswith(f"{where}/"))
    await b.settle()


@pytest.mark.usefixtures("three")
async def test_no_dataset_is_asked_by_the_template_of_the_one_before():
    async with bench((120, 40), engine=FakeEngine()) as b:
        panel = b.explore.widgets.panel
        for where in (*DEFAULTS, *reversed(DEFAULTS), "open/t", "closed/t"):
            await opened(b, where)
            assert panel.template.name == DEFAULTS[where], where
            assert b.explore.view.sample.texts["question"] in panel.text
            assert "wants the text" not in b.text()


@pytest.mark.usefixtures("three")
async def test_a_template_that_was_chosen_for_a_dataset_is_its_own_and_comes_back():
    async with bench((120, 40), engine=FakeEngine()) as b:
        panel = b.explore.widgets.panel
        await opened(b, "closed/t")
        await b.press("t", *"question/plain", "enter", "j")
        assert panel.template.name == "question/plain"
        await opened(b, "choice/t")
        assert panel.template.name == DEFAULTS["choice/t"]
        await opened(b, "closed/t")
        assert panel.template.name == "question/plain"
