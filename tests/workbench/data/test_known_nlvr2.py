"""NLVR2 in the authors' layout: pairs, consistency groups, subsets, images that are not there."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.data.tables import picture, write_pictures
from workbench.data.adding import add
from workbench.data.describing import describe_dataset
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")


def row(identifier: str, label: str = "True", **more: object) -> dict:
    return {
        "validation": {"61": label},
        "sentence": f"Sentence {identifier.rpartition('-')[2]} of its set.",
        "left_url": f"https://example.org/{identifier}-left.jpg",
        "right_url": f"https://example.org/{identifier}-right.jpg",
        "writer": "61",
        "label": label,
        "synset": "beer bottle",
        "query": "some beer bottles38",
        "identifier": identifier,
        **more,
    }


def write(path: Path, rows: list[dict]) -> None:
    """As the authors do: JSON lines called .json, no newline at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture
def nlvr2(tmp_path: Path) -> Path:
    """Three pairs of a set (one has a dead URL), another set; train below `directory`."""
    root = tmp_path / "nlvr2"
    dev = [row("dev-850-0-0", "False"), row("dev-850-2-0"), row("dev-850-3-0"), row("dev-850-0-1")]
    write(root / "data/dev.json", [*dev, row("dev-7-1-0")])
    write(root / "data/train.json", [row("train-10171-0-0", directory=12)])
    write(root / "data/balanced/balanced_dev.json", dev[:2])
    write(root / "data/unbalanced/unbalanced_dev.json", dev[2:3])
    there = [f"dev-850-{pair}-img{i}.png" for pair in (0, 3) for i in (0, 1)]
    write_pictures(root / "images/dev", [*there, "dev-850-2-img0.png", "dev-7-1-img1.png"])
    jpeg = io.BytesIO()
    Image.new("RGB", (9, 5), "blue").save(jpeg, "JPEG")
    (root / "images/dev/dev-850-0-img0.png").write_bytes(jpeg.getvalue())  # a JPEG called .png
    (root / "images/dev/dev-7-1-img0.jpg").write_bytes(jpeg.getvalue())  # under another ending
    write_pictures(root / "images/train/12", ["train-10171-0-img0.png", "train-10171-0-img1.png"])
    return root


def test_a_folder_under_its_name_is_enough(nlvr2: Path):
    added = add("nlvr2", nlvr2)
    assert added.info.splits == {"dev": 5, "train": 1}
    assert (added.info.task, added.info.labels) == ("statement", ("True", "False"))
    assert added.guessed == ("layout: nlvr2 (the dataset's name)",)
    sample = get_sample("nlvr2/dev/dev-850-0-0")
    assert (sample.label, sample.error) == ("False", None)
    assert sample.texts == {"sentence": "Sentence 0 of its set."}
    assert sample.metadata["synset"] == "beer bottle"
    assert sample.metadata["left_url"].endswith("dev-850-0-0-left.jpg")


def test_the_pair_is_found_whatever_its_ending_and_its_content(nlvr2: Path):
    add("nlvr2", nlvr2)
    left, right = get_sample("nlvr2/dev/dev-850-0-0").images
    assert (left.load().size, right.load().size) == ((9, 5), (8, 6))
    assert [ref.load().size for ref in get_sample("nlvr2/dev/dev-7-1-0").images] == [(9, 5), (8, 6)]
    train = get_sample("nlvr2/train/train-10171-0-0")
    assert [ref.path.parent.name for ref in train.images if ref.path] == ["12", "12"]


def test_images_in_one_flat_folder_are_found_too(nlvr2: Path, tmp_path: Path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in [*nlvr2.glob("images/**/*.png"), *nlvr2.glob("images/**/*.jpg")]:
        path.rename(flat / path.name)
    add("nlvr2", nlvr2, image_root=flat)
    assert get_sample("nlvr2/train/train-10171-0-0").error is None
    assert get_sample("nlvr2/dev/dev-850-3-0").error is None


def test_consistency_is_over_the_identifier_without_its_third_field(nlvr2: Path):
    add("nlvr2", nlvr2)
    groups = {s.uid[10:]: s.metadata["consistency_group"] for s in open_source("nlvr2/dev").iter()}
    assert groups == {
        "dev-850-0-0": "dev-850-0",
        "dev-850-2-0": "dev-850-0",
        "dev-850-3-0": "dev-850-0",
        "dev-850-0-1": "dev-850-1",
        "dev-7-1-0": "dev-7-0",
    }


def test_a_dead_image_is_counted_named_and_ends_nothing(nlvr2: Path):
    added = add("nlvr2", nlvr2)
    (note,) = added.notes
    assert note.startswith("dev: 1 of the samples lack an image in ")
    assert "dev-850-2-img1" in note
    samples = list(open_source("nlvr2/dev").iter())
    assert [s.uid for s in samples if s.error] == ["nlvr2/dev/dev-850-2-0"]
    assert "does not exist" in (samples[1].error or "")
    assert len(samples[1].images) == 2  # the right one keeps its place
    assert describe_dataset("nlvr2")["split_details"]["dev"]["notes"] == [note[5:]]
    # Once it is there it is used, without adding anything anew.
    (nlvr2 / "images/dev/dev-850-2-img1.webp").write_bytes(picture())
    assert get_sample("nlvr2/dev/dev-850-2-0").error is None


def test_the_balanced_files_are_subsets_of_a_split_under_the_same_uids(nlvr2: Path):
    add("nlvr2", nlvr2)
    assert [s.metadata["kind"] for s in open_source("nlvr2/dev").iter()] == [
        *("balanced", "balanced", "unbalanced", None, None)
    ]
    add("half", f"dev={nlvr2 / 'data/dev.json'}", like="nlvr2", where="kind==balanced")
    assert [s.uid for s in open_source("half/dev").iter()] == [
        *("half/dev/dev-850-0-0", "half/dev/dev-850-2-0")
    ]
    assert get_sample("half/dev/dev-850-0-0").images[0].load().size == (9, 5)


def test_without_images_the_pair_is_its_urls_and_nothing_is_fetched(tmp_path: Path):
    write(tmp_path / "test1.json", [row("test1-0-1-0")])
    added = add("nlvr2", tmp_path)
    sample = get_sample("nlvr2/test1/test1-0-1-0")
    assert [ref.url for ref in sample.images] == [
        "https://example.org/test1-0-1-0-left.jpg",
        "https://example.org/test1-0-1-0-right.jpg",
    ]
    assert not any(ref.fetch for ref in sample.images)
    assert added.notes == []


def test_a_torn_line_and_an_odd_identifier_cost_only_themselves(tmp_path: Path):
    lines = [json.dumps(row("dev-1-0-0")), json.dumps(row("nonsense")), '{"identifier": "dev-1-']
    (tmp_path / "dev.json").write_text("\n".join(lines))
    added = add("nlvr2", tmp_path)
    assert (added.info.splits, added.bad) == ({"dev": 3}, 2)
    good, odd, torn = open_source("nlvr2/dev").iter()
    assert (good.error, good.uid) == (None, "nlvr2/dev/dev-1-0-0")
    assert odd.uid == "nlvr2/dev/nonsense"
    assert "row 2" in (odd.error or "")
    assert "not an identifier" in (odd.error or "")
    assert "dev.json, row 3: the line is cut off" in (torn.error or "")


def test_a_folder_of_something_else_is_refused_with_what_it_should_hold(tmp_path: Path):
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"none of the files of nlvr2") as caught:
        add("mine", tmp_path, like="nlvr2")
    assert "dev.json" in caught.value.hint


def test_a_folder_that_only_shares_the_name_is_added_as_it_is(tmp_path: Path):
    write_pictures(tmp_path, ["a/1.png", "b/2.png"])
    added = add("nlvr2", tmp_path)
    assert (added.info.kind, added.info.labels) == ("folder", ("a", "b"))


@shared
def test_the_first_rows_of_the_real_dev_split():
    added = add("nlvr2", SHARED / "nlvr2")
    assert (added.info.splits, added.bad) == ({"dev": 600}, 0)
    samples = list(open_source("nlvr2/dev").iter())
    assert samples[0].uid == "nlvr2/dev/dev-850-0-0"
    assert len({s.uid for s in samples}) == 600
    assert {s.error for s in samples} == {None}
    assert {s.label for s in samples} == {"True", "False"}
    groups: dict[str, set[str]] = {}
    for sample in samples:
        groups.setdefault(sample.metadata["consistency_group"], set()).add(sample.texts["sentence"])
    assert {len(sentences) for sentences in groups.values()} == {1}  # a group is one sentence
    assert 1 < len(groups) < 600
