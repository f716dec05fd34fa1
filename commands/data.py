"""`wb data`: list, describe, add and remove datasets."""

from __future__ import annotations

from typing import Any

import click

from commands.completing import complete_datasets
from commands.data_duplicates import duplicates
from commands.data_export import export
from commands.data_hub import cache, mode, verify
from commands.data_table import echo_understood
from commands.groups import Group
from commands.printing import echo_json, echo_table

_TASKS = [
    *("statement", "entailment", "question", "caption", "classification", "grounding", "other")
]


class Format(click.ParamType):
    """A format of tables; those of plug-ins are looked up when one is typed, not before."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The formats of `wb` itself."""
        return "[delimited|jsonlines|jsonarray|parquet|arrow|webdataset|PLUG-IN]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was typed. Fails for one that nothing reads."""
        from workbench.data.readers.opening import FORMATS, formats

        if value not in FORMATS and value not in formats():
            self.fail(f"{value!r} is not one of {', '.join(formats())}", param, ctx)
        return value


@click.group(cls=Group)
def command() -> None:
    """List, add and describe datasets.

    \b
    Example:
      wb data list
      wb data info nlvr1
      wb data add mine train.csv --text question=q --label answer --image 'img/{id}.jpg'
    """


@command.command("list")
@click.option(
    "--sort",
    type=click.Choice(["name", "task", "samples"]),
    help="Order (default: the shipped ones first, then by name); samples: the most first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(sort: str | None, as_json: bool) -> None:
    """List the datasets.

    \b
    Example:
      wb data list --json
      wb data list --sort samples
    """
    from workbench.data.registry import list_datasets

    found = list_datasets(sort or "")
    if as_json:
        echo_json([info.to_json() for info in found])
        return
    rows = []
    for info in found:
        splits = ", ".join(f"{name} {_count(n)}" for name, n in info.splits.items())
        rows.append((info.name, "" if info.error else info.task, info.error or splits))
    echo_table(("NAME", "TASK", "SPLITS"), rows)


@command.command()
@click.argument("dataset", shell_complete=complete_datasets)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def info(dataset: str, as_json: bool) -> None:
    """Describe one dataset: its splits, files, columns and licence.

    \b
    Example:
      wb data info demo
    """
    from workbench.data.describing import describe_dataset, understood
    from workbench.prompts.preview import preview
    from workbench.text import clean

    body = describe_dataset(dataset)
    table = understood(dataset, preview)
    if as_json:
        echo_json(body | {"understood": table.to_json() if table else None})
        return
    for key in ("name", "description", "task", "where", "licence", "kind", "error"):
        if body.get(key):
            click.echo(clean(f"{key:<12} {body[key]}", newlines=False))
    if body["labels"]:
        click.echo(clean(f"{'labels':<12} {', '.join(body['labels'])}", newlines=False))
    for role, column in body["schema"].items():
        click.echo(clean(f"{'reads':<12} {role} from {column}", newlines=False))
    if body.get("mode"):
        click.echo(f"{'mode':<12} {body['mode']}")
    if body.get("folder"):
        click.echo(clean(f"{'cached in':<12} {body['folder']}", newlines=False))
    for split, facts in body["split_details"].items():
        bad = f", {facts['bad']} unreadable" if facts.get("bad") else ""
        words = facts.get("error") or f"{_count(facts['length'])} samples{bad}"
        words += f", {facts['cached']:,} of them cached" if "cached" in facts else ""
        words += f", revision {facts['revision']}" if facts.get("revision") else ""
        click.echo(clean(f"{'split':<12} {split}: {words}", newlines=False))
        for root in facts.get("images_in", ()):
            click.echo(clean(f"{'images in':<12} {split}: {root}", newlines=False))
        if prefix := facts.get("image_prefix"):
            said = f"{'image paths':<12} {split}: without {prefix}"
            click.echo(clean(said, newlines=False))
        for note in facts.get("notes", ()):
            click.echo(clean(f"{'note':<12} {split}: {note}", newlines=False))
    if table is not None:
        echo_understood(table)


@command.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True)
@click.option("--id", "id_", help="Column or template; hash (the default) or auto to make one.")
@click.option("--text", "texts", multiple=True, help="ROLE=COLUMN or COLUMN; repeat for several.")
@click.option("--label", help="Column of the label or short answer.")
@click.option("--labels", help="The closed set: a,b,c, or 0=a,1=b to name raw values.")
@click.option("--reference", "references", multiple=True, help="Column of further answers.")
@click.option("--explanation", "explanations", multiple=True, help="Column of explanations.")
@click.option(
    "--option",
    "options",
    multiple=True,
    help="Column of one option (repeat for each), or of a list of options.",
)
@click.option("--image", multiple=True, help="Column, or a path template; repeat for a pair.")
@click.option(
    "--image-root", help="Folder of the images (default: the file's own; '' for that alone)."
)
@click.option("--image-prefix", help="What image paths begin with elsewhere, taken off them.")
@click.option(
    "--objects",
    help="Column of boxes or points and its format: COLUMN:xyxy, xywh, coco, xyxy01, xy, boxes, "
    "nlvr1.",
)
@click.option("--metadata", multiple=True, help="Keep only these other columns ('' for none).")
@click.option("--task", type=click.Choice(_TASKS), help="The task of the dataset.")
@click.option(
    "--split", "splits", multiple=True, help="NAME, or NAME=FILTER such as train='2<800'."
)
@click.option("--where", help="Only the rows that pass this filter.")
@click.option("--delimiter", help="One character, or tab (default: found in the first line).")
@click.option("--encoding", help="Encoding of the text (default utf-8).")
@click.option(
    "--format", "format_", type=Format(), help="The format, if the file's ending is misleading."
)
@click.option("--records", help="Key of the list in a JSON document.")
@click.option(
    "--no-header", is_flag=True, help="The first line is a row, not a header; columns are 0, 1, ..."
)
@click.option("--no-quotes", is_flag=True, help="A quote has no meaning in this table.")
@click.option("--fetch", is_flag=True, help="Fetch images at URLs when they are needed.")
@click.option("--description", help="One line for `wb data list`.")
@click.option("--licence", help="The data's licence.")
@click.option("--like", help="A known layout: nlvr2, esnlive, vqa, ...")
@click.option("--replace", is_flag=True, help="Replace a dataset of that name.")
@click.option("--allow-missing", is_flag=True, help="Add the dataset even if not one image exists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def add(
    name: str, files: tuple[str, ...], allow_missing: bool, as_json: bool, **options: Any
) -> None:
    """Add your own CSV, TSV, JSON, Parquet or folder of images as a dataset.

    Write FILES as SPLIT=FILE, or each split has the name of its file. Options that you leave out
    are guessed from the columns, and each guess is printed. The mapping is kept in
    $WB_HOME/datasets/NAME.toml; the files stay where they are.
    hub:OWNER/REPO is a dataset of a Hugging Face hub; hf:OWNER/REPO is one that only the datasets
    library can stream.

    \b
    Example:
      wb data add mine train.csv --text question=q --label answer --image 'img/{id}.jpg'
      wb data add nlvr1 dev.json --id identifier --text sentence=sentence \\
          --label label --image 'images/{directory}/dev-{identifier}-0.png'
      wb data add easy questions.json --text question=0 --label 1 \\
          --image 'images/{2}.png' --split train='2<800' --split test='2>=800'
      wb data add photos folder/
      wb data add nlvr2 ~/data/nlvr2
    """
    from workbench.data.adding import add as add_table
    from workbench.data.describing import try_samples
    from workbench.data.missing_images import check_images
    from workbench.data.tables.mapping import TableMapping
    from workbench.data.understood import Understood, understand
    from workbench.prompts.preview import preview
    from workbench.text import clean

    tables: list[Understood] = []
    guesses: list[str] = []

    def check(mapping: TableMapping) -> None:
        tables.append(understand(mapping, preview))
        if not allow_missing:
            check_images(tables[0], mapping)

    wishes: dict[str, Any] = {**_wishes(options), "guesses": guesses}
    try:
        added = add_table(name, list(files), check=check, **wishes)
    finally:
        for guess in guesses:
            click.echo(clean(f"taken  {guess}", newlines=False), err=True)
    table = tables[0] if tables else None
    tried, problems = try_samples(name)
    if as_json:
        facts = {"bad": added.bad, "guessed": list(added.guessed), "problems": problems}
        facts |= {"notes": added.notes, "understood": table.to_json() if table else None}
        echo_json(added.info.to_json() | facts | {"mapping": str(added.path)})
        return
    splits = ", ".join(f"{s} {_count(n)}" for s, n in added.info.splits.items())
    click.echo(clean(f"{name}: {splits} samples", newlines=False))
    if table is not None:
        echo_understood(table)
    for note in added.notes:
        click.echo(clean(f"note   {note}", newlines=False), err=True)
    if problems:
        click.echo(f"{len(problems)} of {tried} samples tried have a problem:", err=True)
        for uid, problem in list(problems.items())[:3]:
            click.echo(clean(f"  {uid}: {problem}", newlines=False), err=True)
    if table is not None and table.likely:
        import shlex

        again = shlex.join(
            ["wb", "data", "add", name, *files, *_typed(), "--replace", *table.likely]
        )
        lacks = "no label" if "--text" not in table.likely else "no text and no label"
        words = f"{lacks} was found; with your columns: {again}"
        click.echo(clean(words, newlines=False), err=True)


@command.command()
@click.argument("name", shell_complete=complete_datasets)
def rm(name: str) -> None:
    """Remove an added dataset; its files stay where they are.

    \b
    Example:
      wb data rm mine
    """
    from workbench.data.adding import remove_dataset

    click.echo(f"removed {remove_dataset(name)}; its files are unchanged", err=True)


command.add_command(cache)
command.add_command(verify)
command.add_command(mode)
command.add_command(export)
command.add_command(duplicates)


def _typed() -> list[str]:
    """The options that were typed, once more as words, without those that a hint proposes anew."""
    ctx, words = click.get_current_context(), []
    for option in ctx.command.params:
        name = str(option.name)
        typed = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if isinstance(option, click.Option) and typed and name not in ("texts", "label", "replace"):
            value, flag = ctx.params[name], option.opts[0]
            values = value if isinstance(value, tuple) else (value,)
            words += [flag] if value is True else [w for one in values for w in (flag, str(one))]
    return words


def _count(length: int | None) -> str:
    return "endless" if length is None else f"{length:,}"


def _wishes(options: dict[str, Any]) -> dict[str, Any]:
    """The words of the flags in the words of the core; `None` where nothing was said."""
    from workbench.data.readers.opening import ReadOptions

    delimiter = {"tab": "\t", "\\t": "\t"}.get(options["delimiter"] or "", options["delimiter"])
    texts = [text.partition("=") for text in options["texts"]]
    metadata, labels = options["metadata"], options["labels"]
    return {
        "id": options["id_"],
        "texts": {role: column if equals else role for role, equals, column in texts if role}
        if texts
        else None,
        "label": options["label"],
        "labels": None if labels is None else [w for w in labels.split(",") if w.strip()],
        "references": options["references"] or None,
        "explanations": options["explanations"] or None,
        "options": options["options"] or None,
        "image": options["image"] or None,
        "image_root": options["image_root"],
        "image_prefix": options["image_prefix"],
        "objects": options["objects"],
        "metadata": [column for column in metadata if column] if metadata else None,
        "task": options["task"],
        "splits": options["splits"] or None,
        "where": options["where"],
        "fetch": options["fetch"] or None,
        "description": options["description"],
        "licence": options["licence"],
        "like": options["like"],
        "replace": options["replace"],
        "read": ReadOptions(
            format=options["format_"] or "",
            delimiter=delimiter or "",
            encoding=options["encoding"] or "utf-8",
            header=not options["no_header"],
            quotes=not options["no_quotes"],
            records=options["records"] or "",
        ),
    }
