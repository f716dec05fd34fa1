"""Two modes, one identity: the same samples streamed from a hub and cached from it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from tests.workbench.data.hub_data import (
    REPO,
    WISHES,
    add_pairs,
    drop_blocks,
    files,
    forget,
    parquet,
    row,
)
from workbench.data.adding import add
from workbench.data.hub.cache import cache_dataset
from workbench.data.hub.state import mode_of, remember, wish_mode
from workbench.data.permutation import permutation
from workbench.data.registry import dataset_info
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError, UnknownName, UsageError


def home() -> Path:
    return Path(os.environ["WB_HOME"])


def all_of(spec: str, mode: str):
    remember("pairs", mode=mode)
    return list(open_source(spec).iter())


def test_adding_looks_at_footers_and_says_what_it_took(fast_hub):
    fast_hub.commit(REPO, files())
    added = add("pairs", f"hub:{REPO}")
    info = added.info
    assert (info.splits, info.licence) == ({"train": 60, "dev": 15}, "cc-by-4.0")
    assert (info.where, info.kind, info.cached) == (f"hub:{REPO}", "hub", False)
    assert "id: identifier (by the column's name)" in added.guessed
    assert added.mapping.images == ("image0", "image1")
    assert dataset_info("pairs") == info


def test_the_two_modes_have_the_same_samples_in_the_same_order(fast_hub):
    add_pairs(fast_hub)
    streamed = all_of("pairs/train", "streamed")
    cache_dataset("pairs")
    cached = all_of("pairs/train", "cached")
    assert [s.uid for s in cached] == [f"pairs/train/train-{i}-0-0" for i in range(60)]
    assert streamed == cached
    assert all(s.error is None for s in cached)
    assert cached[7].images[0].load().size == (8, 6)
    assert (cached[7].label, cached[7].texts) == ("False", {"sentence": "There are 7 things."})


def test_index_revision_and_shuffle_are_shared_by_the_modes(fast_hub):
    add_pairs(fast_hub)
    remember("pairs", mode="streamed")
    streamed = open_source("pairs/train")
    shuffled = [streamed.at(i).uid for i in permutation(60, 7)]
    index = home() / "cache/index/pairs-train.sqlite"
    before = index.stat().st_ino
    cache_dataset("pairs")
    remember("pairs", mode="cached")
    cached = open_source("pairs/train")
    assert cached.revision == streamed.revision
    assert [cached.at(i).uid for i in permutation(60, 7)] == shuffled
    assert index.stat().st_ino == before  # one index serves both
    assert [cached.ordinal(uid) for uid in shuffled] == list(permutation(60, 7))


def test_a_cached_dataset_is_read_without_asking_the_hub(fast_hub):
    add_pairs(fast_hub)
    cache_dataset("pairs")
    forget(fast_hub)
    assert get_sample("pairs/dev/dev-3-0-0").error is None
    assert len(list(open_source("pairs/train").iter())) == 60
    assert fast_hub.asked == []
    assert dataset_info("pairs").cached


def test_a_jump_in_a_stream_is_one_request_for_a_range(fast_hub):
    add_pairs(fast_hub, weight=60_000, train=200, group=50)  # groups of three blocks
    source = open_source("pairs/train")
    source.at(0)
    source.at(100)  # both shards' footers are read
    asked = len(fast_hub.asked)
    assert source.get("pairs/train/train-190-0-0").error is None
    (new,) = fast_hub.asked[asked:]
    assert new.range.startswith(f"bytes={3 * 2**20}-") and "/cdn/" in new.path
    source.get("pairs/train/train-191-0-0")
    source.get("pairs/train/train-160-0-0")
    assert len(fast_hub.asked) == asked + 1  # the row group is here


def test_the_index_reads_the_id_column_alone(fast_hub):
    add_pairs(fast_hub, weight=40_000, train=200)
    size = sum(len(body) for body in files(weight=40_000, train=200).values())
    drop_blocks(home())
    forget(fast_hub)
    assert open_source("pairs/train").uid_at(199) == "pairs/train/train-199-0-0"
    spans = [a.removeprefix("bytes=").split("-") for a in fast_hub.ranges("train")]
    fetched = sum(int(stop) - int(start) + 1 for start, stop in spans)
    assert fetched < size / 3  # two footers in whole blocks, and the ids


def test_the_index_is_kept_until_files_change(fast_hub):
    add_pairs(fast_hub)
    first = open_source("pairs/train")
    index = home() / "cache/index/pairs-train.sqlite"
    before = index.stat().st_ino
    forget(fast_hub)
    assert open_source("pairs/train").revision == first.revision
    assert index.stat().st_ino == before
    changed = files()
    changed["data/train-00001-of-00002.parquet"] = parquet([row(i) for i in range(500, 520)])
    fast_hub.commit(REPO, changed)
    forget(fast_hub)
    second = open_source("pairs/train")
    assert second.length == 50
    assert second.uid_at(49) == "pairs/train/train-519-0-0"
    assert second.revision != first.revision


def test_a_commit_that_leaves_the_files_alone_keeps_revision_and_index(fast_hub):
    add_pairs(fast_hub)
    first = open_source("pairs/train")
    fast_hub.commit(REPO, files() | {"NOTES.md": b"hello"})
    forget(fast_hub)
    second = open_source("pairs/train")
    assert (second.commit != first.commit, second.revision) == (True, first.revision)


def test_a_reader_stays_at_its_commit_while_the_branch_moves(fast_hub):
    add_pairs(fast_hub)
    source = open_source("pairs/train")
    walk = source.iter()
    next(walk)
    fast_hub.commit(REPO, files(train=20))
    drop_blocks(home())
    forget(fast_hub)
    left = list(walk)
    assert [s.error for s in left] == [None] * 59


def test_a_reader_whose_commit_is_taken_away_says_so_and_goes_on(fast_hub):
    add_pairs(fast_hub)
    source = open_source("pairs/train")
    fast_hub.commit(REPO, files(train=20), forget=True)
    drop_blocks(home())
    forget(fast_hub)
    found = [s.error for s in source.iter()]
    assert len(found) == 60
    words = "the hub has no such revision (any more); open the dataset again"
    assert all(words in str(error) for error in found)
    assert open_source("pairs/train").length == 20


def test_a_file_that_differs_under_its_commit_is_not_read(fast_hub):
    add_pairs(fast_hub)
    source = open_source("pairs/train")
    repo = fast_hub.repos["datasets", REPO]
    other = files(train=20)
    for path, blob in repo.commits[source.commit].items():
        if path.startswith("data/train"):
            blob.__init__(other[path], True)
    drop_blocks(home())
    forget(fast_hub)
    assert "is not the file any more that was listed" in str(source.at(5).error)


def test_offline_what_was_cached_works_and_the_rest_says_how_to_cache_it(fast_hub, monkeypatch):
    add_pairs(fast_hub)
    cache_dataset("pairs", splits=["dev"])
    forget(fast_hub)
    drop_blocks(home())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert [s.error for s in open_source("pairs/dev").iter()] == [None] * 15
    with pytest.raises(DataError) as caught:
        open_source("pairs/train")
    assert "HF_HUB_OFFLINE" in caught.value.message
    assert "wb data cache pairs" in caught.value.hint
    assert fast_hub.asked == []


def test_offline_what_was_streamed_is_still_there(fast_hub, monkeypatch):
    add_pairs(fast_hub)
    seen = all_of("pairs/train", "streamed")
    forget(fast_hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert list(open_source("pairs/train").iter()) == seen
    assert fast_hub.asked == []


def test_a_hub_that_is_gone_leaves_what_is_here(fast_hub):
    add_pairs(fast_hub)
    seen = all_of("pairs/train", "streamed")
    forget(fast_hub)
    fast_hub.fault(status=503, times=1000)
    assert list(open_source("pairs/train").iter()) == seen


def test_cached_mode_without_a_cache_says_what_to_do(fast_hub):
    add_pairs(fast_hub)
    remember("pairs", mode="cached")
    with pytest.raises(DataError, match="pairs/dev is not cached") as caught:
        open_source("pairs/dev")
    assert "wb data cache pairs --split dev" in caught.value.hint


def test_a_limited_cache_keeps_all_ids_and_the_first_samples(fast_hub, monkeypatch):
    add_pairs(fast_hub, weight=20_000, train=400)
    done = cache_dataset("pairs", splits=["train"], limit=25)
    whole = sum(len(body) for body in files(train=400, weight=20_000).values())
    assert done.fetched < whole / 4
    forget(fast_hub)
    drop_blocks(home())
    (home() / "cache/index/pairs-train.sqlite").unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = open_source("pairs/train")
    assert source.length == 25
    assert [s.uid for s in source.iter()] == [f"pairs/train/train-{i}-0-0" for i in range(25)]
    assert all(s.error is None for s in source.iter())
    beyond = source.get("pairs/train/train-399-0-0")
    assert "is not cached whole; `wb data cache pairs` fetches the rest" in str(beyond.error)
    with pytest.raises(UnknownName):
        source.at(25)
    assert fast_hub.asked == []


def test_auto_streams_what_a_limited_cache_lacks(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=400)
    cache_dataset("pairs", splits=["train"], limit=25)
    drop_blocks(home())
    forget(fast_hub)
    source = open_source("pairs/train")
    assert source.length == 400
    assert source.at(20).error is None
    assert fast_hub.ranges("train") == []  # it lies here
    assert source.at(399).error is None
    assert fast_hub.ranges("train") != []


def test_a_mode_is_remembered_per_dataset(fast_hub):
    add_pairs(fast_hub)
    assert mode_of("pairs") == "auto"
    wish_mode("streamed")
    open_source("pairs/dev")
    wish_mode(None)
    assert mode_of("pairs") == "streamed"
    with pytest.raises(UsageError, match="no mode"):
        wish_mode("sideways")


def test_the_settings_decide_where_nothing_is_remembered(fast_hub, monkeypatch):
    add_pairs(fast_hub)
    monkeypatch.setenv("WB_MODE", "cached")
    with pytest.raises(DataError, match="not cached"):
        open_source("pairs/dev")
    remember("pairs", mode="streamed")
    assert open_source("pairs/dev").length == 15


def test_rows_without_an_id_are_known_by_their_number_across_files(fast_hub):
    shards = [[{"img": {"bytes": b"x%d" % i}, "label": i % 3} for i in range(a, a + 20)]
              for a in (0, 20)]  # fmt: skip
    fast_hub.commit(
        "someone/tens",
        {f"plain/train-0000{n}-of-00002.parquet": parquet(rows) for n, rows in enumerate(shards)},
    )
    added = add("tens", "hub:someone/tens")
    assert "id: the row's number, since no column is called like one" in added.guessed
    source = open_source("tens/train")
    assert [source.uid_at(i) for i in (0, 19, 20, 39)] == [
        f"tens/train/{i}" for i in (0, 19, 20, 39)
    ]
    assert source.get("tens/train/23").images[0].data == b"x23"
    assert source.get("tens/train/23").metadata == {}


def test_a_known_repository_needs_no_mapping(fast_hub):
    rows = [{"img": {"bytes": b"x"}, "label": i} for i in range(4)]
    fast_hub.commit("uoft-cs/cifar10", {"plain_text/test-00000-of-00001.parquet": parquet(rows)})
    assert add("cifar", "hub:uoft-cs/cifar10").guessed == ("image: img (by the column's name)",)
    assert get_sample("cifar/test/3").label == "cat"
    assert [s.uid for s in open_source("cifar/test").iter()] == [
        f"cifar/test/{i}" for i in range(4)
    ]


def test_splits_can_be_chosen_and_cut(fast_hub):
    fast_hub.commit(REPO, files())
    assert add("one", f"hub:{REPO}", splits=["dev"], **WISHES).info.splits == {"dev": 15}
    assert add("named", f"hub:{REPO}#dev", **WISHES).info.splits == {"dev": 15}
    cut = add("cut", f"hub:{REPO}#train", splits=["odd=label=False"], **WISHES)
    assert cut.info.splits == {"odd": 30}
    assert [s.label for s in open_source("cut/odd").iter()] == ["False"] * 30
    cache_dataset("cut")
    assert open_source("cut/odd").length == 30
    with pytest.raises(UnknownName, match="no split 'test'"):
        add("none", f"hub:{REPO}", splits=["test"], **WISHES)


def test_jsonlines_of_a_hub_are_read_too(fast_hub):
    lines = b"".join(b'{"id": "k%d", "question": "q%d?"}\n' % (i, i) for i in range(30))
    fast_hub.commit("someone/lines", {"test.jsonl": lines})
    add("lines", "hub:someone/lines")
    assert get_sample("lines/test/k29").texts == {"question": "q29?"}
    cache_dataset("lines")
    forget(fast_hub)
    assert [s.uid for s in open_source("lines").iter()][-1] == "lines/test/k29"
    assert fast_hub.asked == []


def test_a_source_can_be_sent_to_another_process(fast_hub):
    add_pairs(fast_hub)
    source = open_source("pairs/train")
    again = pickle.loads(pickle.dumps(source))
    assert again.at(33) == source.at(33)
    assert again.commit == source.commit


def test_a_source_works_after_a_fork(fast_hub):
    add_pairs(fast_hub)
    source = open_source("pairs/train")
    source.at(3)
    drop_blocks(home())
    child = os.fork()
    if not child:
        os._exit(0 if source.at(45).error is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert source.at(45).error is None


def test_explanations_are_joined_by_id(fast_hub, tmp_path):
    rows = [
        {"pairID": f"{i}.jpg#0r1e", "image": {"bytes": b"x"}, "hypothesis": "h", "label": "neutral"}
        for i in range(6)
    ]
    fast_hub.commit("Dec2Enc/e-snli-ve", {"data/test-00000-of-00001.parquet": parquet(rows)})
    table = tmp_path / "esnlive_test.csv"
    table.write_text(
        "pairID,gold_label,explanation\n"
        + "".join(f"{i}.jpg#0r1e,neutral,because {i}\n" for i in (5, 3, 1, 0))
    )
    add("esnlive", ["hub:Dec2Enc/e-snli-ve", f"test={table}"])
    samples = list(open_source("esnlive/test").iter())
    assert [s.explanations for s in samples] == [
        *(("because 0",), ("because 1",), (), ("because 3",), (), ("because 5",))
    ]
    assert samples[3] == get_sample("esnlive/test/3.jpg#0r1e")
    assert samples[3].labels == ("contradiction", "neutral", "entailment")
    before = open_source("esnlive/test").revision
    table.write_text(table.read_text().replace("because 3", "since 3"))
    assert get_sample("esnlive/test/3.jpg#0r1e").explanations == ("since 3",)
    assert open_source("esnlive/test").revision != before
    with pytest.raises(UnknownName, match="no split 'dev' to explain"):
        add("two", ["hub:Dec2Enc/e-snli-ve", f"dev={table}"])
    with pytest.raises(UsageError, match="2 files"):
        add("two", ["hub:Dec2Enc/e-snli-ve", str(table)])
    table.write_text("id,why\n1,x\n")
    with pytest.raises(DataError, match="has no column 'pairID'"):
        add("two", ["hub:Dec2Enc/e-snli-ve", f"test={table}"])


def test_how_a_table_is_read_is_said_as_for_files(fast_hub):
    from workbench.data.readers.opening import ReadOptions

    fast_hub.commit("someone/old", {"test.csv": "id;question\nk1;caf\xe9?\n".encode("cp1252")})
    read = ReadOptions(delimiter=";", encoding="cp1252")
    add("old", "hub:someone/old", read=read)
    assert get_sample("old/test/k1").texts == {"question": "caf\xe9?"}


def test_a_mapping_that_was_spoilt_by_hand_is_listed_with_its_error(fast_hub):
    add_pairs(fast_hub)
    path = home() / "datasets/pairs.toml"
    path.write_text(path.read_text().replace(f"hub:{REPO}#train", "hub:nothing"))
    assert "names no dataset of the hub" in str(dataset_info("pairs").error)


def test_boxes_of_objects_are_kept_from_a_hub_too(fast_hub):
    thing = {"x_loc": 3, "y_loc": 40, "size": 20, "type": "square", "color": "Yellow"}
    rows = [
        {"identifier": f"4011-{i}", "sentence": "There is a square.", "label": "true",
         "structured_rep": [[thing], [thing], [thing]],
         "image": {"bytes": b"x", "path": f"dev-4011-{i}-0.png"}}
        for i in range(4)
    ]  # fmt: skip
    fast_hub.commit("someone/nlvr", {"data/dev-00000-of-00001.parquet": parquet(rows)})
    add("nlvr", "hub:someone/nlvr", objects="structured_rep:nlvr1")
    sample = get_sample("nlvr/dev/4011-2")
    assert [item["box"] for item in sample.metadata["objects"][0]] == [
        [left, 40, left + 20, 60] for left in (3, 153, 303)
    ]
    assert "structured_rep" not in sample.metadata
