"""`wb models load`: load a model and adapters into the engine before the first prompt."""

from __future__ import annotations

from typing import Any

import click

from commands.asking import check_exists, model_options, model_values, note_base, tell_loading
from workbench.interrupt import interruptible

_SKIP = {"model", "adapter"}


def _several(function: Any) -> Any:
    """The model's options, but for `--model` (an argument here) and `--adapter` (several)."""
    kept = len(getattr(function, "__click_params__", ()))
    function = model_options()(function)
    own, added = function.__click_params__[:kept], function.__click_params__[kept:]
    function.__click_params__ = [*own, *(p for p in added if p.name not in _SKIP)]
    return function


@click.command()
@click.argument("model", default="demo")
@_several
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="[NAME=]ADAPTER",
    help="Keep this adapter in memory too: a folder or a run; repeat for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def load(adapters: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Load a model and adapters into the engine before the first prompt.

    First you see the memory that the weights take and the free memory, then the progress. Ctrl-C
    gives up. A prompt names an adapter by its folder, its run or the name given here; it then
    reads no file.

    \b
    Example:
      wb models load demo
      wb models load ./my-model --quantization 4bit --adapter nlvr=runs/a/adapter --adapter b=01k2
    """
    from dataclasses import replace

    from commands.printing import echo_json
    from workbench.errors import Cancelled
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.serving.client import Engine

    spec = chosen_spec(model_values(flags | {"adapter": None}), ModelSpec())
    wishes = [_wish(text) for text in adapters]
    for adapter in (None, *(path for _, path in wishes)):
        check_exists(replace(spec, adapter=adapter))
        note_base(replace(spec, adapter=adapter))
    with Engine.connect(start=True) as engine, interruptible() as pressed:
        tell = tell_loading()
        try:
            model = engine.load(spec, tell, pressed, wishes)
        except Cancelled:
            raise Cancelled("cancelled: the model is not loaded", hint="load it again") from None
        tell("ready", 1.0)
    if as_json:
        echo_json(model)
        return
    _show(model)


def _wish(text: str) -> tuple[str, str]:
    """`(name, adapter)` out of what was typed; a folder whose name has a `=` is taken as it is."""
    from workbench.errors import UsageError
    from workbench.models.locate import existing_path

    name, sign, folder = text.partition("=")
    if not sign or existing_path(text) is not None:
        return "", text
    if not name or not folder:
        raise UsageError(f"--adapter wants NAME=ADAPTER or ADAPTER; got {text!r}", kind="bad_knob")
    return name, folder


def _show(model: dict[str, Any]) -> None:
    from workbench.models.memory import gigabytes
    from workbench.text import clean

    held = f"{gigabytes(model['memory_bytes'])} on {model['device']}"
    click.echo(clean(f"{model['model']}: {model['dtype']}, {held}", newlines=False))
    for one in model["adapters"]:
        name = f"{one['name']} = " if one["name"] else ""
        size = gigabytes(one["memory_bytes"])
        click.echo(clean(f"  {name}{one['path']}: {one['kind']}, {size}", newlines=False))
