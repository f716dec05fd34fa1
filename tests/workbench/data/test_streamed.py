"""What `datasets` streams and our readers cannot read: images in folders, compressed lines."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.data.hub_data import REPO, WISHES, files
from workbench.data.adding import add
from workbench.data.registry import dataset_info
from workbench.errors import UsageError

PETS, LINES = "someone/pets", "someone/lines"


REFUSED = (LINES, f"{LINES}/three", "someone/code", "someone/private", f"{LINES}/one#x")


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def pets() -> dict[str, bytes]:
    """Six pictures in folders by class, as `imagefolder` has it."""
    classes = enumerate(("cat", "dog"))
    return {f"train/{c}/{i}.png": png(i + 10 * k) for k, c in classes for i in range(3)}


def lines(*names: str) -> bytes:
    rows = ({"id": name, "question": f"{name}?", "answer": name.upper()} for name in names)
    return gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())


def elsewhere(code: str) -> dict:
    """What code prints as JSON in a process that finds the hub in its environment."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"USE_TORCH": "0"},  # which `datasets` imports where it finds it
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_folders_of_images_have_their_labels_pixels_and_numbers_at_one_commit(hub, monkeypatch):
    commit = hub.commit(PETS, pets())
    hub.commit(PETS, {"x/odd.bin": b"1"}, ref="other")
    found = elsewhere(
        f"""
        import json, sys
        from workbench.data.adding import add
        from workbench.data.source import open_source
        assert "datasets" not in sys.modules
        added = add("pets", "hf:{PETS}")
        source = open_source("pets/train")
        samples = list(source.iter())
        again = [source.get(samples[i].uid) for i in (4, 1, 2)]
        print(json.dumps({{
            "uids": [s.uid for s in samples],
            "labels": [s.label for s in samples],
            "errors": [s.error for s in samples],
            "names": [s.images[0].name for s in samples],
            "shades": [s.images[0].load().getpixel((0, 0))[0] for s in samples],
            "again": [again[0] == samples[4], again[1] == samples[1], again[2] == samples[2]],
            "closed": added.info.labels, "guessed": added.guessed, "pinned": source.pinned,
            "path": added.mapping.files[0].path,
        }}))
        """
    )
    assert found["uids"] == [f"pets/train/{i}" for i in range(6)]
    assert found["labels"] == ["cat"] * 3 + ["dog"] * 3
    assert found["errors"] == [None] * 6
    assert found["names"] == list(pets())
    assert found["shades"] == [0, 1, 2, 10, 11, 12]
    assert found["again"] == [True] * 3
    assert found["closed"] == ["cat", "dog"]
    assert found["pinned"] is True
    said = f"id: the row's number at the commit {commit[:7]}, since no column is called like one"
    assert said in found["guessed"]
    assert found["path"] == f"hf:{PETS}@{commit}#train"
    # What was added is described, and opened by its kept index, without asking anyone.
    hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    info = dataset_info("pets")
    assert (info.kind, info.splits, info.cached) == ("stream", {"train": 6}, False)
    from workbench.data.source import open_source

    sample = open_source("pets/train").at(3)
    assert (sample.uid, "offline" in (sample.error or "")) == ("pets/train/3", True)
    assert not hub.asked


@pytest.mark.slow
def test_pictures_in_archives_keep_their_captions_and_names(hub):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        rows = [{"file_name": f"{i}.png", "caption": f"number {i}"} for i in range(3)]
        archive.writestr("pics/metadata.jsonl", "\n".join(map(json.dumps, rows)))
        for i in range(3):
            archive.writestr(f"pics/{i}.png", png(i))
    hub.commit("someone/packed", {"data/train.zip": packed.getvalue()})
    found = elsewhere(
        """
        import json
        from workbench.data.adding import add
        from workbench.data.source import open_source
        add("packed", "hf:someone/packed")
        halves = [open_source("packed/train").iter(1) for _ in range(3)]
        firsts = [next(half) for half in halves]  # left half read: the process ends all the same
        print(json.dumps([
            [s.uid, s.texts["caption"], s.images[0].name, s.images[0].load().getpixel((0, 0))[0]]
            for s in open_source("packed/train").iter()
        ]))
        """
    )
    assert found == [[f"packed/train/{i}", f"number {i}", f"pics/{i}.png", i] for i in range(3)]


@pytest.mark.slow
def test_an_id_column_makes_the_uids_and_subsets_are_named(hub):
    card = b"""---
license: mit
configs:
- config_name: one
  data_files: one/*.jsonl.gz
- config_name: two
  data_files: two/*.jsonl.gz
---
"""
    hub.commit(LINES, {"README.md": card, "one/a.jsonl.gz": lines("a"), "two/a.jsonl.gz": b""})
    hub.commit(
        LINES, {"README.md": card, "one/a.jsonl.gz": lines("b", "a"), "two/a.jsonl.gz": lines("c")}
    )
    hub.commit("someone/code", {"code.py": b"open('/tmp/ran', 'w')", "x.bin": b"1"})
    hub.commit("someone/private", {"test.jsonl.gz": lines("a")}, token="mine")
    found = elsewhere(
        f"""
        import json, os
        from workbench.data.adding import add
        from workbench.data.source import open_source
        from workbench.errors import WbError
        refused = {{}}
        for name in {REFUSED}:
            try:
                add("no", f"hf:{{name}}")
            except WbError as error:
                refused[name] = [type(error).__name__, error.message, error.hint]
        os.environ["HF_TOKEN"] = "mine"
        added = add("one", "hf:{LINES}/one")
        source = open_source("one/train")
        private = add("private", "hf:someone/private").info
        print(json.dumps({{
            "refused": refused, "licence": added.info.licence,
            "samples": [[s.uid, s.texts["question"], s.label] for s in source.iter()],
            "get": source.get("one/train/a").label, "private": dict(private.splits),
        }}))
        """
    )
    kinds = {name: said[0] for name, said in found["refused"].items()}
    assert kinds[LINES] == kinds[f"{LINES}/three"] == kinds[f"{LINES}/one#x"] == "UnknownName"
    assert "one, two" in found["refused"][LINES][1]
    assert "x" in found["refused"][f"{LINES}/one#x"][1]
    assert "cannot be streamed" in found["refused"]["someone/code"][1]
    assert kinds["someone/private"] == "HubError"
    assert found["samples"] == [["one/train/b", "b?", "B"], ["one/train/a", "a?", "A"]]
    assert (found["get"], found["licence"], found["private"]) == ("A", "mit", {"test": 1})
    # The storage behind the hub refuses a request with a token, and was asked for the content.
    assert any("/cdn/" in asked.path and "private" in asked.path for asked in hub.asked)


def test_what_our_own_readers_read_is_added_as_hub_would_add_it(fast_hub):
    fast_hub.commit(REPO, files(6, 3))
    code = "import sys; assert not {'datasets', 'fsspec'} & set(sys.modules)"
    added = add("pairs", f"hf:{REPO}", **WISHES)
    assert (added.mapping.kind, added.info.where) == ("hub", f"hub:{REPO}")
    assert subprocess.run([sys.executable, "-c", f"import workbench.data.streamed.file; {code}"])
    with pytest.raises(UsageError, match="hf:nothing"):
        add("odd", "hf:nothing")
