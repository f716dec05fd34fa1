"""`wb config` as it is typed, and what the settings do to other commands."""

from __future__ import annotations

import click
import pytest

from commands.defaults import ASKING, settings_for
from commands.main import COMMANDS, cli


def test_a_setting_is_written_read_and_taken_out(run_wb):
    assert run_wb("config", "get", "images").out == "auto\n"
    assert run_wb("config", "set", "images", "halfcell").code == 0
    assert run_wb("config", "get", "images", "--json").json == {
        "name": "images",
        "value": "halfcell",
        "source": "config.toml",
    }
    assert run_wb("config", "unset", "images").code == 0
    assert run_wb("config", "get", "images").out == "auto\n"


def test_the_list_says_where_each_comes_from(run_wb, monkeypatch):
    run_wb("config", "set", "keymap.explore.prompt", "ctrl+g")
    monkeypatch.setenv("WB_OPACITY", "0.2")
    listed = {entry["name"]: entry for entry in run_wb("config", "list", "--json").json}
    assert listed["opacity"] == {"name": "opacity", "value": 0.2, "source": "WB_OPACITY"}
    assert listed["keymap.explore.prompt"]["value"] == "ctrl+g"
    assert listed["model"]["source"] == "default"


def test_a_wrong_value_is_refused_and_the_file_is_untouched(run_wb):
    done = run_wb("config", "set", "opacity", "2")
    assert done.code == 2
    assert "from 0 to 1" in done.err and "'2'" in done.err
    assert run_wb("config", "get", "opacity").out == "0.5\n"


def test_an_unknown_name_is_told_what_was_meant(run_wb):
    for args in (["set", "modle", "x"], ["get", "modle"]):
        done = run_wb("config", *args)
        assert done.code == 2 and "did you mean" in done.err and "model" in done.err


def test_set_says_when_a_variable_wins(run_wb, monkeypatch):
    monkeypatch.setenv("WB_THEME", "nord")
    assert "WB_THEME" in run_wb("config", "set", "theme", "gruvbox").err


def test_broken_settings_are_listed_mended_and_checked(run_wb, tmp_path, monkeypatch):
    file = tmp_path / "wb" / "config.toml"
    file.parent.mkdir()
    file.write_text('imges = "off"\nopacity = "thick"\n')
    monkeypatch.setenv("WB_MODLE", "x")
    listed = run_wb("config", "list")
    assert listed.code == 0
    for word in ("imges", "opacity", "WB_MODLE"):
        assert word in listed.err
    checked = run_wb("config", "check")
    assert checked.code == 2 and "imges" in checked.err and "opacity" in checked.err
    run_wb("config", "unset", "imges")
    run_wb("config", "unset", "opacity")
    assert run_wb("config", "check").code == 0


def test_broken_settings_stop_only_the_commands_that_would_use_them(run_wb, monkeypatch):
    monkeypatch.setenv("WB_DTYPE", "fp64")
    assert run_wb("jobs", "list").code == 0
    assert run_wb("runs", "list").code == 0
    done = run_wb("run-eval", "--dataset", "demo")
    assert done.code == 2 and "WB_DTYPE wants one of auto, bf16" in done.err
    monkeypatch.setattr("sys.argv", ["wb", "run-eval", "--help"])
    assert run_wb("run-eval", "--help").code == 0


def test_settings_are_the_defaults_of_the_options_of_the_same_name(run_wb, monkeypatch):
    run_wb("config", "set", "model", "./mine")
    run_wb("config", "set", "seed", "5")
    monkeypatch.setenv("WB_SPLIT", "dev")
    command = cli.get_command(click.Context(cli), "run-eval")
    defaults = settings_for("run-eval", command)
    assert defaults == {"run-eval": {"model": "./mine", "seed": 5, "split": "dev"}}


def test_a_filter_of_the_same_name_is_left_alone(run_wb):
    run_wb("config", "set", "dataset", "other")
    run_wb("bookmark", "add", "demo/test/1")
    assert len(run_wb("bookmark", "list", "--json").json) == 1


def test_the_commands_that_take_settings_exist():
    assert set(COMMANDS) >= ASKING


@pytest.mark.parametrize(
    ("name", "value", "variable", "word"),
    [("max_pixels", "1000", "WB_MAX_PIXELS", "1000"), ("fetch", "yes", "WB_FETCH", "1")],
)
def test_what_low_rooms_read_in_the_environment_is_put_there(
    run_wb, monkeypatch, name, value, variable, word
):
    import os

    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WB_UNUSED", "")  # so that monkeypatch restores the environment
    run_wb("config", "set", name, value)
    run_wb("jobs", "list")
    assert os.environ.pop(variable) == word


def test_the_path_is_printed(run_wb, tmp_path):
    assert run_wb("config", "path").out == f"{tmp_path / 'wb' / 'config.toml'}\n"


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("keymap.prompt", "ctrl+o", "unknown binding keymap.prompt, did you mean"),
        ("keymap.explore.promt", "ctrl+o", "did you mean keymap.explore.prompt?"),
        ("keymap.explore.prompt", "ctrl+p", "is taken by the palette"),
        ("keymap.explore.prompt", "b", "is taken by explore.bookmark"),
        ("keymap.explore.prompt", "f9", "is taken by app.theme"),
        ("keymap.list.next", "g", "is taken by explore.heat"),
        ("keymap.explore.prompt", "f6,hyperspace", "'hyperspace' is no key"),
    ],
)
def test_a_key_that_could_not_work_is_refused_with_its_reason(run_wb, name, keys, words):
    done = run_wb("config", "set", name, keys)
    assert done.code == 2
    assert words in done.err and "wb config keys" in done.err
    assert run_wb("config", "get", name).code != 0


def test_every_key_is_listed_under_an_id_that_set_takes(run_wb):
    listed = run_wb("config", "keys", "--json").json
    assert {
        "id": "explore.heat",
        "keys": "g",
        "does": "Lay Grad-CAM's heat map of the token under the cursor over the image",
        "changed": False,
    } in (listed)
    from workbench.app.keymap import bound_keys, problems_of

    bound = bound_keys()
    assert [entry["id"] for entry in listed] == list(bound)
    defaults = {name: ",".join(key.keys) for name, key in bound.items()}
    assert problems_of(defaults, bound) == [], "no two of the bench's own keys hide one another"


def test_a_key_given_up_by_one_binding_is_free_for_another(run_wb):
    assert run_wb("config", "set", "keymap.explore.bookmark", "f6").code == 0
    assert run_wb("config", "set", "keymap.explore.prompt", "b").code == 0
    assert run_wb("config", "check").code == 0


def test_keys_in_an_edited_file_are_checked(run_wb, tmp_path):
    file = tmp_path / "wb" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text('[keymap]\n"explore.promt" = "f6"\n')
    checked = run_wb("config", "check")
    assert checked.code == 2 and "explore.promt" in checked.err
