"""Why a key of Runs does not apply to what is chosen, in a line; the footer offers it not then.

Not for doing anything: see `actions` and `control`.
"""

from __future__ import annotations

from workbench.app.runs.control import why_no_control
from workbench.app.runs.reading import RunSummary

NO_RUN = "there is no run yet: e in Explore evaluates one, n in Jobs (3) starts one"
_COMPARED = "two runs are compared: Space on A or B takes its mark off first"
_OF_A_RUN = (
    *("enter", "mark", "view", "matrix", "bookmark", "rate", "copy", "delete", "filter", "sort"),
    *("export", "copy_some"),
    *("resume", "pause", "go_on", "resize", "ask_again"),
)


def why_not(
    action: str,
    run: RunSummary | None,
    *,
    comparing: bool = False,
    marked: int = 0,
    in_samples: bool = False,
    answers: bool = True,
    uid: str | None = None,
) -> str:
    """Why an action does nothing now; empty where it does something.

    Args:
        action: Its name, as the bindings have it.
        run: The chosen run.
        comparing: Two runs stand in the place of one.
        marked: How many runs are marked.
        in_samples: The samples of the run have the focus.
        answers: The run has samples with answers, or will have.
        uid: Of the sample under the cursor.
    """
    if action == "side":
        return "" if comparing else "+ and - are of two compared runs: Space marks A, then B"
    if action == "copy_uid":
        return "" if uid else "the cursor is on no sample: Enter goes into the run's samples"
    if run is None:
        return NO_RUN if action in _OF_A_RUN else ""
    if action in ("view", "filter", "sort", "export", "copy_some") and comparing:
        return _COMPARED
    if action in ("filter", "sort") and not answers:
        return "this training has no answers: there are no samples to narrow or to sort"
    if action == "export" and run.kind != "eval":
        return "the answers of a training are not exported"
    if action == "matrix":
        if run.kind == "train":
            return "a training has no confusion matrix; a lists its answers"
        return _COMPARED if comparing else ""
    if action == "resume":
        return _COMPARED if comparing else _why_no_resume(run)
    if action == "rate":
        return "" if run.kind == "eval" or marked else "the answers of a training are not rated"
    if action == "delete" and run.state == "running":
        return "it is running: cancel its job first (3 Jobs, x)"
    if action in ("pause", "go_on", "resize", "ask_again"):
        if comparing:
            return _COMPARED
        what = "this training" if run.kind == "train" else "this run"
        why = why_no_control(action, what, run.state, run.standing)
        if action == "ask_again" and not why and not in_samples:
            return "Enter goes into the samples: R there asks the one under the cursor again"
        return why
    return ""


def _why_no_resume(run: RunSummary) -> str:
    if run.state == "done":
        return "this run is done: there is nothing to resume; e in Explore evaluates anew"
    if run.word == "paused":
        return "this run is paused: p goes on with it"
    return "this run is still running" if run.state == "running" else ""
