"""Settings as defaults of the options with the same name.

Guarantee: only a setting that the user chose (in the file or a variable) becomes a default. Other
options keep the command's own default. A flag wins over both.
"""

from __future__ import annotations

import sys
from typing import Any

import click

# Those that ask a model, or draw. Elsewhere an option of the same name is a filter (`bookmark
# list --dataset`), or what is recorded must rule (`replay`, `train`).
ASKING = frozenset({"prompt", "gradcam", "run-eval", "infer", "gallery", "similar"})


def settings_for(name: str, command: click.Command | None) -> dict[str, Any]:
    """A click `default_map` for one command, by the settings; exports those read elsewhere.

    Raises:
        UsageError: The settings are wrong and the command would use them.
    """
    from workbench.config import load_settings

    asking = name in ASKING
    # A typing error in the file must not keep anyone from `wb jobs cancel` or `wb config unset`.
    settings = load_settings(strict=asking and "--help" not in sys.argv)
    settings.export()
    if not asking or command is None:
        return {}
    return {name: _defaults(command, settings.chosen())}


def _defaults(command: click.Command, chosen: dict[str, Any]) -> dict[str, Any]:
    if isinstance(command, click.Group):
        return {name: _defaults(sub, chosen) for name, sub in command.commands.items()}
    options = {str(p.name) for p in command.params if isinstance(p, click.Option)}
    return {name: value for name, value in chosen.items() if name in options}
