"""From a typed `wb …` line to the words of a job, checked by the commands themselves.

Guarantee: nothing is run by a shell; what a shell would act on (`|`, `>`, `$(…)`) is refused with
the reason, since a job would take it as plain words.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import UsageError

_SHELL = {"|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1", "&>"}
CHECK_S = 20.0  # importing the commands takes a fraction of a second, on a loaded machine some


def split_line(line: str) -> list[str]:
    """The words after `wb`. Raises `UsageError` for what is no single `wb` command."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"the line cannot be split: {error}", hint="close the quotes") from error
    if words[:1] == ["wb"]:
        words = words[1:]
    if not words:
        raise UsageError("the line is empty", hint="for example: wb run-eval --dataset demo")
    for word in words:
        if word in _SHELL or word.startswith(("$(", "`")):
            raise UsageError(
                f"a job is one command and no shell reads it: {word} means nothing here",
                hint="put several commands in a script of your own",
            )
    # It is a job already; a command that put itself aside once more would look done at once.
    return [word for word in words if word != "--detach"]


@dataclass(frozen=True)
class LineVerdict:
    """What the commands say of a line.

    Attributes:
        problem: Why it would not start, empty where nothing is known against it.
        hint: What to do about that.
        about: The flag, or the key of a config, that it is about; may be empty.
        notes: What was not checked, since only a hub, a server or the start tells it.
        told: What is good to know of it: a limit above what there is.
    """

    problem: str = ""
    hint: str = ""
    about: str = ""
    notes: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What is wrong and what to do about it."""
        return f"{self.problem} ({self.hint})" if self.hint else self.problem


def check_words(argv: Sequence[str]) -> LineVerdict:
    """Whether the words after `wb` would start, by the commands themselves. Blocks."""
    try:
        found = subprocess.run(
            [sys.executable, "-P", "-m", "commands.parse_only", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return LineVerdict(notes=(f"the data were not read within {CHECK_S:g} s",))
    except OSError as error:
        return LineVerdict(f"the line could not be checked: {error}")
    try:
        said = json.loads(found.stdout.strip().splitlines()[-1])
        notes, told = tuple(said["notes"]), tuple(said["told"])
        return LineVerdict(said["problem"], said["hint"], said["about"], notes, told)
    except (LookupError, ValueError, TypeError):
        lines = found.stderr.strip().splitlines()
        return LineVerdict(lines[-1] if lines else "the line is not understood")
