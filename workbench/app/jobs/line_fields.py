"""The fields of a form of jobs and the `wb …` line that they make, each read from the other.

Guarantee: what a field does not hold stays in the line: flags that no field is for stand in
`more flags`, in their order. Not for judging: the commands do that.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MORE = "more flags"


@dataclass(frozen=True)
class LineField:
    """One field of a form.

    Attributes:
        name: As the form shows it.
        flag: `--dataset`; `--set model` for a key of a training's config; empty for a plain word.
        about: What it is for, a sentence.
        lists: What its picker lists (see `field_choices`), empty for none.
        narrow: Several such stand in a row.
        own: What can be typed where its picker lists none of it.
        several: What is chosen in its list is added to what stands there, by a comma.
    """

    name: str
    flag: str
    about: str = ""
    lists: str = ""
    narrow: bool = False
    own: str = ""
    several: bool = False

    @property
    def key(self) -> str:
        """Of `--set KEY=VALUE`; empty for another flag."""
        return self.flag.removeprefix("--set ") if self.flag.startswith("--set ") else ""

    def words(self, value: str) -> list[str]:
        """What it puts into the line."""
        if self.name == MORE:
            try:
                return shlex.split(value)
            except ValueError:  # a quote is open while somebody types
                return value.split()
        if self.key:
            return ["--set", f"{self.key}={value}"]
        return [self.flag, value] if self.flag else [value]


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Attributes:
        title: On its tab.
        command: The words that begin the line.
        fields: In the order of the line.
    """

    title: str
    command: tuple[str, ...]
    fields: tuple[LineField, ...]

    def field(self, name: str) -> LineField | None:
        """The one of that name."""
        return next((field for field in self.fields if field.name == name), None)


_MORE = LineField(MORE, "", "any other flags of the command, as in a shell")
_EVALUATE = (
    LineField("dataset", "--dataset", "what is asked about", "datasets"),
    LineField(
        "split", "--split", "which part of the dataset", "splits", own="a part such as test[:200]"
    ),
    LineField("template", "--template", "the prompt; empty: the default of the task", "templates"),
    LineField(
        "prompts",
        "--prompts",
        "several templates by commas instead, a run each: NAME or A1=NAME",
        "templates",
        several=True,
    ),
    LineField(
        "model", "--model", "who is asked", "models", own="a folder, a hub id, openai:URL#NAME"
    ),
    LineField(
        "adapter", "--adapter", "of a training, by its run or folder; empty: none", "adapters"
    ),
    LineField(
        "config",
        "--config",
        "a recipe's model, prompt and decoding by name",
        "recipes",
        own="a TOML file",
    ),
    LineField("limit", "--limit", "only the first so many samples; empty: all", narrow=True),
    LineField("batch size", "--batch-size", "prompts at once; changes no answer", narrow=True),
    LineField("seed", "--seed", "of what is drawn", narrow=True),
    LineField("shard", "--shard", "I/N: part I of N alone; wb runs merge joins them", narrow=True),
    LineField(
        "answer", "--answer", "how labels are read: text, scores, both", "answers", narrow=True
    ),
    LineField("control", "--control", "ask without what should matter", "controls", narrow=True),
    _MORE,
)
_TRAIN = (
    LineField(
        "config",
        "",
        "one that comes with wb, or a YAML file",
        "configs",
        own="the path of a YAML file",
    ),
    LineField(
        "model", "--set model", "instead of the config's own", "models", own="a folder or a hub id"
    ),
    LineField(
        "adapter",
        "--set adapter",
        "one that is trained further",
        "adapters",
        own="a run or a folder",
    ),
    LineField(
        "train", "--set train", "dataset/split to learn from, instead of the config's", "parts"
    ),
    LineField("eval", "--set eval", "dataset/split that chooses the checkpoint", "parts"),
    LineField("template", "--set templates", "the prompt, instead of the config's", "templates"),
    LineField("epochs", "--set epochs", "passes over the data", narrow=True),
    LineField("batch size", "--set batch_size", "samples of a step", narrow=True),
    LineField("seed", "--set seed", "of order and initial weights", narrow=True),
    _MORE,
)
_REPLAY = (
    LineField("session", "", "whose prompts are asked again; last is the newest", "sessions"),
    LineField("model", "--model", "empty: the one that answered then", "models"),
    LineField("adapter", "--adapter", "none takes the adapter off", "adapters"),
    _MORE,
)
_IMPORT = (
    LineField("file", "", "CSV, JSON, or results of COCO, VQA, lmms-eval",
              "files", own="the path of a file"),
    LineField("dataset", "--dataset", "what the answers are about", "datasets"),
    LineField("split", "--split", "which part of the dataset", "splits"),
    LineField("called", "--model", "what to call who answered; empty: the file's name"),
    LineField("template", "--template", "how answers are read; empty: the default of the task",
              "templates"),
    LineField("format", "--format", "empty: by its ending and its keys", "formats"),
    LineField("id in", "--id-column", "the column that names the sample; empty: found by name"),
    LineField("answers in", "--answer-column", "the column of answers; empty: found by name"),
    _MORE,
)  # fmt: skip
KINDS: dict[str, JobKind] = {
    "evaluate": JobKind("Evaluate", ("run-eval",), _EVALUATE),
    "train": JobKind("Fine-tune", ("train",), _TRAIN),
    "replay": JobKind("Replay", ("replay",), _REPLAY),
    "import": JobKind("Import", ("runs", "import"), _IMPORT),
    "other": JobKind("Other", (), ()),
}


def fill(kind: JobKind, values: Mapping[str, str]) -> str:
    """The line of a kind; fields that are empty are left out."""
    words = list(kind.command)
    for field in kind.fields:
        if value := values.get(field.name, "").strip():
            words += field.words(value)
    return shlex.join(["wb", *words])


def read_back(kind: JobKind, argv: Sequence[str]) -> dict[str, str] | None:
    """The fields of the words after `wb`; `None` where they are of another kind.

    Args:
        kind: Whose fields.
        argv: `["run-eval", "--dataset", "demo", …]`.
    """
    if not kind.fields or tuple(argv[: len(kind.command)]) != kind.command:
        return None
    values: dict[str, str] = {field.name: "" for field in kind.fields}
    by_flag = {field.flag: field for field in kind.fields if field.flag}
    plain = next((f.name for f in kind.fields if not f.flag and f.name != MORE), "")
    rest: list[str] = []
    words = iter(argv[len(kind.command) :])
    for word in words:
        flag, equals, value = word.partition("=")
        if not flag.startswith("-") and not rest and plain and not values[plain]:
            values[plain] = word
            continue
        if flag == "--set":
            said = value if equals else next(words, "")
            key, _, value = said.partition("=")
            field = by_flag.get(f"--set {key}")
            taken = [] if field else ["--set", said]
        else:
            field = by_flag.get(flag)
            value = value if equals or field is None else next(words, "")
            taken = [word]
        if field is None or values[field.name]:
            rest += taken if field is None else field.words(value)
        else:
            values[field.name] = value
    values[MORE] = shlex.join(rest)
    return values


def without(more: str, flags: Collection[str]) -> str:
    """`more flags` less some of them and their values."""
    kept: list[str] = []
    dropping = False
    for word in shlex.split(more):
        if word.startswith("--"):
            dropping = word.partition("=")[0] in flags
        if not dropping:
            kept.append(word)
    return shlex.join(kept)
