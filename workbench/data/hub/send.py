"""One request to a hub: its redirects are followed by hand, its refusals put into words.

Guarantee: the token goes to the hub alone, never to where it redirects, and is in no message; a
redirect leads from https to https only. A failure that may pass is a `RetryableHubError`;
`workbench.data.hub.http_requests` tries it again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from workbench.data.hub.environment import HubError, Remote, endpoint, token
from workbench.data.hub.refusal import RetryableHubError, changed, refusal

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0  # without a byte
IDLE_S = 30.0  # a connection is kept for the next jump for so long
MAX_REDIRECTS = 5

_lock = threading.Lock()
_client: httpx.Client | None = None
_signed: dict[str, str] = {}  # a file's URL -> where the hub last redirected to


def forget() -> None:
    """In a forked child: connections of the parent's are not ours."""
    global _lock, _client
    _lock, _client = threading.Lock(), None
    _signed.clear()


def client() -> httpx.Client:
    """The process's client; it may be used from several threads."""
    global _client
    import httpx

    with _lock:
        if _client is None:
            host = urlsplit(endpoint()).hostname or ""
            local = host in ("localhost", "::1") or host.startswith("127.")
            timeout = httpx.Timeout(TIMEOUT_S, connect=10.0, pool=60.0)
            _client = httpx.Client(
                timeout=timeout,
                limits=httpx.Limits(keepalive_expiry=IDLE_S),
                follow_redirects=False,
                trust_env=not local,  # the user's proxies, but not to this machine itself
                headers={"User-Agent": "vlm-workbench", "Accept-Encoding": "identity"},
            )
        return _client


class Send:
    """A request whose redirects are followed by hand; a context that gives the last answer.

    The address of a redirect is kept and used again until it is refused: a file costs one
    request to the hub, and then one per range.
    """

    def __init__(
        self, url: str, headers: dict[str, str], what: str, remote: Remote | None = None
    ) -> None:
        self._url, self._headers, self._what, self._remote = url, headers, what, remote
        self._response: httpx.Response | None = None

    def __enter__(self) -> httpx.Response:
        import httpx

        try:
            self._response = self._follow()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise RetryableHubError(_reason(error)) from error
        return self._response

    def __exit__(self, kind: type | None, error: BaseException | None, _trace: object) -> None:
        import httpx

        if self._response is not None:
            self._response.close()
        if isinstance(error, (httpx.HTTPError, OSError)):
            raise RetryableHubError(_reason(error)) from error

    def _follow(self) -> httpx.Response:
        kept = _signed.get(self._url) if self._remote else None
        if kept is not None:
            response = self._get(kept)
            if response.status_code in (200, 206):
                return response
            response.close()  # it has expired, or points to another version: ask the hub anew
            _signed.pop(self._url, None)
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._get(url)
            if not response.is_redirect:
                return self._checked(response)
            self._check_version(response)
            target = urljoin(url, response.headers["location"])
            _check_redirect(url, target, self._what)
            response.close()
            url = target
            if self._remote and urlsplit(url).netloc != urlsplit(self._url).netloc:
                _signed[self._url] = url
        raise HubError(f"{self._what} redirects more than {MAX_REDIRECTS} times", lasting=True)

    def _get(self, url: str) -> httpx.Response:
        headers = dict(self._headers)
        secret = token()
        if secret and urlsplit(url).netloc == urlsplit(endpoint()).netloc:
            headers["Authorization"] = f"Bearer {secret}"
        request = client().build_request("GET", url, headers=headers)
        return client().send(request, stream=True)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.status_code in (200, 206):
            self._check_version(response)
            return response
        try:
            error = refusal(response, self._what, self._remote)
        finally:
            response.close()
        raise error

    def _check_version(self, response: httpx.Response) -> None:
        """Raise where the hub says that the content is another than was listed."""
        if self._remote is None or "x-repo-commit" not in response.headers:
            return
        named = response.headers.get("x-linked-etag") or response.headers.get("etag") or ""
        etag = named.removeprefix("W/").strip('"')
        if etag and self._remote.etag and etag != self._remote.etag:
            response.close()
            raise changed(self._remote)


def _check_redirect(url: str, target: str, what: str) -> None:
    before, after = urlsplit(url), urlsplit(target)
    safe = after.scheme == "https" or (after.scheme == "http" and before.scheme == "http")
    if not safe or not after.hostname:
        raise HubError(f"{what} redirects to what is not https", lasting=True)


def _reason(error: Exception) -> str:
    from workbench.text import clean

    return clean(str(error) or type(error).__name__, newlines=False)[:200]
