"""Images at URLs: only when asked for, never from a private address, redirects included."""

from __future__ import annotations

import contextlib
import gzip
import io
import threading
import time
import tracemalloc
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from workbench.errors import ImageError
from workbench.images import fetch
from workbench.images.fetch import decoded, fetch_image, is_public, public_addresses
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
        elif self.path == "/nowhere":
            self.send_response(302)
            self.end_headers()
        elif self.path == "/badport":
            self.send_response(302)
            self.send_header("Location", "http://localhost:99999/?token=canary")
            self.end_headers()
        elif self.path in ("/drip", "/dripped-head"):
            self.drip(b"HTTP/1.1 200 OK\r\n\r\n" if self.path == "/drip" else b"HTTP/1.1 200 OK")
        elif self.path in self.server.encoded:
            encoding, body = self.server.encoded[self.path]
            self.send_response(200)
            self.send_header("Content-Encoding", encoding)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)
        else:
            self.send_error(404)

    def drip(self, head):
        """A byte now and then, for ever: never silent for as long as a read waits."""
        with contextlib.suppress(OSError):
            self.wfile.write(head)
            while not self.server.ending.wait(0.02):
                self.wfile.write(b"x")

    def log_message(self, *args):
        pass


@pytest.fixture
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.encoded, server.ending = [], {}, threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.ending.set()
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
    monkeypatch.setattr(fetch, "MAX_IMAGE_BYTES", 50_000)
    with pytest.raises(ImageError, match="larger than 50,000 bytes"):
        fetch_image(url(host, "/large"), allowed=True)


def test_a_host_that_does_not_answer_is_one_clear_error(trusted):
    with pytest.raises(ImageError, match="cannot be fetched"):
        fetch_image("http://localhost:1/a.png", allowed=True)


NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.254
    169.254.0.0 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.9 192.0.0.170
    192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.9
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::8.8.8.8 ::ffff:0:0 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:8.8.8.8
    ::ffff:100.64.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254
    64:ff9b:1:: 64:ff9b:1::8.8.8.8 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 100::1 100:0:0:1::1
    2001::1 2001:0:808:808:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1
    2001:db8::1 2002:7f00:1:: 2002:a00:1:: 2002:808:808:: 3fff::1 4000::1 5f00::1
    fc00::1 fd00::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 feff:ffff::1 ff02::1 ff0e::1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.167.255.255
    192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
    2606:4700:4700::1111 2001:200::1 2001:4860:4860::8888 2003::1 2a00:1450::1
    ::ffff:8.8.8.8 64:ff9b::8.8.8.8
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_private_addresses_are_known_in_every_disguise(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_pass(address: str):
    assert is_public(address)


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


def test_the_connection_goes_to_the_address_that_was_checked(host, monkeypatch):
    """A name that means another address when it is asked again is not asked again."""
    asked = []
    port = host.server_address[1]

    def resolve(name, *_args, **_more):
        asked.append(name)
        return [(2, 1, 6, "", ("127.0.0.1", port))] if name == "sly.example" else []

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr(fetch, "is_public", lambda address: len(asked) == 1)
    assert fetch_image(f"http://sly.example:{port}/a.png", allowed=True) == picture()
    assert asked == ["sly.example"]
    assert host.seen[0][1] == f"sly.example:{port}"


@pytest.mark.parametrize("port", ["99999", "-1", "65536", "http"])
def test_an_impossible_port_is_one_clear_error(port):
    with pytest.raises(ImageError, match="port"):
        fetch_image(f"http://h.example:{port}/a.png?token=canary", allowed=True)


@pytest.mark.parametrize(
    "written", ["http://[::1/a.png", "http:///a.png", "http://", "http://[x]/"]
)
def test_a_url_that_is_none_is_one_clear_error(written):
    with pytest.raises(ImageError):
        fetch_image(written, allowed=True)


def test_a_bad_url_takes_no_other_sample_down(host, trusted, tmp_path):
    from workbench.data.adding import add_dataset
    from workbench.data.source import open_source

    rows = ["id,text,image", "0,a,http://h:99999/x.png", f"1,b,{url(host, '/a.png')}"]
    rows += ["2,c,http://[::1/x.png", f"3,d,{url(host, '/a.png')}"]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    add_dataset("odd", [str(tmp_path / "t.csv")], id="id", texts={"text": "text"}, image=["image"],
                fetch=True)  # fmt: skip
    ends = []
    for sample in open_source("odd").iter():
        try:
            ends.append(sample.images[0].load().size if not sample.error else sample.error)
        except ImageError as error:
            ends.append(error.message)
    assert "port" in ends[0] and ends[1] == ends[3] == (5, 4) and isinstance(ends[2], str)


def test_a_redirect_to_nowhere_or_an_impossible_port_is_one_clear_error(host, trusted):
    with pytest.raises(ImageError, match="answered 302"):
        fetch_image(url(host, "/nowhere"), allowed=True)
    with pytest.raises(ImageError, match="port") as caught:
        fetch_image(url(host, "/badport"), allowed=True)
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("path", ["/drip", "/dripped-head"])
def test_the_time_in_all_is_kept_however_steadily_bytes_drip(host, trusted, monkeypatch, path):
    monkeypatch.setattr(fetch, "TOTAL_S", 0.4)
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"not whole after"):
        fetch_image(url(host, path), allowed=True)
    assert time.monotonic() - began < 10


def test_a_caller_with_an_event_loop_of_its_own_is_served(host, trusted):
    """As in a notebook."""
    import asyncio

    async def cell():
        return fetch_image(url(host, "/a.png"), allowed=True)

    assert asyncio.run(cell()) == picture()


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
def test_one_layer_of_compression_is_read(host, trusted, encoding):
    body = zlib.compress(picture()) if encoding == "deflate" else gzip.compress(picture())
    host.encoded["/packed"] = (encoding, body)
    assert fetch_image(url(host, "/packed"), allowed=True) == picture()


@pytest.mark.slow
def test_what_is_compressed_is_bounded_by_what_it_becomes(host, trusted, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_IMAGE_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(60_000_000), 9)
    host.encoded["/bomb"] = ("gzip", gzip.compress(bytes(60_000_000), 9))
    host.encoded["/twice"] = ("gzip, gzip", gzip.compress(bomb, 9))
    host.encoded["/both"] = ("gzip, br", b"x")
    del bomb
    for path, words in (("/bomb", "larger"), ("/twice", "gzip, gzip"), ("/both", "gzip, br")):
        tracemalloc.start()
        with pytest.raises(ImageError, match=words):
            fetch_image(url(host, path), allowed=True)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()


def test_a_compressed_body_that_is_damaged_or_cut_off_is_said():
    with pytest.raises(ImageError, match="damaged"):
        decoded(b"not gzip", "gzip", "x")
    with pytest.raises(ImageError, match="cut off"):
        decoded(gzip.compress(b"abc" * 100)[:-9], "gzip", "x")


def test_no_message_repeats_the_secrets_of_a_url(host, trusted):
    for path in ("/gone?token=canary", "/nowhere?X-Amz-Signature=canary", "/round?sig=canary"):
        with pytest.raises(ImageError) as caught:
            fetch_image(url(host, path), allowed=True)
        assert "canary" not in str(caught.value) + caught.value.hint
    with pytest.raises(ImageError) as caught:
        fetch_image("http://localhost:1/a?sig=canary", allowed=True)
    assert "canary" not in str(caught.value)
