"""`wb completion`: the script that makes a shell complete `wb`."""

from __future__ import annotations

import click

_WHERE = {
    "bash": "source <(wb completion bash)      # in ~/.bashrc",
    "zsh": "source <(wb completion zsh)       # in ~/.zshrc, after compinit",
    "fish": "wb completion fish | source       # in ~/.config/fish/config.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(_WHERE)))
def command(shell: str) -> None:
    """Print the shell completion script.

    \b
    Example:
      source <(wb completion bash)      # in ~/.bashrc
      source <(wb completion zsh)       # in ~/.zshrc, after compinit
      wb completion fish | source       # in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from commands.main import cli

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(maker(cli, {}, "wb", "_WB_COMPLETE").source())
