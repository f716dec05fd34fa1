"""What a hub's answer means that is no success: try again, or say what is wrong, and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.data.hub.environment import HubError, Remote, endpoint, token

if TYPE_CHECKING:
    import httpx


class RetryableHubError(Exception):
    """A failure that may pass: `wait_s` where the hub said when."""

    def __init__(self, words: str, wait_s: float | None = None) -> None:
        super().__init__(words)
        self.wait_s = wait_s


def changed(remote: Remote) -> HubError:
    """The error for a file that is another one than was listed."""
    return HubError(
        f"{remote.name} is not the file any more that was listed",
        hint="the repository has changed: open the dataset again",
        lasting=True,
    )


def refusal(response: httpx.Response, what: str, remote: Remote | None) -> Exception:
    """What an answer means that is no success: `RetryableHubError`, or the error to show."""
    from workbench.text import clean

    status = response.status_code
    code = response.headers.get("x-error-code", "")
    words = clean(response.headers.get("x-error-message", ""), newlines=False)[:200]
    if status in (408, 425, 429) or status >= 500:
        said = "it is asked too often (429)" if status == 429 else f"the hub answers {status}"
        return RetryableHubError(said, _wait_of(response.headers))
    if status == 416 and remote is not None:
        return changed(remote)
    known = token() is not None
    log_in = "log in with `hf auth login`, or set HF_TOKEN"
    if status == 401 or (status == 403 and code != "GatedRepo"):
        if known:
            message = f"the hub does not let this token read {what} ({status})"
            hint = "is the name right, and may your account read it? HF_TOKEN goes before the login"
        else:
            message = f"the hub shows {what} to nobody without a login ({status})"
            hint = f"is the name right? For a private or gated repository {log_in}"
        return HubError(message, hint=hint, lasting=True)
    if status == 403:
        page = f"{endpoint()}/datasets/{remote.repo}" if remote else f"the page of {what}"
        hint = f"ask for access on {page}" + ("" if known else f", then {log_in}")
        return HubError(f"{what} is gated: {words or 'ask for access'}", hint=hint, lasting=True)
    if status == 404:
        missing = {
            "RepoNotFound": f"the hub has no dataset {what}",
            "RevisionNotFound": f"{what}: the hub has no such revision (any more)",
            "EntryNotFound": f"{what} is not in the repository (any more)",
        }.get(code, f"the hub has no {what} (404)")
        hint = "check the name on the hub" if code == "RepoNotFound" else "open the dataset again"
        return HubError(missing, hint=hint, lasting=True)
    return HubError(f"the hub answers {status} to {what}: {words}", lasting=True)


def _wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that the hub asks to wait: `Retry-After`, or the `t=` of its `RateLimit`."""
    found = re.match(r"^\s*(\d+(?:\.\d+)?)\s*$", headers.get("retry-after", ""))
    if not found and "r=0" in headers.get("ratelimit", ""):
        found = re.search(r";\s*t=(\d+)", headers["ratelimit"])
    return float(found[1]) if found else None
