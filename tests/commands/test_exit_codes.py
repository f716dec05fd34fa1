"""What is typed and names nothing is wrong usage, exit code 2, in every command and option.

`NAMES` has a line for each argument and option whose value is a name or a file; `FREE` are the
options whose value may be any text. A new option is in neither, and the first test says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from commands.main import cli
from tests.workbench.app.make_records import make_job, make_run, prompt_record

ASK = {
    "--model": "--model nope",
    "--adapter": "--adapter nope",
    "--attention": "--attention nope",
}
SHOTS = {
    "--shots-from": "--shots 1 --shots-from nope",
    "--shot": "--shot demo/train/nope",
    "--shots-tag": "--shots 1 --shots-tag nope",
    "--shots-right-in": "--shots 1 --shots-right-in nope",
}
EVAL = {**ASK, "--template": "--template nope", "--config": "--config nope"}


def after(line: str, options: dict[str, str]) -> dict[str, str]:
    """Each option at the end of a line that is right without it."""
    return {option: f"{line} {words}" for option, words in options.items()}


# Of each command: the argument or option -> the words after it, which name nothing.
NAMES: dict[str, dict[str, str]] = {
    "prompt": {
        "what": "nope.png",
        "--messages": "--messages nope.json",
        **after("demo/test/0", {**ASK, **SHOTS, "--template": "--template nope"}),
    },
    "prompts list": {"--task": "--task nope"},
    "prompts show": {"name": "nope"},
    "prompts try": {
        "uid": "demo/test/nope",
        **after(
            "demo/test/0", {**SHOTS, "--template": "--template nope", "--model": "--model nope"}
        ),
    },
    "replay": {"session": "nope", "--only": "kept --only nope", **after("kept", ASK)},
    "gallery": {
        "dataset": "nope",
        "--split": "demo --split nope",
        "--uid": "--uid demo/test/nope",
        "--out": "demo --out nope/a",
    },
    "inspect": {"uid": "demo/test/nope", "--export": "demo/test/0 --export nope/a"},
    "similar": {
        "uid": "nope",
        **after("demo/test/0 --limit 9", {**ASK, "--splits": "--by text --splits nope"}),
    },
    "data duplicates": {
        "dataset": "nope",
        "--splits": "demo --splits nope",
        "--model": "demo --limit 3 --threshold 0.9 --model nope",
    },
    "bookmark add": {"uids": "nope"},
    "bookmark export": {"file": "nope/marks.jsonl"},
    "bookmark import": {"file": "nope.jsonl"},
    "bookmark next": {"--tag": "--tag nope", "--dataset": "--dataset nope"},
    "bookmark prev": {"--tag": "--tag nope", "--dataset": "--dataset nope"},
    "bookmark rm": {"uids": "demo/test/0", "--tag": "demo/test/0 --tag nope"},
    "gradcam": {
        "uid": "demo/test/nope",
        **after(
            "demo/test/0",
            {
                **ASK,
                "--template": "--template nope",
                "--out": "--out nope/heat.png",
                "--method": "--method nope",
            },
        ),
    },
    "run-eval": {
        "--dataset": "--dataset nope",
        "--split": "--dataset demo --split nope",
        "--resume": "--resume nope",
        "--retry": "--resume {run} --retry demo/test/nope",
        **after(
            "--dataset demo/test --limit 1",
            {
                **EVAL,
                **SHOTS,
                "--prompts": "--prompts nope,A=nope",
                "--out-csv": "--prompts true-false --out-csv nope/answers.csv",
                "--vary": "--vary nope",
                "--positive": "--positive nope",
                "--metrics": "--metrics nope",
            },
        ),
    },
    "infer": {
        "what": "nope --out a.json",
        "--out": "demo/test --out nope/a.json",
        "--columns": "demo/test --out a.csv --columns nope",
        **after("demo/test --limit 1 --out a.json", EVAL),
    },
    "train": {
        "config": "nope",
        "--resume": "--resume nope",
        "--set": "demo_lora --set nope=1",
        "--init": "--init nope",
        "--html": "demo_lora --show-batch 1 --html nope/batch.html",
        "--pictures": "demo_lora --show-batch 1 --pictures nope/a",
    },
    "ablate": {
        "config": "nope",
        "--out": "demo_lora --out nope/a",
        "--set": "easy_vqa --dry-run --set nope=1",
    },
    "runs agreement": {"files": "nope nope", "--metric": "ann --metric nope"},
    "runs compare": {"first": "nope {run}", "second": "{run} nope", "more": "{run} {run} nope"},
    "runs ctl": {"run": "nope pause"},
    "runs export": {"run": "nope", "to": "{run} nope/a.csv", "--columns": "{run} --columns nope"},
    "runs import": {
        "file": "nope.csv --dataset demo/test",
        "--dataset": "answers.csv --dataset nope",
        "--split": "answers.csv --dataset demo --split nope",
        **after(
            "answers.csv --dataset demo/test",
            {
                "--id-column": "--id-column nope",
                "--answer-column": "--answer-column nope",
                "--template": "--template nope",
            },
        ),
    },
    "runs invariance": {"run": "nope", "--of": "{run} --of nope"},
    "runs ledger": {"run": "nope", "--controls": "{run} --controls nope"},
    "runs merge": {"runs": "nope nope"},
    "runs path": {"run": "nope"},
    "runs rate": {
        "runs": "nope",
        "--item": "{run} --item nope --value 1",
        "--value": "{run} --item 1 --value nope",
    },
    "runs ratings": {"runs": "nope", "--out": "--out nope/a.jsonl", "--import": "--import nope"},
    "runs reliability": {"run": "nope", "--out": "{run} --out nope/a.png"},
    "runs report": {"runs": "nope", "--out": "{run} --out nope/a.html"},
    "runs rm": {"runs": "nope"},
    "runs score": {"run": "nope", "--metrics": "{run} --metrics nope"},
    "runs show": {"run": "nope", "--sort": "{run} --sort nope"},
    "runs table": {"runs": "nope", "--figures": "{run} --figures nope"},
    "jobs cancel": {"jobs": "nope"},
    "jobs follow": {"job": "nope"},
    "jobs log": {"job": "nope"},
    "jobs retry": {"job": "nope"},
    "jobs rm": {"jobs": "nope"},
    "jobs show": {"job": "nope"},
    "jobs start": {"argv": "nope"},
    "jobs wait": {"job": "nope"},
    "engine start": {"--load": "--load nope"},
    "engine serve": {"--host": "--host nope", "--token-file": "--token-file nope/token"},
    "sessions export": {"session": "nope a.csv", "file": "kept nope/a.csv"},
    "sessions note": {"--uid": "seen --uid nope"},
    "sessions path": {"session": "nope"},
    "sessions rm": {"sessions": "nope"},
    "sessions show": {"session": "nope", "--sweep": "kept --sweep nope"},
    "data add": {
        "files": "mine nope.csv",
        **after(
            "mine table.csv --allow-missing",
            {
                "--id": "--id nope",
                "--text": "--text question=nope",
                "--label": "--label nope",
                "--reference": "--reference nope",
                "--explanation": "--explanation nope",
                "--option": "--option nope",
                "--image": "--image nope",
                "--image-root": "--image-root nope",
                "--objects": "--objects nope:xyxy",
                "--metadata": "--metadata nope",
                "--split": "--split train=nope<3",
                "--where": "--where nope=1",
                "--encoding": "--encoding nope",
                "--format": "--format nope",
                "--like": "--like nope",
            },
        ),
    },
    "data cache": {"dataset": "nope"},
    "data export": {"split": "demo/nope out --to csv", "out": "demo/test nope/a.parquet"},
    "data info": {"dataset": "nope"},
    "data mode": {"dataset": "nope cached"},
    "data rm": {"name": "nope"},
    "data verify": {"dataset": "nope"},
    "models compose": {
        "--vision": "--vision nope --language nope --out new",
        "--language": "--vision resnet18 --language nope --out new",
        "--out": "--vision resnet18 --language nope --out nope/a",
    },
    "models load": {"model": "nope", **after("demo", {k: ASK[k] for k in ASK if k != "--model"})},
    "models merge": {
        "base": "nope nope --out new",
        "adapter": "demo nope --out new",
        "--out": "demo nope --out nope/a",
    },
    "models show": {"name": "nope"},
    "config get": {"name": "nope"},
    "config set": {"name": "nope 1", "value": "images nope"},
    "config unset": {"name": "nope"},
    "completion": {"shell": "nope"},
}
# Any text is right there: words of one's own, or a filter that nothing may pass.
FREE = {
    *("--title", "--note", "--reason", "--description", "--licence", "--labels", "--delimiter"),
    *("--system", "--turn", "--stop", "--label", "--answer", "--rater", "--gpu"),
    *("--contrast", "--head", "--shard", "text", "words", "--records", "--to"),
    # Of a hub, of a device or of a metric's model: only the load tells.
    *("--revision", "--device", "--bertscore-model", "--vision-revision", "--language-revision"),
}
FREE_OF = {
    "bookmark add": {"--tag"},
    "bookmark import": {"--tag"},
    "bookmark list": {"--tag", "--dataset"},
    "bookmark export": {"--tag", "--dataset"},
    "runs list": {"--dataset"},
    "runs import": {"--model"},
    "runs ctl": {"values"},  # a run that goes on says what is wrong with them
    "sessions show": {"--uid"},
    "replay": {"--out"},
    "data add": {"name", "--image-prefix"},
    "data cache": {"--split"},
    "gradcam": {"--layer"},  # the loaded model knows its layers
}


OF_ITS_TYPE = {
    "choice",
    "integer",
    "integer range",
    "float",
    "float range",
    "boolean",
}  # click refuses others


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


def named(command: click.Command) -> set[str]:
    """The arguments and options whose value is a text of the user's own."""
    found = set()
    for param in command.params:
        flag = isinstance(param, click.Option) and param.is_flag
        if not flag and param.type.name not in OF_ITS_TYPE:
            found.add(str(param.name) if isinstance(param, click.Argument) else param.opts[0])
    return found


LINES = [
    pytest.param(f"{command} {words}", id=f"{command} {what}")
    for command, lines in NAMES.items()
    for what, words in lines.items()
]


def test_every_option_that_takes_a_name_is_tried():
    for path, command in leaves(cli):
        tried = set(NAMES.get(path, ())) | FREE | FREE_OF.get(path, set())
        shell = {"shell", "--format"}  # choices, tried all the same
        assert named(command) - tried == set(), path
        assert set(NAMES.get(path, ())) - named(command) - shell == set(), path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a run, in a folder with a table; a session `kept`, a job and a rater `ann`."""
    from sessions.ratings import Rating, rate
    from sessions.session_log import SessionLog

    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("id,statement,label,image\n1,a,true,1.png\n2,b,false,2.png\n")
    Path("answers.csv").write_text("uid,answer\ndemo/test/000000,true\n")
    made = make_run(4, uids=[f"demo/test/{n:06}" for n in range(4)])
    make_job(["wb", "runs", "list"])
    SessionLog.open("kept").append(prompt_record())
    rate(Rating(made.id, "demo/test/000000", "ann", "good-bad", 1))
    return made.id


@pytest.mark.parametrize("line", LINES)
def test_a_name_or_a_file_that_does_not_exist_is_wrong_usage(line, run, run_wb):
    from workbench.serving.process import lock_owner

    done = run_wb(*line.format(run=run).split())
    assert done.code == 2, done.err
    assert "rror: " in done.err
    assert "Retrying" not in done.err  # no hub was asked
    assert lock_owner() is None  # nor was an engine started to find out


def test_whatever_is_written_by_its_path_is_taken_by_one_rule():
    """A plain `click.Path` would let a command work for hours and then fail, or make the folder."""
    plain = {f"{path} {param.name}" for path, command in leaves(cli) for param in command.params
             if isinstance(param.type, click.Path)}  # fmt: skip
    # Configs are names as well as files; the folder of a dataset's files is kept in its settings.
    assert plain == {"train config", "ablate config", "data cache to"}


def test_a_missing_folder_is_named_and_not_made(run, run_wb):
    tried = [line.values[0] for line in LINES if " nope/" in str(line.values[0])]
    assert len(tried) > 15
    for line in tried:
        done = run_wb(*line.format(run=run).split())
        assert (done.code, done.out) == (2, ""), line
        assert "there is no such folder" in done.err, (line, done.err)
        assert not Path("nope").exists(), line


@pytest.mark.parametrize("line", ["gallery demo/test --out", "inspect demo/test/0 --export"])
def test_a_file_is_no_folder_to_write(line, run, run_wb):
    done = run_wb(*line.split(), "table.csv")
    assert (done.code, done.out) == (2, "") and "'table.csv' is a file" in done.err
