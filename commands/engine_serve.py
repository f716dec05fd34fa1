"""`wb engine serve`: the engine for OpenAI clients, on this machine's loopback address."""

from __future__ import annotations

from pathlib import Path

import click

from commands.paths import WriteFile


@click.command()
@click.option("--port", default=8000, show_default=True, help="0 for a free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Another address of this machine's own."
)
@click.option(
    "--token-file",
    type=WriteFile(),
    help="Keep the token in this file (0600); it is made if it does not exist.",
)
def serve(port: int, host: str, token_file: Path | None) -> None:
    """Serve the model to OpenAI clients on 127.0.0.1, until Ctrl-C.

    Prints the base URL. The token is the clients' API key. It is new each time and printed once on
    stderr, unless --token-file keeps one. Requests go to the one engine process, so the model is
    held once. Only chat completions and the list of models are served: nobody can stop the engine
    this way.

    \b
    Example:
      wb engine serve --port 8000 --token-file ~/.wb-token
      OPENAI_API_KEY=$(cat ~/.wb-token) wb prompt demo/test/000012 \\
        --model openai:http://127.0.0.1:8000#demo
    """
    import asyncio

    from workbench.errors import UsageError
    from workbench.serving import gateway
    from workbench.serving.client import Engine
    from workbench.serving.gateway_token import new_token, token_from
    from workbench.serving.loopback import listen, url_of

    if not 0 <= port <= 65535:
        raise UsageError(f"--port {port} is none", hint="1 to 65535, or 0 for a free one")
    listener = listen(host, port)
    token = token_from(token_file) if token_file else new_token()
    # An engine that does not come up is told here, not to the first client.
    Engine.connect(start=True).close()

    def ready(_leave: object) -> None:
        click.echo(url_of(listener))
        where = f"in {token_file}" if token_file else token
        click.echo(f"token: {where}\nCtrl-C ends it; the engine stays", err=True)

    asyncio.run(gateway.serve(listener, token, ready))
