"""The cache of Hugging Face's tools and ours: what one has fetched, the other finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workbench.data.hub_data import REPO, add_pairs, forget
from workbench.data.hub.cache import cache_dataset
from workbench.data.hub.environment import Remote, hub_cache
from workbench.data.hub.repository import get_listing
from workbench.data.hub.shared_cache import give, shared_copy, take
from workbench.data.hub.state import remember
from workbench.data.source import open_source
from workbench.errors import DataError

DEV = "data/dev-00000-of-00001.parquet"


def fetched_by_others(paths: list[str]) -> list[str]:
    """Have huggingface_hub fetch files, in a process that reads its environment anew."""
    code = (
        "import sys; from huggingface_hub import hf_hub_download as get;"
        f"[print(get({REPO!r}, path, repo_type='dataset')) for path in sys.argv[1:]]"
    )
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def content(hub) -> list[str]:
    """The files whose content was asked for."""
    return [a.path for a in hub.asked if a.method == "GET" and "/cdn/" in a.path]


def test_what_others_have_fetched_is_read_and_cached_without_the_hub(fast_hub, monkeypatch):
    add_pairs(fast_hub)
    fetched_by_others([DEV])
    forget(fast_hub)
    samples = list(open_source("pairs/dev").iter())
    assert [s.error for s in samples] == [None] * 15
    assert content(fast_hub) == []
    remember("pairs", mode="cached")
    fast_hub.asked.clear()
    assert list(open_source("pairs/dev").iter()) == samples
    assert fast_hub.asked == []  # not even the listing
    with pytest.raises(DataError, match="is not cached"):
        open_source("pairs/train")
    done = cache_dataset("pairs", splits=["dev"])
    assert (done.fetched, content(fast_hub)) == (0, [])
    blob = shared_copy(get_listing(REPO).remote(DEV))
    assert blob is not None and blob.samefile(done.folder / DEV)  # no room is taken twice


def test_what_is_cached_here_is_found_by_others(fast_hub):
    add_pairs(fast_hub)
    folder = cache_dataset("pairs", splits=["dev"]).folder
    fast_hub.asked.clear()
    (path,) = fetched_by_others([DEV])
    assert Path(path).is_relative_to(hub_cache())
    assert Path(path).read_bytes() == (folder / DEV).read_bytes()
    assert content(fast_hub) == []


def test_a_shared_file_that_is_damaged_is_fetched_and_mended_there(fast_hub):
    add_pairs(fast_hub)
    (path,) = fetched_by_others([DEV])
    size = Path(path).stat().st_size
    Path(path).write_bytes(b"x" * size)
    done = cache_dataset("pairs", splits=["dev"])
    assert done.fetched == size
    assert Path(path).read_bytes() == (done.folder / DEV).read_bytes() != b"x" * size


def test_on_another_disk_a_copy_is_taken_and_a_link_given(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    remote = Remote("a/b", "c" * 40, "d/e.bin", 3, "f" * 64)
    place, other = tmp_path / "mine" / "e.bin", tmp_path / "other" / "e.bin"
    place.parent.mkdir()
    place.write_bytes(b"abc")

    def no_link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    give(remote, place, "main")
    blob = shared_copy(remote)
    assert blob is not None and blob.is_symlink() and blob.samefile(place)
    named = hub_cache() / "datasets--a--b" / "snapshots" / remote.commit / remote.path
    assert named.read_bytes() == b"abc"
    assert (hub_cache() / "datasets--a--b" / "refs" / "main").read_text() == remote.commit
    assert take(remote, other) and other.read_bytes() == b"abc" and not other.samefile(place)
    place.unlink()
    assert shared_copy(remote) is None
    assert not take(remote, tmp_path / "third.bin")
