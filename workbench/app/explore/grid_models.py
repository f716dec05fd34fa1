"""Whether the models of a grid's form would start, looked at beside the event loop.

Guarantee: the check is that of all forms (`workbench.models.standing`); what it found is said in
the form, and nothing is asked of a model that would fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.sweep_axes import Typed, spec_of

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.explore.sweep_form import SweepForm
    from workbench.app.tasks import CancelToken
    from workbench.models.spec import ModelSpec


def look_at_models(
    bench: WbApp, form: SweepForm, *, wait_s: float = 0.0, then: Callable[[], None] | None = None
) -> None:
    """Have the form say what would fail.

    Args:
        bench: Whose model is meant where the form names none.
        form: As it stands now; where its models change meanwhile, nothing is said.
        wait_s: In seconds; while somebody is typing nothing is read.
        then: Called where none of them would fail.
    """
    named, typed, present = form.named, form.typed, bench.spec

    def work(token: CancelToken) -> None:
        if token.wait(wait_s):
            return
        problems, notes = models_standing(typed, present)
        if not token.cancelled:
            bench.call_soon(looked, problems, notes)

    def looked(problems: dict[str, str], notes: str) -> None:
        if not form.is_running:
            return
        form.stand(named, problems, notes)
        if then is not None and form.stood and not form.problems:
            then()

    bench.tasks.run("model check", work)


def models_standing(form: Typed, present: ModelSpec) -> tuple[dict[str, str], str]:
    """What would fail, by field, and what was not checked, of all models that a form asks."""
    from workbench.models.standing import specs_standings

    try:
        found = specs_standings(specs_of(form, present))
    except WbError as error:
        return {"model": error.message}, ""
    wrong = [one for one in found if one.state == "cannot"]
    notes = [one.words for one in found if one.state == "not checked"]
    return {one.about.removeprefix("--"): one.words for one in reversed(wrong)}, "; ".join(notes)


def specs_of(form: Typed, present: ModelSpec) -> list[ModelSpec]:
    """All models that a form asks, each once. Raises `UsageError` where one cannot be meant."""
    models, adapters = (
        form.axes.get(name) or (form.single[name],) for name in ("model", "adapter")
    )
    pairs = [{"model": model, "adapter": adapter} for model in models for adapter in adapters]
    return list(dict.fromkeys(spec_of(pair, present) for pair in pairs))
