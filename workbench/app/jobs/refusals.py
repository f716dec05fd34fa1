"""Why a key of Jobs does not apply to the chosen job, in a line; the footer offers it not then.

Not for doing anything: see `actions`.
"""

from __future__ import annotations

from workbench.app.jobs.reading import JobSummary
from workbench.app.runs.control import why_no_control

NO_JOB = "there is no job yet: n starts one"
_OF_A_JOB = ("cancel", "retry", "pause", "go_on", "resize", "log", "delete", "copy", "copy_log")


def why_not(action: str, job: JobSummary | None) -> str:
    """Why an action does nothing now; empty where it does something.

    Args:
        action: Its name, as the bindings have it.
        job: The chosen job.
    """
    if job is None:
        return NO_JOB if action in _OF_A_JOB else ""
    if action == "cancel" and job.cancelling:
        return "this job is being cancelled already"
    if action == "cancel" and not job.live:
        return f"this job is {job.state}: x cancels one that runs, d deletes the record of this one"
    if action == "retry" and job.live:
        return f"this job is {job.word}: r runs an ended one again"
    if action == "delete" and job.live:
        return f"this job is {job.word}: x cancels it, d deletes the record of an ended one"
    return why_no_control(action, "this job", job.state, job.standing)
