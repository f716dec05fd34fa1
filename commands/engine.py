"""`wb engine`: start, stop, serve and inspect the process that holds the model."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import Any

import click

from commands.engine_serve import serve
from commands.groups import Group

_ANSWER_S = 10.0  # a running engine that imports torch may take seconds to answer
_FORCE_S = 3.0  # who says --force has waited before
_wait = click.option("--wait", "wait_s", default=60.0, help="Seconds to wait for it.")
_idle = click.option(
    "--idle-minutes",
    type=float,
    help="The engine ends after this time without a request; 0 for never.  [30]",
)
_whole = click.option(
    "--no-prefix-cache",
    is_flag=True,
    help="Read every prompt whole, without the cache of shared beginnings.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """Start, stop and inspect the engine, the process that holds the model.

    One engine per user and WB_HOME holds the model, so the next prompt need not load it. It
    starts with the first prompt and ends after some time without one.

    \b
    Example:
      wb engine status
      wb engine start --load demo
      wb engine log --lines 50
    """


command.add_command(serve)


@command.command()
@_wait
@_idle
@_whole
@click.option("--load", "model", help="Load this model at once.")
@_json
def start(
    wait_s: float,
    idle_minutes: float | None,
    no_prefix_cache: bool,
    model: str | None,
    as_json: bool,
) -> None:
    """Start the engine, or find the one that runs.

    \b
    Example:
      wb engine start --idle-minutes 120
    """
    from commands.asking import check_exists, tell_loading
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.serving.client import Engine

    if no_prefix_cache:
        os.environ["WB_PREFIX_CACHE_MB"] = "0"  # the engine's process inherits it
    spec = chosen_spec({"model": model}, ModelSpec()) if model else None
    if spec is not None:
        check_exists(spec)
    with Engine.connect(start=True, wait_s=wait_s, idle_minutes=idle_minutes) as engine:
        if spec is not None:
            engine.load(spec, on_progress=tell_loading())
        status = engine.status()
        if no_prefix_cache and status["prefix_cache"]["max_bytes"] != 0:
            click.echo("it ran before and shares prefixes; restart it without", err=True)
        _show(status, as_json)


@command.command()
@click.option("--force", is_flag=True, help="Kill the engine if it does not answer.")
def stop(force: bool) -> None:
    """Stop the engine; answers in progress end as cancelled.

    \b
    Example:
      wb engine stop
    """
    from workbench.errors import EngineError
    from workbench.serving import process
    from workbench.serving.client import Engine

    try:
        wait_s = _FORCE_S if force else _ANSWER_S
        engine = Engine.connect(start=False, wait_s=wait_s, any_protocol=True)
        engine.stop(wait_s)
        click.echo(f"stopped {engine.pid}", err=True)
    except EngineError as error:
        if error.kind == "engine_off":
            click.echo("no engine is running", err=True)
        elif force and process.is_running():
            _kill()
        else:
            raise


@command.command()
@_wait
@_idle
@_whole
@_json
def restart(
    wait_s: float, idle_minutes: float | None, no_prefix_cache: bool, as_json: bool
) -> None:
    """Stop the engine and start a new one without a model.

    \b
    Example:
      wb engine restart
    """
    from workbench.errors import EngineError
    from workbench.serving.client import Engine

    if no_prefix_cache:
        os.environ["WB_PREFIX_CACHE_MB"] = "0"
    with contextlib.suppress(EngineError):
        Engine.connect(start=False, wait_s=_ANSWER_S, any_protocol=True).stop()
    with Engine.connect(start=True, wait_s=wait_s, idle_minutes=idle_minutes) as engine:
        _show(engine.status(), as_json)


@command.command()
@_json
def status(as_json: bool) -> None:
    """Show what the engine holds and does; exit with 1 if none runs.

    \b
    Example:
      wb engine status --json
    """
    from workbench.errors import EngineError
    from workbench.serving.client import Engine

    try:
        with Engine.connect(start=False, wait_s=_ANSWER_S) as engine:
            _show(engine.status(), as_json)
    except EngineError as error:
        if error.kind != "engine_off":
            raise
        if as_json:
            from commands.printing import echo_json

            echo_json({"state": "off"})
        click.echo("no engine is running", err=True)
        sys.exit(1)


@command.command()
@click.option("--lines", default=30, show_default=True, help="How many of the last lines.")
@click.option("--follow", is_flag=True, help="Keep printing until Ctrl-C.")
def log(lines: int, follow: bool) -> None:
    """Print the log of the engine.

    \b
    Example:
      wb engine log --follow
    """
    from workbench.serving import process
    from workbench.text import clean

    for line in process.log_tail(lines):
        click.echo(clean(line))
    path = process.log_path()
    if not path.exists():
        click.echo("no engine has run here yet", err=True)
        return
    if follow:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            while True:
                if line := stream.readline():
                    click.echo(clean(line.decode("utf-8", "replace").rstrip("\n")))
                else:
                    time.sleep(0.3)


def _kill() -> None:
    """End an engine that holds the lock and does not answer."""
    from workbench.errors import EngineError
    from workbench.serving import process

    pid = process.lock_owner()
    if pid is None:
        raise EngineError("the engine's process cannot be identified", hint="see: ps")
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while process.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    click.echo(f"killed {pid}", err=True)


def _show(status: dict[str, Any], as_json: bool) -> None:
    if as_json:
        from commands.printing import echo_json

        echo_json(status)
        return
    from workbench.text import clean
    from workbench.times import duration

    model = status["model"]
    rows = [
        ("engine", f"{status['pid']}, wb {status['version']}, up {duration(status['uptime_s'])}"),
        ("state", f"{status['state']}, {status['queue']} waiting, {status['serving']} served now"),
        ("answered", f"{status['served']} requests, {status['tokens']} tokens"),
        *([("at", _doing(status["doing"]))] if status.get("doing") else []),
        ("memory", f"process {_size(status['process_bytes'])}"),
    ]
    if model:
        name = model["model"] + (f" + {model['adapter']}" if model["adapter"] else "")
        rows += [
            ("model", clean(name, newlines=False)),
            ("held as", f"{model['dtype']}, {model['quantization']}, on {model['device']}"),
            ("weights", _size(model["memory_bytes"])),
            ("identity", model["identity"][:16]),
        ]
        rows += [("adapter", _adapter(one)) for one in model.get("adapters", ())]
    rows.append(("prefixes", _prefixes(status["prefix_cache"])))
    if status["leaves_after_s"]:
        rows.append(("leaves", f"after {duration(status['leaves_after_s'])} without a request"))
    for name, value in rows:
        click.echo(f"{name:9} {value}")


def _doing(found: dict[str, Any]) -> str:
    from workbench.text import clean
    from workbench.times import duration

    return clean(f"{found['what']}, {duration(found['silent_s'])} without progress", newlines=False)


def _prefixes(found: dict[str, Any]) -> str:
    if found["off"]:
        return f"read with each prompt: {found['off']}"
    bound = f" of {_size(found['max_bytes'])}" if found["max_bytes"] is not None else ""
    return (
        f"{found['entries']} kept, {_size(found['bytes'])}{bound}; {found['hits']} hits, "
        f"{found['tokens_saved']} tokens not read again"
    )


def _adapter(one: dict[str, Any]) -> str:
    from workbench.text import clean

    name = f"{one['name']} = {one['path']}" if one["name"] else one["path"]
    on = ", on" if one["active"] else ""
    return clean(f"{name} ({one['kind']}, {_size(one['memory_bytes'])}{on})", newlines=False)


def _size(count: int | None) -> str:
    if count is None:
        return "unknown"
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
