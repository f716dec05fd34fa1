"""How every command ends: exit code 0 done, 1 failed, 2 wrong usage; never a traceback.

With `--json` an error is also a JSON document on stdout, so a script sees it.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable

import click

from sessions.errors import WbError
from sessions.redact import without_secrets


def report(error: WbError) -> None:
    """Print one error: JSON on stdout where `--json` was asked for, words on stderr always."""
    from workbench.text import clean

    if "--json" in sys.argv[1:]:
        from commands.printing import json_text

        click.echo(json_text(error.to_json(), indent=None))
    click.echo(f"error: {clean(error.message)}", err=True)
    if error.hint:
        click.echo(f"hint: {clean(error.hint)}", err=True)


def _show(error: click.ClickException) -> None:
    """As click shows it, but for the secrets of URLs that were typed."""
    words = io.StringIO()
    error.show(file=words)
    click.echo(without_secrets(words.getvalue()), nl=False, err=True)


def run_guarded(command: Callable[..., object]) -> None:
    """Run a click command and turn every expected failure into a message and an exit code.

    What it prints to a terminal is cleaned, the traceback of a bug too.
    """
    from workbench.terminal import protect

    protect()
    try:
        code = command(standalone_mode=False)
    except WbError as error:
        report(error)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        # `wb runs` asks what there is: that is answered, not refused.
        click.echo(error.format_message())
        sys.exit(0)
    except click.UsageError as error:
        if "--json" in sys.argv[1:]:
            body = {
                "kind": "usage",
                "message": without_secrets(error.format_message()),
                "hint": "see --help",
            }
            click.echo(json.dumps({"error": body}))
        _show(error)
        sys.exit(2)
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("aborted", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader left (`wb … | head`): not a failure, and nothing may be printed any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        # Whatever room it comes from: a full disk in the midst of a training, a name that is too
        # long for a file. A traceback would hide the one line that helps.
        from sessions.paths import of_os_error

        report(of_os_error(error))
        sys.exit(1)
    except MemoryError:
        report(WbError("there is not enough memory", hint="end other processes", kind="memory"))
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
