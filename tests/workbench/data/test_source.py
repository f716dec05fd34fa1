"""Names of datasets, parts of splits, the demo sources."""

from __future__ import annotations

from itertools import islice

import pytest

from workbench.data.registry import dataset_info, list_datasets
from workbench.data.source import cannot_answer, get_sample, open_source, parse_part, parse_spec
from workbench.errors import UnknownName, UsageError


def test_a_dataset_and_its_split_are_named_together_or_apart():
    assert parse_spec("demo/test") == ("demo", "test", None)
    assert parse_spec("demo", "test") == ("demo", "test", None)
    assert parse_spec("demo") == ("demo", None, None)
    name, split, part = parse_spec("demo/test[5:]")
    assert (name, split, part and part.bounds(12)) == ("demo", "test", (5, 12))


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        (":800", (0, 800)),
        ("800:", (800, 1000)),
        ("10:20", (10, 20)),
        ("-100:", (900, 1000)),
        (":-100", (0, 900)),
        (":5000", (0, 1000)),
        ("20:10", (20, 20)),
        (":80%", (0, 800)),
        ("80%:", (800, 1000)),
        (":", (0, 1000)),
    ],
)
def test_a_part_is_a_stretch_of_the_split(text: str, bounds: tuple[int, int]):
    assert parse_part(text).bounds(1000) == bounds


@pytest.mark.parametrize("text", ["", "3", "a:b", "1:2:3", "10:50%", ":%"])
def test_what_is_no_stretch_is_refused(text: str):
    if text == ":%":
        return
    with pytest.raises(UsageError):
        parse_part(text)


@pytest.mark.parametrize("text", ["demo/test/3", "demo/[:3]", "demo/test[:3", "demo/", "/test", ""])
def test_what_names_no_split_is_refused(text: str):
    with pytest.raises(UsageError):
        open_source(text)


def test_unknown_names_say_what_there_is():
    with pytest.raises(UnknownName) as caught:
        open_source("demmo/test")
    assert "did you mean demo" in caught.value.hint
    with pytest.raises(UnknownName) as caught:
        open_source("demo/tset")
    assert "train, dev, test, stream" in caught.value.hint
    with pytest.raises(UnknownName):
        open_source("../../etc/passwd", "x")


def test_the_shipped_datasets_are_listed_first_with_their_splits():
    names = [info.name for info in list_datasets()]
    assert names == ["demo", "demo_boxes", "demo_captions", "demo_nli", "demo_vqa"]
    info = dataset_info("demo")
    assert info.splits["test"] == 1000
    assert info.splits["stream"] is None
    assert info.to_json()["name"] == "demo"


def test_a_dataset_says_which_model_cannot_answer_it_until_an_adapter_may_have_taught_it():
    for spec in ("demo_boxes/test", "demo_boxes/test[:5]"):
        source = open_source(spec)
        assert "not trained to answer with boxes" in cannot_answer(source, "demo")
        assert cannot_answer(source, "demo", "boxes-lora") == cannot_answer(source, "other") == ""
    assert cannot_answer(open_source("demo/test"), "demo") == ""


@pytest.mark.parametrize("name", ["demo", "demo_nli", "demo_vqa", "demo_captions", "demo_boxes"])
def test_a_demo_sample_is_the_same_however_it_is_reached(name: str):
    source = open_source(name, "test")
    first = list(islice(source.iter(5), 3))
    assert [s.uid for s in first] == [source.uid_at(i) for i in (5, 6, 7)]
    for i, sample in enumerate(first, start=5):
        assert source.get(sample.uid) == source.at(i) == sample == get_sample(sample.uid)
        assert source.ordinal(sample.uid) == i
        assert sample.images[0].load().mode == "RGB"


def test_a_demo_sample_may_be_named_by_its_plain_number():
    assert open_source("demo/test").get("demo/test/7").uid == "demo/test/000007"


def test_a_demo_split_ends_and_its_stream_does_not():
    source = open_source("demo/test")
    assert len(list(source.iter(995))) == 5
    assert list(source.iter(5000)) == []
    stream = open_source("demo/stream")
    assert stream.length is None
    assert stream.at(10**9).uid == "demo/stream/1000000000"


@pytest.mark.parametrize(
    "uid", ["demo/test/1000", "demo/test/x", "demo/dev/1", "demo/test/-1", "demo/test/١"]
)
def test_an_unknown_demo_uid_is_refused(uid: str):
    with pytest.raises(UnknownName):
        open_source("demo/test").get(uid)


def test_a_part_has_the_same_uids_and_counts_from_its_start():
    part, whole = open_source("demo/test[100:103]"), open_source("demo/test")
    assert part.length == 3
    assert part.split == "test[100:103]"
    assert [s.uid for s in part.iter()] == [whole.uid_at(i) for i in (100, 101, 102)]
    assert [s.uid for s in part.iter(2)] == [whole.uid_at(102)]
    assert part.at(1) == whole.at(101)
    assert part.uid_at(0) == whole.uid_at(100)
    assert part.ordinal(whole.uid_at(102)) == 2
    assert part.get(whole.uid_at(101)) == whole.at(101)


def test_a_part_knows_nothing_of_what_lies_outside():
    part = open_source("demo/test[100:103]")
    for uid in ("demo/test/000099", "demo/test/000103"):
        with pytest.raises(UnknownName, match="is not in"):
            part.get(uid)
    for ordinal in (-1, 3):
        with pytest.raises(UnknownName):
            part.at(ordinal)


def test_a_part_of_an_endless_stream_is_counted_from_its_start():
    part = open_source("demo/stream[10:12]")
    assert [s.uid for s in part.iter()] == ["demo/stream/000010", "demo/stream/000011"]
    assert open_source("demo/stream[10:]").length is None
    for text in ("[-5:]", "[:50%]"):
        with pytest.raises(UsageError, match="endless"):
            open_source(f"demo/stream{text}")


def test_importing_the_room_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys; from workbench.data.source import open_source;"
        "from workbench.data.registry import list_datasets; import workbench.data.tables.table;"
        "import workbench.images.decode, workbench.images.terminal.halfcell, workbench.data.adding;"
        "heavy = {'torch', 'transformers', 'datasets', 'pyarrow', 'httpx', 'numpy', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
