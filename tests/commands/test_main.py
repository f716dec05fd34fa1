"""The `wb` command as a whole: help, exit codes, the errors' form."""

import json
import subprocess
import sys

import click
import pytest

from commands.main import COMMANDS, HABITS, SHORT, cli


def wb(*args, **kwargs):
    return subprocess.run(
        [sys.executable, "-P", "-m", "commands.main", *args],
        capture_output=True,
        text=True,
        **kwargs,
    )


def commands_of(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands_of(command, (*path, name))


def test_without_a_terminal_it_says_in_one_line_how_to_open_it():
    done = wb()
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "terminal" in done.stderr


def test_usage_names_the_command_as_it_is_typed_however_it_was_started():
    done = wb("run-eval", "--zz", "7")
    assert done.returncode == 2
    assert "Usage: wb run-eval" in done.stderr and "commands.main" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_one_line_help_in_the_table_is_the_commands_own(name):
    command = cli.get_command(click.Context(cli), name)
    assert command.get_short_help_str(200) == COMMANDS[name][1]


@pytest.mark.parametrize(("path", "command"), list(commands_of(cli)), ids=lambda v: str(v)[:40])
def test_every_command_has_help(path, command):
    assert command.help, path
    assert all(p.help for p in command.params if isinstance(p, click.Option)), path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name):
    command = cli.get_command(click.Context(cli), name)
    texts = (
        [command.help] + [c.help for _, c in commands_of(command)]
        if isinstance(command, click.Group)
        else [command.help]
    )
    assert any(f"wb {name}" in (text or "") for text in texts)


def test_every_command_that_reads_takes_json():
    reads = ("list", "show", "info", "status", "compare", "inspect", "gallery", "gradcam", "prompt")
    for path, command in commands_of(cli):
        if path[-1] in reads and not isinstance(command, click.Group):
            assert any("--json" in p.opts for p in command.params), path


def test_wrong_usage_exits_2_and_says_so_in_json():
    done = wb("inspect", "--json", "no-such-dataset/test/1")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert "no-such-dataset" in error["message"]
    assert error["hint"]
    assert "Traceback" not in done.stderr


GROUPS = [
    name for name in COMMANDS if isinstance(cli.get_command(click.Context(cli), name), click.Group)
]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_alone_prints_what_there_is_and_is_done(group, run_wb):
    alone, asked = run_wb(group), run_wb(group, "--help")
    assert (alone.code, alone.err) == (0, "")
    assert alone.out == asked.out and "Commands:" in alone.out


@pytest.mark.parametrize("name", SHORT)
def test_what_is_short_for_a_command_is_that_command(name, run_wb):
    group, command = SHORT[name]
    whole = cli.get_command(click.Context(cli), group)
    assert isinstance(whole, click.Group)
    assert cli.get_command(click.Context(cli), name) is whole.commands[command]
    assert f"wb {group} {command}" in run_wb("--help").out
    assert f"Usage: wb {name} " in run_wb(name, "--help").out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("eval", "run-eval"),
        ("ls", "runs list"),
        ("promt", "prompt"),
        ("diff", "compare"),
        ("runs ls", "runs list"),
        ("runs delete", "runs rm"),
        ("jobs stop", "jobs cancel"),
        ("data describe", "data info"),
        ("sessions serach", "sessions search"),
    ],
)
def test_an_unknown_command_is_refused_with_the_one_that_may_be_meant(typed, meant, run_wb):
    done = run_wb(*typed.split())
    assert (done.code, done.out) == (2, "")
    assert f"There is no wb {typed}; did you mean wb {meant}" in done.err
    assert "did you mean" not in run_wb("xyzzy").err


def test_each_habit_of_other_tools_is_answered_by_a_command_that_exists(run_wb):
    for meant in HABITS.values():
        assert run_wb(*meant.split(), "--help").code == 0, meant


def test_an_unknown_option_exits_2():
    done = wb("data", "list", "--nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


def test_output_that_is_cut_short_is_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -P -m commands.main data list | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        *("runs list", "runs show last --errors", "jobs list", "sessions show last"),
        *("sessions search x", "bookmark history", "data export demo/test out.csv"),
        *("run-eval --dataset demo", "infer demo/test --out out.json", "runs rate last"),
    ],
)
def test_fewer_than_none_are_refused_by_every_command_that_takes_a_limit(words, run_wb):
    done = run_wb(*words.split(), "--limit", "-1")
    assert done.code == 2 and "--limit" in done.err and "-1" in done.err


def test_a_batch_of_no_prompt_is_refused_and_no_limit_is_said_to_be_all(run_wb):
    for words in (("run-eval", "--dataset", "demo"), ("infer", "demo/test", "--out", "o.json")):
        done = run_wb(*words, "--batch-size", "0")
        assert done.code == 2 and "--batch-size" in done.err, words
        assert "0 for all" in run_wb(words[0], "--help").out


@pytest.mark.parametrize("command", ["prompt", "gradcam", "inspect", "bookmark add", "prompts try"])
def test_a_dataset_in_the_place_of_a_sample_is_told_as_one(command, run_wb):
    for word in ("demo", "demo/test"):
        done = run_wb(*command.split(), word)
        assert done.code == 2 and "wb data info demo" in done.err
        assert "names no sample of it" in done.err


def test_a_text_without_quotes_is_answered_by_the_line_with_them(tmp_path, run_wb):
    from PIL import Image

    file = tmp_path / "a b.png"
    Image.new("RGB", (4, 4)).save(file)
    done = run_wb("prompt", str(file), "Is", "it", "red?")
    assert done.code == 2
    assert f"wb prompt '{file}' 'Is it red?'" in done.err
