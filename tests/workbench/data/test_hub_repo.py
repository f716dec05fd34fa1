"""Repositories: names, pages of trees, splits by card and by file names."""

from __future__ import annotations

import pytest

from workbench.data.hub.repository import (
    HubReference,
    Listing,
    _place,
    find_splits,
    get_listing,
    is_ref,
    parse_ref,
)
from workbench.errors import DataError, UnknownName, UsageError


def listing(*paths: str, configs: list | None = None) -> Listing:
    return Listing("a/b", "main", "c" * 40, {p: (1, "e" * 40) for p in paths}, configs or [])


def test_names_are_read_and_written_back():
    assert parse_ref("hub:a/b") == HubReference("a/b")
    assert parse_ref("hub:a/b/sub/set@v1.0#dev") == HubReference("a/b", "sub/set", "v1.0", "dev")
    assert parse_ref("hub:a/b@refs/convert/parquet").revision == "refs/convert/parquet"
    for text in ("hub:a/b", "hub:a/b/c@v1#dev", "hub:a-1/b.c_d@main2"):
        assert str(parse_ref(text)) == text
    assert is_ref("hub:a/b") and not is_ref("a.csv")


@pytest.mark.parametrize("text", ["hub:a", "hub:", "hub:a/b/../c", "hub:a b/c", "hub:a/b@"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(UsageError, match="names no dataset"):
        parse_ref(text)


def test_all_pages_of_a_tree_are_read(fast_hub):
    fast_hub.commit("a/b", {f"data/{i:03}.csv": b"id\n%d\n" % i for i in range(120)})
    found = get_listing("a/b")
    assert len(found.files) == 120
    assert sum("/tree/" in a.path for a in fast_hub.asked) == 3


def test_a_revision_that_was_seen_costs_one_request(fast_hub):
    fast_hub.commit("a/b", {"x.csv": b"id\n1\n"})
    first = get_listing("a/b")
    fast_hub.asked.clear()
    assert get_listing("a/b") == first
    assert fast_hub.asked == []
    assert get_listing("a/b", fresh=True) == first
    assert len(fast_hub.asked) == 1


def test_the_card_says_the_splits():
    configs = [
        {"config_name": "one", "data_files": [{"split": "train", "path": ["one/a-*", "more.csv"]}]},
        {"config_name": "two", "default": True, "data_files": "two/*"},
    ]
    found = listing("one/a-1.csv", "more.csv", "two/x.csv", configs=configs)
    assert find_splits(found, "one") == {"train": ["one/a-1.csv", "more.csv"]}
    assert find_splits(found) == {"train": ["two/x.csv"]}


def test_several_subsets_must_be_named():
    found = listing("one/train.parquet", "two/train.parquet")
    with pytest.raises(UnknownName, match="the subsets one, two") as caught:
        find_splits(found)
    assert "hub:a/b/one" in caught.value.hint
    assert find_splits(found, "two") == {"train": ["two/train.parquet"]}
    with pytest.raises(UnknownName):
        find_splits(found, "three")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("data/train-00000-of-00002.parquet", ("", "train")),
        ("data/train-00000-of-00002-0f0f0f0f0f0f0f0f.parquet", ("", "train")),
        ("train.csv", ("", "train")),
        ("default/test/0000.parquet", ("default", "test")),
        ("plain_text/test-00000-of-00001.parquet", ("plain_text", "test")),
        ("data/dev/anything.jsonl", ("", "dev")),
    ],
)
def test_names_of_files_tell_subset_and_split(path, place):
    from pathlib import PurePosixPath

    assert _place(PurePosixPath(path)) == place


def test_parquet_goes_before_other_formats():
    assert find_splits(listing("train.csv", "data/dev.parquet")) == {"dev": ["data/dev.parquet"]}


def test_a_repository_without_tables_is_told():
    with pytest.raises(DataError, match="holds no Parquet, JSON lines or CSV"):
        find_splits(listing("images.zip", "README.md"))


def test_what_the_hub_made_into_parquet_is_used_where_there_is_nothing_else(fast_hub):
    from tests.workbench.data.hub_data import parquet, row
    from workbench.data.adding import add
    from workbench.data.source import open_source

    fast_hub.commit("a/zip", {"images.zip": b"PK"})
    made = {"default/train/0000.parquet": parquet([row(i) for i in range(3)])}
    fast_hub.commit("a/zip", made, ref="refs/convert/parquet")
    added = add("z", "hub:a/zip")
    assert added.info.where == "hub:a/zip@refs/convert/parquet"
    assert any("refs/convert/parquet" in guess for guess in added.guessed)
    assert open_source("z").length == 3
