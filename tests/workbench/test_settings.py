"""The settings: three sources, checked once, in the user's words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sessions.errors import RecordError
from workbench.config import (
    EXPORTED,
    KNOBS,
    Settings,
    load_settings,
    set_setting,
    unknown_variables,
    unset_setting,
)
from workbench.config_file import config_path
from workbench.errors import UsageError


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WB_KEEP_ANSWERS_MB", raising=False)  # as all other tests have it


def write(text: str) -> None:
    config_path().parent.mkdir(exist_ok=True)
    config_path().write_text(text)


def test_without_anything_the_defaults_stand():
    settings = load_settings()
    assert (settings.model, settings.images, settings.opacity) == ("demo", "auto", 0.5)
    assert settings.sources == {} and settings.chosen() == {}


def test_the_file_gives_way_to_variables_and_those_to_flags(monkeypatch):
    write('model = "file"\nsplit = "file"\ndtype = "fp16"\n')
    monkeypatch.setenv("WB_SPLIT", "variable")
    monkeypatch.setenv("WB_DTYPE", "bf16")
    settings = load_settings({"dtype": "fp32", "model": None})
    assert (settings.model, settings.split, settings.dtype) == ("file", "variable", "fp32")
    assert settings.sources == {
        "model": "config.toml",
        "split": "WB_SPLIT",
        "dtype": "--dtype",
    }


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        load_settings().model = "x"  # type: ignore[misc]


def test_everything_that_is_wrong_stands_in_one_message_in_the_users_words(monkeypatch):
    write('imges = "off"\nopacity = 3\nkeymap = "x"\nmax_pixels = 1.5\nfetch = "perhaps"\n')
    monkeypatch.setenv("WB_ENGINE_IDLE_MINUTES", "soon")
    with pytest.raises(UsageError) as caught:
        load_settings({"batch_size": 0})
    for words in (
        "unknown setting 'imges', did you mean images?",
        "opacity in config.toml wants a number from 0 to 1, got 3",
        "keymap in config.toml wants a table",
        "max_pixels in config.toml wants a whole number",
        "fetch in config.toml wants true or false, got 'perhaps'",
        "WB_ENGINE_IDLE_MINUTES wants a number",
        "--batch-size wants a whole number of at least 1, got 0",
    ):
        assert words in caught.value.message
    assert str(config_path()) in caught.value.hint


def test_the_bench_opens_with_what_is_sound_and_is_told_the_rest():
    write('images = "offf"\ntheme = "nord"\n')
    settings = load_settings(strict=False)
    assert (settings.images, settings.theme) == ("auto", "nord")
    assert len(settings.problems) == 1


@pytest.mark.parametrize("text", ["images = \n", "\xff", "a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_named(text):
    config_path().parent.mkdir(exist_ok=True)
    config_path().write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="is not TOML"):
        load_settings()
    with pytest.raises(UsageError, match="is not TOML"):
        set_setting("images", "off")
    assert config_path().read_bytes() == text.encode("latin-1")


def test_misspelt_variables_are_found(monkeypatch):
    monkeypatch.setenv("WB_MODLE", "x")
    assert "WB_MODLE" in unknown_variables()
    assert not {"WB_HOME", "WB_MODEL"} & set(unknown_variables())


def test_every_setting_is_read_back_as_it_was_written():
    values = {"opacity": 0.25, "images": "off", "fetch": True, "seed": 2**62, "adapter": "a b/é"}
    for name, value in values.items():
        assert set_setting(name, str(value)) == value
    settings = load_settings()
    assert {name: getattr(settings, name) for name in values} == values


def test_comments_and_order_stay_when_one_line_changes():
    write('# mine\nmodel = "a"   # why\n\n# images\nimages = "off"\n[keymap]\n# keys\nask = "p"\n')
    set_setting("images", "kitty")
    set_setting("theme", "nord")
    set_setting("keymap.heat", "g")
    set_setting("keymap.ask", "ctrl+p")
    text = config_path().read_text()
    assert text.startswith('# mine\nmodel = "a"   # why\n\n# images\nimages = "kitty"\n')
    assert "# keys" in text
    assert load_settings().keymap == {"ask": "ctrl+p", "heat": "g"}
    assert load_settings().theme == "nord"
    assert unset_setting("keymap.ask") and unset_setting("keymap.heat")
    assert not unset_setting("keymap.heat")
    assert load_settings().keymap == {}


def test_a_new_setting_comes_between_no_comment_and_what_it_is_on():
    write("# top\nmodel = 'a'  # why\n\n# how I press\n[keymap]\n# first\nask = 'p'")
    set_setting("seed", 3)
    set_setting("keymap.heat", "g")
    assert config_path().read_text() == (
        "# top\nmodel = 'a'  # why\nseed = 3\n\n# how I press\n[keymap]\n# first\nask = 'p'\n"
        'heat = "g"\n'
    )
    unset_setting("seed")
    unset_setting("keymap.heat")
    assert config_path().read_text() == (
        "# top\nmodel = 'a'  # why\n\n# how I press\n[keymap]\n# first\nask = 'p'\n"
    )


def test_a_table_in_one_line_and_a_text_of_several_lines_are_left_as_they_are():
    write('keymap = { ask = "p", "heat" = "g" } # mine\nmodel = """a\nimages = 1\n"""\n')
    set_setting("keymap.ask", "x")
    assert config_path().read_text() == (
        'keymap = { ask = "x", "heat" = "g" } # mine\nmodel = """a\nimages = 1\n"""\n'
    )
    settings = load_settings()
    assert settings.keymap == {"ask": "x", "heat": "g"}
    assert settings.model == "a\nimages = 1\n"


@pytest.mark.slow
def test_two_processes_that_set_different_things_lose_neither():
    code = """
import sys
from workbench.config import set_setting
for n in range(15):
    set_setting(f"keymap.{sys.argv[1]}{n}", "x")
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, who]) for who in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(load_settings().keymap) == 30


def test_a_value_of_none_takes_the_setting_out():
    set_setting("adapter", "x")
    assert set_setting("adapter", "") is None
    assert config_path().read_text() == ""


def test_a_home_that_cannot_be_written_is_a_clear_error(monkeypatch):
    monkeypatch.setenv("WB_HOME", "/proc/wb")
    assert load_settings().model == "demo"
    with pytest.raises(RecordError, match="/proc/wb"):
        set_setting("images", "off")


def test_exporting_does_not_override_what_is_in_the_environment(monkeypatch):
    write("max_pixels = 5\nengine_idle_minutes = 2\n")
    monkeypatch.setenv("WB_MAX_PIXELS", "7")
    monkeypatch.setenv("WB_ENGINE_IDLE_MINUTES", "")
    monkeypatch.delenv("WB_ENGINE_IDLE_MINUTES")
    import os

    load_settings().export()
    assert os.environ["WB_MAX_PIXELS"] == "7"
    assert os.environ.pop("WB_ENGINE_IDLE_MINUTES") == "2.0"


def test_the_knobs_and_the_settings_are_the_same_and_agree_with_the_rooms():
    from workbench.explain.colormaps import COLORMAPS, DEFAULT_COLORMAP
    from workbench.images.decode import MAX_PIXELS
    from workbench.models import spec

    assert set(Settings().to_json()) == set(KNOBS) | {"keymap"}
    assert set(EXPORTED) <= set(KNOBS)
    assert KNOBS["colormap"].choices == COLORMAPS
    assert KNOBS["colormap"].default == DEFAULT_COLORMAP
    assert KNOBS["quantization"].choices == spec.QUANTIZATIONS
    assert KNOBS["dtype"].choices == spec.DTYPES
    assert KNOBS["attention"].choices == spec.ATTENTIONS
    assert KNOBS["max_pixels"].default == MAX_PIXELS
    for name, knob in KNOBS.items():
        assert knob.help.endswith("."), name
        if knob.default is not None:
            assert knob.read(str(knob.default)) == knob.default, name


def test_reading_the_settings_imports_nothing_heavy():
    code = "import sys; from workbench.config import load_settings; load_settings(); " + (
        "print(*sorted({'torch', 'PIL', 'numpy', 'textual', 'rich', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "" and done.returncode == 0
