"""`wb runs answers`: the answers that are kept so that nobody asks twice."""

from __future__ import annotations

import click

from commands.printing import echo_json, echo_table
from workbench.times import ago


@click.command()
@click.option("--clear", is_flag=True, help="Forget all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def answers(clear: bool, as_json: bool) -> None:
    """Show whose answers are kept for later runs, how many, and their bytes; or forget them.

    `wb run-eval` takes an answer from here if the very same question was answered before by the
    same weights in the same circumstances. Beyond keep_answers_mb (a setting; 0 keeps none) the
    answers that were used longest ago go. Runs do not depend on what is here.

    \b
    Example:
      wb runs answers
      wb runs answers --clear
    """
    from sessions.kept_answers import FILE_NAME, KeptAnswers, any_kept, bound_bytes
    from sessions.paths import database_dir

    gone, used, scopes = 0, 0, []
    path = database_dir(create=False) / FILE_NAME
    if any_kept():
        with KeptAnswers.open() as kept:
            gone = kept.clear() if clear else 0
            scopes, used = kept.scopes(), kept.bytes()
    count = sum(scope.count for scope in scopes)
    if as_json:
        echo_json(
            {
                "path": str(path),
                "answers": count,
                "bytes": used,
                "bound_bytes": bound_bytes(),
                "forgotten": gone,
                "scopes": [
                    {"digest": s.digest, "answers": s.count, "since": s.made, "of": dict(s.facts)}
                    for s in scopes
                ],
            }
        )
        return
    if clear:
        click.echo(f"{gone} answers forgotten")
        return
    rows = [
        (
            str(scope.facts.get("model") or ""),
            str(scope.facts.get("adapter") or ""),
            str(scope.facts.get("dtype") or ""),
            str(scope.facts.get("identity") or "")[:8],
            scope.count,
            ago(scope.made),
        )
        for scope in scopes
    ]
    echo_table(
        ("MODEL", "ADAPTER", "DTYPE", "WEIGHTS", "ANSWERS", "SINCE"), rows, empty="no answers kept"
    )
    mb, most = used / 2**20, bound_bytes() / 2**20
    click.echo(f"{count} answers, {mb:.1f} of {most:,.0f} MB in {path}", err=True)
