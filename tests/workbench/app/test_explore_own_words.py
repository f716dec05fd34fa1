"""The prompt in an editor of the user's own, and free text kept as a template."""

from __future__ import annotations

import contextlib
import sys

import pytest
from textual.widgets import Input

from sessions.paths import home
from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.app.explore.filled import FilledInput, PromptText
from workbench.app.widgets.picker import LineForm
from workbench.prompts.pool import get_template, list_templates


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """Sets an editor that runs a line of Python on `text` and saves it with a line end."""

    def set_to(line: str, variable: str = "EDITOR") -> None:
        script = tmp_path / f"my {variable}.py"
        script.write_text(
            "import sys\npath = sys.argv[-1]\ntext = open(path, encoding='utf-8').read()\n"
            f"{line}\nopen(path, 'w', encoding='utf-8').write(text + '\\n')\n",
            "utf-8",
        )
        monkeypatch.setenv(variable, f"'{sys.executable}' '{script}' --wait")

    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    return set_to


@contextlib.asynccontextmanager
async def lent():
    """The bench, on a terminal that can be lent."""
    async with bench((160, 44), engine=FakeEngine()) as b:
        b.app.suspend = contextlib.nullcontext
        yield b


async def test_f4_without_an_editor_names_the_variables(editor):
    async with lent() as b:
        await b.press("f4")
        await b.shows("no editor is set: export VISUAL or EDITOR")


async def test_f4_edits_the_prompt_in_the_editor_and_undo_takes_it_back(editor):
    editor("raise SystemExit(9)")
    editor("text = text + '\\nLook twice. 红'", "VISUAL")  # goes before EDITOR
    async with lent() as b:
        panel = b.explore.widgets.panel
        before = panel.text
        await b.press("f4")
        assert panel.text == f"{before}\nLook twice. 红" and panel.free
        assert isinstance(b.app.focused, PromptText)
        await b.press("ctrl+z")
        assert panel.text == before and not panel.free


async def test_f4_edits_the_system_prompt_where_it_has_the_focus(editor):
    editor("text = text + 'Be brief.'")
    async with lent() as b:
        panel = b.explore.widgets.panel
        text = panel.text
        panel.query_one("#system", FilledInput).focus()
        await b.press("f4")
        assert panel.system == "Be brief." and panel.text == text


@pytest.mark.parametrize("line", ["", "text = text.rstrip()"])
async def test_a_text_that_the_editor_leaves_as_it_is_stays_the_template(editor, line):
    editor(line)
    async with lent() as b:
        await b.press("f4")
        assert not b.explore.widgets.panel.free
        await b.shows("the text is as it was")


async def test_an_editor_that_fails_or_is_not_there_leaves_the_text_and_says_so(
    editor, monkeypatch
):
    editor("text = 'lost'; open(path, 'w').write(text); sys.exit(3)")
    async with lent() as b:
        before = b.explore.widgets.panel.text
        await b.press("f4")
        await b.shows("ended with status 3: the text is as it was")
        monkeypatch.setenv("EDITOR", "/no/such/editor -w")
        await b.press("f4")
        await b.shows("EDITOR=/no/such/editor cannot be used: No such file")
        monkeypatch.setenv("EDITOR", "vi 'x")
        await b.press("f4")
        await b.shows("EDITOR is no command")
        assert b.explore.widgets.panel.text == before and not b.explore.widgets.panel.free


async def test_a_terminal_that_cannot_be_lent_is_told(editor):
    editor("")
    async with bench((160, 44)) as b:
        await b.press("f4")
        await b.shows("this terminal cannot be lent to an editor")


async def test_free_text_is_kept_as_a_template_with_a_slot_for_the_words_of_the_sample():
    async with bench((160, 44), engine=FakeEngine()) as b:
        panel, like = b.explore.widgets.panel, b.explore.widgets.panel.template
        sentence = b.explore.view.sample.texts["sentence"]
        await b.press("ctrl+s")
        await b.shows(f"this is the template {like.name}")
        await b.press("p")
        await b.write(f"True or false, and be careful: {sentence}")
        await b.press("ctrl+s")
        assert isinstance(b.app.screen, LineForm)
        field = b.app.screen.query_one(Input)
        assert field.value == "statement/mine"
        field.value = "statement/true-false"
        await b.press("enter")
        await b.shows("is a shipped template")
        field.value = "statement/careful"
        await b.press("enter")
        await b.until(lambda: panel.template and panel.template.name == "statement/careful")
        await b.shows("statement/careful ▾", "{sentence}")
        kept = get_template("statement/careful")
        assert kept.text == "True or false, and be careful: {sentence}"
        assert kept.labels == like.labels and kept.answer == like.answer
        await b.press("escape", "j")
        assert b.explore.view.sample.texts["sentence"] in panel.text and not panel.free


async def test_a_template_of_one_s_own_that_is_saved_again_is_its_next_version():
    async with bench((160, 44), engine=FakeEngine()) as b:
        for words in ("First", "Second"):
            await b.press("p")
            await b.write(f"{words}: true or false?")
            await b.press("ctrl+s", "enter")
            await b.shows("template kept")
            await b.press("escape")
        own = [t for t in list_templates() if t.name == "statement/mine"]
        assert [(t.version, t.text[:5]) for t in own] == [(1, "First"), (2, "Secon")]
        assert len(list((home() / "templates").glob("*.toml"))) == 1


async def test_a_name_or_a_text_that_can_be_no_template_is_told_in_the_form():
    async with bench((160, 44), engine=FakeEngine()) as b:
        await b.press("p")
        await b.write("Say {word}: true or false?")
        await b.press("ctrl+s", "enter")
        await b.shows("the text has {word}")
        assert isinstance(b.app.screen, LineForm)
        b.app.screen.query_one(Input).value = "my template!"
        await b.press("enter")
        await b.shows("letters, digits, dots")
        assert not list((home() / "templates").glob("*.toml"))
