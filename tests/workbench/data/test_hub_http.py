"""What a hub can do to a reader: drop, refuse, redirect, be slow; retried where that helps."""

from __future__ import annotations

import threading

import pytest

from tests.hub_server import Hub
from workbench.data.hub import http_requests, send
from workbench.data.hub.environment import HubError, Remote, endpoint, is_offline, token
from workbench.data.hub.repository import get_listing

BODY = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def remote(fast_hub: Hub) -> Remote:
    fast_hub.commit("a/b", {"data/x.parquet": BODY, "small.csv": b"id\n1\n2\n"})
    return get_listing("a/b").remote("data/x.parquet")


def test_a_range_is_what_was_asked_for(remote):
    assert http_requests.read_range(remote, 1000, 1010) == BODY[1000:1010]
    assert http_requests.read_range(remote, len(BODY) - 3, len(BODY)) == BODY[-3:]


def test_the_redirect_is_asked_for_once_and_used_again(fast_hub, remote):
    fast_hub.asked.clear()
    for at in (0, 100, 200):
        http_requests.read_range(remote, at, at + 10)
    assert ["/cdn/" in a.path for a in fast_hub.asked] == [False, True, True, True]


def test_ranges_one_after_another_come_over_one_connection(fast_hub, remote):
    http_requests.read_range(remote, 0, 10)
    before = fast_hub.connections
    for at in range(0, 1000, 100):
        assert http_requests.read_range(remote, at, at + 50) == BODY[at : at + 50]
    http_requests.read_range(remote, len(BODY) - 3, len(BODY))
    assert fast_hub.connections == before


def test_a_connection_that_was_dropped_while_idle_is_made_anew(fast_hub, remote):
    http_requests.read_range(remote, 0, 10)
    fast_hub.hang_up()
    fast_hub.asked.clear()
    assert http_requests.read_range(remote, 0, 10) == BODY[:10]
    assert len(fast_hub.asked) == 1


def test_a_signed_address_that_has_expired_is_asked_for_anew(fast_hub, remote):
    http_requests.read_range(remote, 0, 10)
    fast_hub.fault("/cdn/", status=403)
    assert http_requests.read_range(remote, 10, 20) == BODY[10:20]


def test_a_connection_dropped_in_the_middle_is_taken_up_where_it_broke(fast_hub, remote):
    fast_hub.fault("/cdn/", drop_after=300_000)
    fast_hub.fault("/cdn/", drop_after=200_000)
    assert http_requests.read_range(remote, 0, len(BODY)) == BODY
    starts = [int(r.removeprefix("bytes=").split("-")[0]) for r in fast_hub.ranges()]
    assert starts == [0, 300_000, 500_000]


def test_a_hub_that_always_drops_is_given_up_with_one_message(fast_hub, remote):
    fast_hub.fault("/cdn/", drop_after=100, times=1000)
    with pytest.raises(HubError) as caught:
        http_requests.read_range(remote, 0, len(BODY))
    assert "cannot be fetched after 5 tries" in caught.value.message
    assert "x.parquet" in caught.value.message
    assert "try again later" in caught.value.hint
    assert len(fast_hub.ranges()) == http_requests.TRIES


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_tried_again(fast_hub, remote, status):
    fast_hub.fault("resolve", status=status, times=2)
    assert http_requests.read_range(remote, 0, 5) == BODY[:5]


@pytest.mark.parametrize(("status", "words"), [(429, "asked too often"), (500, "answers 500")])
def test_a_lasting_failure_is_told_after_a_limited_number_of_tries(fast_hub, remote, status, words):
    fast_hub.fault("resolve", status=status, times=1000)
    with pytest.raises(HubError, match=words):
        http_requests.read_range(remote, 0, 5)
    assert sum("resolve" in a.path for a in fast_hub.asked) == http_requests.TRIES


def test_while_a_hub_is_down_one_try_is_enough(fast_hub, remote):
    fast_hub.fault("resolve", status=503, times=1000)
    with pytest.raises(HubError):
        http_requests.read_range(remote, 0, 5)
    fast_hub.asked.clear()
    with pytest.raises(HubError):
        http_requests.read_range(remote, 0, 5)
    assert len(fast_hub.asked) == 1


def test_the_pauses_grow_and_the_hub_may_ask_for_its_own(fast_hub, remote, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(http_requests, "pause", pauses.append)
    monkeypatch.setattr(http_requests.random, "random", lambda: 0.5)
    fast_hub.fault("resolve", status=500, times=3)
    fast_hub.fault("resolve", status=429, headers={"Retry-After": "7"})
    http_requests.read_range(remote, 0, 5)
    assert pauses == [0.5, 1.0, 2.0, 7.0]
    pauses.clear()
    fast_hub.fault("/cdn/", status=403)
    fast_hub.fault("resolve", status=429, headers={"RateLimit": '"api";r=0;t=11'})
    http_requests.read_range(remote, 0, 5)
    assert pauses == [11.0]


def test_a_wait_that_is_too_long_is_told_and_not_waited_for(fast_hub, remote, monkeypatch):
    monkeypatch.setattr(http_requests, "pause", lambda s: pytest.fail("waited"))
    fast_hub.fault("resolve", status=429, headers={"Retry-After": "900"})
    with pytest.raises(HubError, match="asks to wait 900 s"):
        http_requests.read_range(remote, 0, 5)


def test_without_a_login_a_private_repository_is_explained(fast_hub):
    fast_hub.commit("a/secret", {"x.csv": b"id\n1\n"}, token="right")
    with pytest.raises(HubError) as caught:
        get_listing("a/secret")
    assert "without a login (401)" in caught.value.message
    assert "HF_TOKEN" in caught.value.hint
    assert len(fast_hub.asked) == 1  # asking again does not help


def test_a_wrong_token_is_explained_and_never_shown(fast_hub, monkeypatch):
    fast_hub.commit("a/secret", {"x.csv": b"id\n1\n"}, token="right")
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    with pytest.raises(HubError, match="does not let this token read") as caught:
        get_listing("a/secret")
    assert "canary" not in caught.value.message + caught.value.hint


def test_a_gated_repository_names_the_page_to_ask_on(fast_hub, monkeypatch):
    fast_hub.commit("a/gate", {"x.csv": b"id\n1\n"}, token="right", gated=True)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(HubError, match="is gated: Access to dataset a/gate is restricted"):
        get_listing("a/gate")


def test_a_name_that_is_unknown_is_one_message(fast_hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    with pytest.raises(HubError, match="the hub has no dataset hub:a/none"):
        get_listing("a/none")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="without a login"):
        get_listing("a/none")


def test_an_unknown_revision_is_told(fast_hub, remote):
    with pytest.raises(HubError, match="no such revision"):
        get_listing("a/b", "v9")


def test_the_token_goes_to_the_hub_alone(fast_hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "right")
    fast_hub.commit("a/secret", {"x.parquet": BODY}, token="right")
    remote = get_listing("a/secret").remote("x.parquet")
    assert http_requests.read_range(remote, 0, 5) == BODY[:5]
    for asked in fast_hub.asked:
        assert asked.authorization == ("" if "/cdn/" in asked.path else "Bearer right")


def test_a_renamed_repository_is_followed(fast_hub, remote):
    fast_hub.rename("a/b", "a/c")
    assert get_listing("a/b", fresh=True).commit == remote.commit
    assert http_requests.read_range(remote, 0, 5) == BODY[:5]


def test_a_small_file_is_served_by_the_hub_itself(fast_hub, remote):
    small = get_listing("a/b").remote("small.csv")
    assert http_requests.read_range(small, 3, 6) == b"1\n2"


def test_a_server_without_ranges_is_read_past(fast_hub, remote, monkeypatch):
    monkeypatch.setattr("tests.hub_handler.re.fullmatch", lambda pattern, text: None)
    assert b"".join(http_requests.iter_range(remote, 500, 510)) == BODY[500:510]


def test_a_file_that_is_shorter_than_listed_is_refused(fast_hub, remote):
    shorter = fast_hub.repos["datasets", "a/b"].commits[remote.commit]["data/x.parquet"]
    http_requests.read_range(remote, 0, 5)
    shorter.content, shorter.size = BODY[:1000], 1000
    with pytest.raises(HubError, match="is not the file any more"):
        http_requests.read_range(remote, 100, 200)


def test_a_redirect_without_an_end_is_refused(fast_hub, remote):
    where = remote.url.removeprefix(fast_hub.url)
    fast_hub.fault("resolve", status=302, headers={"Location": where}, times=100)
    with pytest.raises(HubError, match="redirects more than"):
        http_requests.read_range(remote, 0, 5)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x"])
def test_a_redirect_to_another_kind_of_place_is_refused(fast_hub, remote, target):
    fast_hub.fault("resolve", status=302, headers={"Location": target})
    with pytest.raises(HubError, match="redirects to what is not https"):
        http_requests.read_range(remote, 0, 5)


def test_a_slow_hub_is_waited_for(fast_hub, remote):
    hold = threading.Event()
    fast_hub.fault("/cdn/", hold=hold)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(http_requests.read_range(remote, 0, 5)))
    reader.start()
    assert not found
    hold.set()
    reader.join(60)
    assert found == [BODY[:5]]


def test_a_hub_that_sends_no_byte_is_tried_again(fast_hub, remote, monkeypatch):
    import httpx

    http_requests._forget()
    client = send.client()
    client.timeout = httpx.Timeout(0.05)
    hold = threading.Event()
    fast_hub.fault("/cdn/", hold=hold)
    assert http_requests.read_range(remote, 0, 5) == BODY[:5]
    hold.set()


def test_an_answer_that_is_no_json_is_told(fast_hub, monkeypatch):
    fast_hub.fault("/api/", status=200)
    monkeypatch.setattr("tests.hub_handler.json.dumps", lambda body: "<html>")
    with pytest.raises(HubError, match="is no JSON"):
        get_listing("a/b")


def test_offline_nothing_is_sent(fast_hub, remote, monkeypatch):
    fast_hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert is_offline()
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        http_requests.read_range(remote, 0, 5)
    assert fast_hub.asked == []


def test_nobody_listens_is_one_message(fast_hub, monkeypatch):
    fast_hub.close()
    with pytest.raises(HubError, match="cannot be fetched after 5 tries"):
        get_listing("a/b")


def test_words_of_the_hub_are_cleaned(fast_hub, remote):
    fast_hub.fault("resolve", status=418, headers={"X-Error-Message": "\x1b[31mtea\x9b0m"})
    with pytest.raises(HubError) as caught:
        http_requests.read_range(remote, 0, 5)
    assert not set(caught.value.message) & set("\x1b\x9b")


def test_the_token_comes_from_the_environment_or_the_login(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.delenv("HF_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert token() is None
    (tmp_path / "token").write_text("hf_login\n")
    assert token() == "hf_login"
    monkeypatch.setenv("HF_TOKEN", "hf_env")
    assert token() == "hf_env"
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert endpoint() == "https://huggingface.co"
