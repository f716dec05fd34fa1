"""Secrets inside URLs: struck out of every text that leaves."""

from __future__ import annotations

import json
import time

import pytest

from sessions.redact import holds_secret, redacted, without_secrets

CANARY = "canary5up3r"
URLS = [
    f"https://me:{CANARY}@host.example/a.png",
    f"https://{CANARY}@host.example/a.png",
    f"https://me:{CANARY}@with-at@host.example:8443/a.png?x=1#y",
    f"ftp://me:{CANARY}@host/x",
    f"https://h/a.png?token={CANARY}",
    f"https://h/a.png?x=1&access_token={CANARY}&y=2",
    f"https://h/a.png?X-Amz-Credential={CANARY}%2F1&X-Amz-Signature={CANARY}&X-Amz-Expires=60",
    f"https://h/a.png?X-Goog-Signature={CANARY}",
    f"https://h/a.png?sv=2020&sig={CANARY}%3D&se=1",
    f"https://h/a.png?AWSAccessKeyId=1&Signature={CANARY}",
    f"https://h/a.png?api_key={CANARY}",
    f"https://h/a.png?apikey={CANARY}",
    f"https://h/a.png?key={CANARY}",
    f"https://h/a.png?password={CANARY}",
    f"https://h/a.png?client_secret={CANARY}",
    f"https://h/a.png?a=1&amp;token={CANARY}",
    f"https://h/a.png?jwt={CANARY}",
    f"https://h/#access_token={CANARY}",
    f"https://h/?next=https%3A%2F%2Fme%3A{CANARY}%40host%2Fa",
    f"https://h/?next=https%3A%2F%2Fhost%2Fa%3Ftoken%3D{CANARY}",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_loses_its_secret_and_nothing_else(url):
    for text in (url, f"see {url}, or <{url}> or '{url}'.", f"{url} {url}\n{url}"):
        out = without_secrets(text)
        assert CANARY not in out and "***" in out
        assert without_secrets(out) == out and not holds_secret(out)
        assert out.split("://")[0] == text.split("://")[0]


@pytest.mark.parametrize(
    "text",
    [
        "https://host.example:8443/a.png?x=1&author=me&signal=2&monkey=3#part",
        *("https://medium.com/@me/x", "me@example.org", "git@github.com:a/b.git"),
        *("openai:http://127.0.0.1:8000/v1#some/model@rev", "a=1&b=2", "token = 5", "100%"),
        *("hub:some/data", "C:\\\\dir", "statement/true-false@1", "what? key: a; b=c", ""),
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert without_secrets(text) == text


@pytest.mark.slow
def test_a_hostile_text_is_read_in_no_time():
    began = time.monotonic()
    for text in ("?" + "token" * 40_000, "&" * 200_000, "a://" * 50_000, "%3A%2F%2F" * 20_000,
                 "https://" + "a" * 200_000, "?" + "a-" * 100_000, "%3F" * 50_000):  # fmt: skip
        without_secrets(text)
    assert time.monotonic() - began < 20


def test_values_are_redacted_in_all_their_depth_and_keys_are_kept():
    value = {"a": [URLS[0], {"b": (URLS[4], 1, None)}], "text": URLS[0], URLS[5]: 1}
    out = redacted(value, keep=frozenset({"text"}))
    assert out["text"] == URLS[0] and URLS[5] in out
    assert CANARY not in json.dumps(out["a"])


# -- where text leaves ---------------------------------------------------------------------------


def files(home) -> str:
    return "".join(p.read_text("utf-8", "replace") for p in home.rglob("*") if p.is_file())


@pytest.mark.parametrize("url", URLS[:6])
def test_no_error_repeats_it(url):
    from sessions.errors import WbError

    error = WbError(f"{url} is gone", hint=f"try {url}")
    said = str(error) + repr(error) + json.dumps(error.to_json()) + str(error.__notes__)
    assert CANARY not in said + error.message + error.hint


@pytest.mark.parametrize("url", URLS[:6])
def test_no_record_and_no_export_holds_it_but_where_it_was_asked(url, tmp_path):
    from sessions.exporting import to_csv, to_jsonl, to_markdown
    from sessions.records import GradcamRecord, PromptRecord
    from sessions.session_log import SessionLog

    content = [{"type": "image", "name": url, "url": url}, {"type": "text", "text": "What?"}]
    record = PromptRecord(
        images=({"sha256": "", "name": url, "url": url},),
        messages=({"role": "user", "content": content},),
        model=url,
        engine=url,
        environment={"server": url},
        error={"kind": "bad_image", "message": f"{url} is gone", "hint": url},
    )
    log = SessionLog.open("s")
    log.append_many([record, GradcamRecord(uid="a/b/c", method=url)])
    assert CANARY not in files(tmp_path / "wb")
    for export in (to_jsonl, to_csv, lambda records: to_markdown("s", records)):
        assert CANARY not in export(log.records())


def test_a_record_keeps_the_words_that_were_asked_and_said(tmp_path):
    """A replay asks them again."""
    from sessions.records import PromptRecord
    from sessions.session_log import SessionLog

    turn = {"role": "user", "content": [{"type": "text", "text": URLS[0]}]}
    log = SessionLog.open("s")
    log.append(PromptRecord(messages=(turn,), text=URLS[0]))
    (back,) = log.records()
    assert isinstance(back, PromptRecord) and back.text == URLS[0]
    assert back.messages[0]["content"][0]["text"] == URLS[0]


@pytest.mark.parametrize("url", URLS[:6])
def test_no_job_is_started_with_it_on_its_command_line(url, tmp_path):
    from sessions.errors import RecordError
    from sessions.jobs import job_ids, start

    for argv, title in ((["echo", f"--from={url}"], "t"), (["echo"], url)):
        with pytest.raises(RecordError, match="password or a token") as caught:
            start(argv, title=title)
        assert CANARY not in caught.value.message + caught.value.hint
    assert job_ids() == []
    start(["true"], title="t", env={"MIRROR": url}).wait(60)
    assert CANARY not in files(tmp_path / "wb")


def test_no_run_tells_it_of_the_environment(monkeypatch, tmp_path):
    from sessions.runs import Run

    monkeypatch.setenv("HF_ENDPOINT", URLS[0])
    Run.create({"dataset": "demo"}, key="k").close()
    found = files(tmp_path / "wb")
    assert "HF_ENDPOINT" in found and CANARY not in found
