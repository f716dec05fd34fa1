"""Images at URLs: only when asked for, never from a private address, redirects included."""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from workbench.data import fetch
from workbench.data.fetch import fetch_image, is_public, public_addresses
from workbench.errors import ImageError
from workbench.sample import ImageRef


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), "red").save(buffer, "PNG")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    """A small image host; counts what it was asked for."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"]))
        if self.path == "/a.png":
            body = picture()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/a.png")
            self.end_headers()
        elif self.path == "/inside":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/secret")
            self.end_headers()
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
        elif self.path == "/large":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(200):
                    self.wfile.write(b"\0" * 1000)
            except OSError:
                pass
        else:
            self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def url(server, path: str, name: str = "localhost") -> str:
    return f"http://{name}:{server.server_address[1]}{path}"


@pytest.fixture
def trusted(monkeypatch):
    """`localhost` is trusted by name; the address 127.0.0.1 is not."""
    monkeypatch.setenv("WB_FETCH_ALLOW", "localhost")


def test_a_url_is_not_fetched_unless_asked_for(host, trusted):
    with pytest.raises(ImageError, match="only when asked for"):
        ImageRef(url=url(host, "/a.png")).load()
    assert host.seen == []


def test_a_url_is_fetched_when_asked_for_and_then_kept(host, trusted):
    ref = ImageRef(url=url(host, "/a.png"), fetch=True)
    assert ref.load().size == (5, 4)
    assert len(ref.sha256()) == 64
    assert [path for path, _ in host.seen] == ["/a.png"]
    # What is there already may be looked at without asking again.
    assert ImageRef(url=url(host, "/a.png")).load().size == (5, 4)


def test_the_environment_can_ask_for_a_whole_process(host, trusted, monkeypatch):
    monkeypatch.setenv("WB_FETCH", "1")
    assert ImageRef(url=url(host, "/a.png")).load().size == (5, 4)


def test_the_host_is_asked_by_its_name_though_reached_by_its_address(host, trusted):
    fetch_image(url(host, "/a.png"), allowed=True)
    assert host.seen[0][1] == f"localhost:{host.server_address[1]}"


def test_loopback_is_refused_and_never_connected_to(host):
    for name in ("127.0.0.1", "localhost"):
        with pytest.raises(ImageError, match="private address"):
            fetch_image(url(host, "/a.png", name), allowed=True)
    assert host.seen == []


def test_a_redirect_within_a_trusted_host_is_followed(host, trusted):
    assert fetch_image(url(host, "/moved"), allowed=True) == picture()


def test_a_redirect_to_a_private_address_is_refused(host, trusted):
    with pytest.raises(ImageError, match="private address 127.0.0.1"):
        fetch_image(url(host, "/inside"), allowed=True)


def test_a_redirect_to_a_file_is_refused(host, trusted):
    with pytest.raises(ImageError, match="not http or https"):
        fetch_image(url(host, "/file"), allowed=True)


def test_redirects_without_end_are_given_up(host, trusted):
    with pytest.raises(ImageError, match="redirects more than"):
        fetch_image(url(host, "/round"), allowed=True)
    assert len(host.seen) == fetch.MAX_REDIRECTS + 1


def test_a_missing_image_says_what_the_host_answered(host, trusted):
    with pytest.raises(ImageError, match="answered 404"):
        fetch_image(url(host, "/gone.png"), allowed=True)


def test_a_body_larger_than_an_image_may_be_is_given_up(host, trusted, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_BYTES", 50_000)
    with pytest.raises(ImageError, match="larger than 50,000 bytes"):
        fetch_image(url(host, "/large"), allowed=True)


def test_a_host_that_does_not_answer_is_one_clear_error(trusted):
    with pytest.raises(ImageError, match="cannot be fetched"):
        fetch_image("http://localhost:1/a.png", allowed=True)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.5", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fc00::1", "::"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:0001::", "64:ff9b::7f00:1"),
        "fe80::1%eth0",
    ],
)
def test_private_addresses_are_known_in_every_disguise(address: str):
    assert not is_public(address)


def test_public_addresses_pass():
    assert is_public("8.8.8.8")
    assert is_public("2606:4700:4700::1111")


@pytest.mark.parametrize("written", ["2130706433", "0x7f000001", "127.1"])
def test_other_spellings_of_loopback_are_refused(written: str):
    with pytest.raises(ImageError):
        public_addresses(written, 80)


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    answers = [(2, 1, 6, "", ("8.8.8.8", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(ImageError, match=r"10\.0\.0\.1"):
        public_addresses("sly.example", 80)


def test_a_url_with_a_password_is_refused():
    with pytest.raises(ImageError, match="password"):
        fetch_image("http://user:secret@example.org/a.png", allowed=True)
