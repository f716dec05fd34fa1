"""The engine over TCP: who is refused, where it listens, what becomes of its token."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib

import httpx
import pytest

from tests.later import Later
from tests.workbench.serving.front_server import TOKEN, fronted
from workbench.errors import EngineError, UsageError
from workbench.serving import process
from workbench.serving.client import Engine

pytestmark = pytest.mark.slow

openai = Later("openai")

AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def engine(shared_engine) -> Engine:
    return shared_engine


# -- who is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {b"authorization": b"Bearer \xff"},
    ],
)
def test_without_the_token_nothing_is_answered(url, headers):
    for path in ("/models", "/chat/completions", "/nothing"):
        response = httpx.post(url + path, headers=headers, content=b"{")
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["error"]["code"] == "invalid_api_key"
        assert TOKEN not in response.text


def test_a_wrong_token_is_the_clients_authentication_error(url):
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=url, api_key="wrong", max_retries=0).models.list()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.", ""])
def test_a_page_of_another_name_that_points_here_is_refused(url, host):
    response = httpx.get(f"{url}/models", headers=AUTHORIZED | {"host": host})
    assert response.status_code == 403
    assert "owned_by" not in response.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000"])
def test_this_machines_own_names_are_served(url, host):
    assert httpx.get(f"{url}/models", headers=AUTHORIZED | {"host": host}).status_code == 200


def test_a_page_of_another_origin_is_told_nothing_that_lets_it_read(url):
    origin = {"origin": "https://page.example", "access-control-request-method": "POST"}
    for response in (
        httpx.options(f"{url}/chat/completions", headers=origin),
        httpx.options(f"{url}/chat/completions", headers=origin | AUTHORIZED),
        httpx.get(f"{url}/models", headers=origin | AUTHORIZED),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    ["/wb/stop", "/wb/status", "/wb/load", "/wb/explain", "/v1/models/../../wb/stop", "/", "/v1"],
)
def test_nothing_but_openais_own_calls_is_served(url, engine, path):
    base = url.removesuffix("/v1")
    for verb in ("GET", "POST"):
        response = httpx.request(verb, base + path, headers=AUTHORIZED, json={})
        assert response.status_code in (404, 405), response.text
        assert response.json()["error"]["message"]
    assert engine.status()["pid"] == engine.pid  # still there


def raw(url: str, target: str, host: str = "localhost", verb: str = "GET") -> tuple[int, bytes]:
    """Status and answer to a request whose bytes no client library has tidied."""
    address, port = url.split("//")[1].split("/")[0].split(":")
    head = f"{verb} {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\n"
    body = "" if verb == "GET" else "content-length: 0\r\n"
    answer = b""
    with socket.create_connection((address, int(port)), 30) as connection:
        connection.sendall(f"{head}{body}connection: close\r\n\r\n".encode("latin-1"))
        while block := connection.recv(65536):
            answer += block
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("call", ["status", "stop", "load", "release", "explain", "cancel/x"])
@pytest.mark.parametrize(
    "way",
    [
        *("/v1/models/../../wb/", "/v1/models/%2e%2e/%2e%2e/wb/", "/v1/models/..%2f..%2fwb%2f"),
        *("/v1/models/%2E%2E%2F%2E%2E%2Fwb/", "/v1/models/%252e%252e%252f%252e%252e%252fwb/"),
        *("/v1/models/..\\..\\wb\\", "/v1/models/..%5c..%5cwb%5c", "/v1/models/./.././../wb/"),
        *("/v1/../wb/", "/v1/chat/completions/../../../wb/", "//wb/", "/v1//../wb/", "/%77b/"),
        *("http://localhost/wb/", "http://engine/wb/", "http://localhost/v1/models/../../wb/"),
        *("/v1/models;/../../wb/", "/v1/models/..;/..;/wb/", "/v1/models/%00/../../../wb/"),
        *("/v1/models#/../wb/", "/v1/models/%c0%ae%c0%ae/wb/", "*/wb/"),
    ],
)
def test_no_spelling_of_a_path_reaches_the_private_calls(url, engine, call, way):
    for verb in ("GET", "POST"):
        status, answer = raw(url, way + call, verb=verb)
        assert status in (400, 404, 405), answer
        for private in (b"uptime_s", b"served", b"process_bytes"):
            assert private not in answer.replace(b"is not served", b"")
    assert engine.status()["pid"] == engine.pid  # still there, and nothing was released


def test_a_model_is_found_by_its_name_in_any_spelling_of_it(url):
    for target in ("/v1/models/demo", "/v1/models/d%65mo", "/v1/models/demo?x=/wb/status"):
        assert raw(url, target)[0] == 200
    for target in ("/v1/models/", "/v1/models/demo/", "/v1/models//demo", "/v1/models/../models"):
        assert raw(url, target)[0] == 404


@pytest.mark.parametrize(
    "host", ["localhost:80@evil.example", "[::1]evil.example", "localhost:1:2", "a@127.0.0.1"]
)
def test_a_host_that_only_begins_as_ours_is_refused(url, host):
    assert raw(url, "/v1/models", host)[0] == 403


def test_a_body_beyond_the_bound_is_refused_before_it_is_read(url):
    from workbench.serving.protocol import MAX_BODY

    host, port = url.split("//")[1].split("/")[0].split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
            f"authorization: Bearer {TOKEN}\r\ncontent-length: {MAX_BODY + 1}\r\n\r\n"
        )
        connection.sendall(head.encode())
        answer = connection.recv(4096)
    assert b" 413 " in answer.split(b"\r\n")[0]


def test_an_image_beyond_the_bound_is_refused_by_name(client):
    def block(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)  # 2.7 GB once decoded
    bomb = b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", zlib.compress(b""))
    url = "data:image/png;base64," + base64.b64encode(bomb).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}]
    with pytest.raises(openai.BadRequestError, match="pixels"):
        client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": content}]
        )


# -- the address and the token -------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.1"])
def test_only_loopback_is_listened_on(host):
    from workbench.serving.loopback import listen

    with pytest.raises(UsageError, match="loopback"):
        listen(host, 0)


def test_a_port_that_is_taken_is_said(url):
    from workbench.serving.loopback import listen

    with pytest.raises(EngineError, match="cannot be listened on") as caught:
        listen("127.0.0.1", int(url.split(":")[2].split("/")[0]))
    assert "--port" in caught.value.hint


def test_a_token_file_is_made_private_and_kept(tmp_path):
    from workbench.serving.gateway_token import token_from

    path = tmp_path / "token"
    token = token_from(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 40 and token_from(path) == token
    path.chmod(0o640)
    with pytest.raises(UsageError, match="by others") as caught:
        token_from(path)
    assert token not in str(caught.value) + caught.value.hint
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(UsageError, match="no token"):
        token_from(path)
    with pytest.raises(UsageError, match="plain file"):
        token_from(tmp_path)
    with pytest.raises(UsageError):
        token_from(tmp_path / "no" / "folder")


def test_the_command_listens_on_loopback_alone_brings_the_engine_back_and_logs_no_token(tmp_path):
    import psutil

    argv = [sys.executable, "-m", "commands.main", "engine", "serve", "--port", "0"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pids = set()
    try:
        assert child.stdout is not None and child.stderr is not None
        url = child.stdout.readline().strip()
        token = child.stderr.readline().removeprefix("token: ").strip()
        pids.add(process.lock_owner())
        both = [psutil.Process(child.pid), psutil.Process(process.lock_owner())]
        listening = [
            c.laddr for p in both for c in p.net_connections("inet") if c.status == "LISTEN"
        ]
        assert [(a.ip, f"http://{a.ip}:{a.port}/v1") for a in listening] == [("127.0.0.1", url)]
        # What anyone on the machine can see of a process.
        assert token not in " ".join(psutil.Process(child.pid).cmdline())
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/models", headers=headers).status_code == 200
        os.kill(process.lock_owner(), signal.SIGKILL)
        while process.is_running():
            time.sleep(0.02)
        again = httpx.get(f"{url}/models", headers=headers, timeout=60)
        assert again.status_code == 200, again.text
        pids.add(process.lock_owner())
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
        assert child.returncode == 0, err
        assert out == "" and token not in err
        assert process.is_running()  # the engine stays
        for file in (tmp_path / "wb").rglob("*"):
            assert not file.is_file() or token.encode() not in file.read_bytes(), file
    finally:
        child.kill()
        child.communicate()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(pid, signal.SIGKILL)


def test_ending_it_ends_what_is_under_way_with_an_error(shared_engine, shared_home, monkeypatch):
    monkeypatch.setenv("WB_HOME", str(shared_home))
    asked = {"model": "demo", "messages": [{"role": "user", "content": "?"}], "max_tokens": 1900}
    with fronted() as url:
        stream = httpx.stream(
            *("POST", f"{url}/chat/completions"),
            headers=AUTHORIZED,
            json=asked | {"stream": True, "temperature": 50.0, "seed": 5},
            timeout=60,
        )
        response = stream.__enter__()
        lines = response.iter_lines()
        assert next(lines).startswith("data: ")
    assert any('"kind": "stopping"' in line for line in lines)
    stream.__exit__(None, None, None)
