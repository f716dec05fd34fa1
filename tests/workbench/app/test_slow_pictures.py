"""Pictures of a host that does not answer: the texts stand, and whoever goes on waits for none."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from tests.workbench.app.explore_bench import bench
from workbench.data.adding import add
from workbench.errors import Cancelled
from workbench.images import fetch
from workbench.images.fetch import fetch_image, fetched_unless

SLOW = 4  # more than a picture has lanes


class Host(ThreadingHTTPServer):
    """Answers for `last.png` alone; of the others it keeps the connection until `ends` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.ends, self.asked, self.given_up = threading.Event(), threading.Semaphore(0), 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self):
        if self.path == "/last.png":
            body = io.BytesIO()
            Image.new("RGB", (40, 30), "red").save(body, "PNG")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body.getvalue())))
            self.end_headers()
            self.wfile.write(body.getvalue())
            return
        self.server.asked.release()
        self.connection.settimeout(0.02)
        while not self.server.ends.is_set():
            try:
                if not self.connection.recv(1):
                    self.server.given_up += 1
                    return
            except TimeoutError:
                continue
            except OSError:
                self.server.given_up += 1
                return

    def log_message(self, format, *args):  # noqa: A002
        pass


@pytest.fixture
def host(monkeypatch) -> Iterator[Host]:
    monkeypatch.setenv("WB_FETCH_ALLOW", "127.0.0.1")
    for wait in ("TIMEOUT_S", "TOTAL_S"):  # longer than a test waits for anything
        monkeypatch.setattr(fetch, wait, 600.0)
    host = Host()
    thread = threading.Thread(target=host.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield host
    host.ends.set()
    host.shutdown()
    host.server_close()
    thread.join()


def test_a_fetch_that_is_given_up_ends_at_once_and_closes_its_connection(host):
    left = threading.Event()

    def leave() -> None:
        assert host.asked.acquire(timeout=30)
        left.set()

    leaver = threading.Thread(target=leave)
    leaver.start()
    with pytest.raises(Cancelled), fetched_unless(left.is_set):
        fetch_image(f"{host.url}/slow.png", allowed=True)
    leaver.join()
    for _ in range(1000):
        if host.given_up:
            break
        host.ends.wait(0.02)
    assert host.given_up == 1


async def test_texts_stand_while_a_picture_is_fetched_and_going_on_waits_for_no_picture(
    host, tmp_path
):
    names = [f"slow{n}" for n in range(SLOW)] + ["last"]
    rows = [f"q{n},{host.url}/{name}.png,Is it {name}?" for n, name in enumerate(names)]
    file = tmp_path / "far.csv"
    file.write_text("\n".join(["id,image,question", *rows]) + "\n")
    add("far", file, fetch=True)
    async with bench((120, 40)) as b:
        b.explore.open_split("far/far")
        for name in names[:-1]:
            await b.until(lambda name=name: f"Is it {name}?" in b.text() and "fetching" in b.text())
            assert "fetching" in b.text()
            await b.until(lambda: host.asked.acquire(blocking=False))
            await b.pilot.press("j")
        # None of the four answers: their connections are closed, and the fifth is drawn.
        await b.until(lambda: b.explore.widgets.image._frame is not None)
        assert b.explore.view.uid.endswith("q4")
        assert "40×30" in b.text()
        await b.until(lambda: host.given_up == SLOW)
