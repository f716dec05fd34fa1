"""Kept images: once each, whole, bounded, and never cleaned away while a session names them."""

from __future__ import annotations

import hashlib
import os

import pytest

from sessions import kept_images
from sessions.errors import RecordError
from sessions.records import PromptRecord
from sessions.session_log import SessionLog


def test_bytes_are_kept_once_privately_and_found_by_their_hash():
    first, again = kept_images.keep(b"picture"), kept_images.keep(b"picture")
    assert first == again == hashlib.sha256(b"picture").hexdigest()
    (image,) = kept_images.kept_images()
    assert (image.sha256, image.bytes) == (first, 7)
    assert image.path.stat().st_mode & 0o077 == 0
    assert kept_images.images_dir().stat().st_mode & 0o077 == 0
    assert kept_images.find(first) == b"picture"


@pytest.mark.parametrize("name", ["0" * 64, "../config.toml", "", "ü" * 64])
def test_what_is_no_kept_image_is_not_found(name):
    assert kept_images.find(name) is None


def test_a_damaged_file_is_not_handed_out_and_is_written_anew():
    digest = kept_images.keep(b"picture")
    path = kept_images.kept_images()[0].path
    path.write_bytes(b"pic")
    assert kept_images.find(digest) is None
    kept_images.keep(b"picture")
    assert kept_images.find(digest) == b"picture"


def test_the_bound_holds_and_says_what_frees_room(monkeypatch):
    monkeypatch.setenv("WB_KEEP_IMAGES_MB", "1")
    kept_images.keep(b"a" * 700_000)
    with pytest.raises(RecordError, match="700,000") as told:
        kept_images.keep(b"b" * 700_000)
    assert "--clean" in told.value.hint
    assert kept_images.keep(b"a" * 700_000)  # what is there costs nothing more
    monkeypatch.setenv("WB_KEEP_IMAGES_MB", "0")
    with pytest.raises(RecordError):
        kept_images.keep(b"c")
    assert len(kept_images.kept_images()) == 1


def test_only_what_no_session_names_and_nobody_just_kept_is_cleaned():
    digests = [kept_images.keep(data) for data in (b"named", b"torn", b"orphan", b"fresh")]
    log = SessionLog.open("mine")
    log.append(PromptRecord(images=({"sha256": digests[0], "name": "a.png"},)))
    with log.path.open("ab") as file:  # a line that a killed writer left half
        file.write(b'{"v": 2, "kind": "prompt", "images": [{"sha256": "' + digests[1].encode())
    for image in kept_images.kept_images():
        if image.sha256 != digests[3]:
            os.utime(image.path, (1e9, 1e9))
    assert [i.sha256 for i in kept_images.unreferenced()] == [digests[2]]
    assert [i.sha256 for i in kept_images.clean()] == [digests[2]]
    assert {i.sha256 for i in kept_images.kept_images()} == {digests[0], digests[1], digests[3]}
    log.path.unlink()
    assert {i.sha256 for i in kept_images.clean()} == set(digests[:2])


def test_keeping_again_saves_an_image_from_being_cleaned():
    digest = kept_images.keep(b"picture")
    os.utime(kept_images.kept_images()[0].path, (1e9, 1e9))
    assert [i.sha256 for i in kept_images.unreferenced()] == [digest]
    kept_images.keep(b"picture")
    assert kept_images.unreferenced() == []


def test_an_image_that_is_kept_again_while_sessions_are_read_is_not_cleaned(monkeypatch):
    digest = kept_images.keep(b"picture")
    os.utime(kept_images.kept_images()[0].path, (1e9, 1e9))
    named = kept_images._named

    def meanwhile() -> set[str]:
        kept_images.keep(b"picture")  # by a prompt in another process, whose line comes later
        return named()

    monkeypatch.setattr(kept_images, "_named", meanwhile)
    assert kept_images.clean() == []
    assert kept_images.find(digest) == b"picture"


def test_a_hash_across_two_blocks_is_read(monkeypatch):
    monkeypatch.setattr(kept_images, "_BLOCK", 50)
    digest = kept_images.keep(b"picture")
    SessionLog.open("mine").append(PromptRecord(images=({"sha256": digest},)))
    assert kept_images.unreferenced(grace_s=-60) == []
