"""One's own tables as sources: identity, the index, bad rows, images inside their root."""

from __future__ import annotations

import itertools
import os
import sqlite3
from pathlib import Path

import pytest

from tests.workbench.data.tables import picture, write_lines, write_parquet, write_pictures
from workbench.data.adding import add, add_dataset
from workbench.data.source import get_sample, open_source
from workbench.data.table import TableSource
from workbench.errors import DataError, ImageError, UnknownName


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pictures(tmp_path, [f"img/{i}.png" for i in range(30)])
    return tmp_path


def mine(folder: Path, text: str, name: str = "rows.csv", **wishes: object):
    path = folder / name
    path.write_text(text, "utf-8")
    return add("mine", path, replace=True, **wishes)


def samples(spec: str = "mine"):
    return list(open_source(spec).iter())


CSV = "id,question,answer,img\n" + "".join(
    f"q{i},what {i}?,a{i % 3},img/{i}.png\n" for i in range(30)
)
WISHES = {"texts": {"question": "question"}, "label": "answer", "image": ["img"], "id": "id"}


def test_a_sample_is_the_same_by_iteration_ordinal_and_uid(folder: Path):
    mine(folder, CSV, **WISHES)
    source = open_source("mine/rows")
    found = list(source.iter())
    assert len(found) == source.length == 30
    for i, sample in enumerate(found):
        assert sample.uid == f"mine/rows/q{i}" == source.uid_at(i)
        assert source.at(i) == source.get(sample.uid) == sample
        assert source.ordinal(sample.uid) == i
    assert [s.uid for s in source.iter(27)] == ["mine/rows/q27", "mine/rows/q28", "mine/rows/q29"]
    sample = get_sample("mine/rows/q4")
    assert sample.texts == {"question": "what 4?"}
    assert (sample.label, sample.references, sample.task) == ("a1", ("a1",), "question")
    assert sample.labels == ("a0", "a1", "a2")
    assert sample.images[0].load().size == (8, 6)
    assert sample.images[0].path == (folder / "img/4.png").resolve()


def test_every_format_gives_the_same_samples(folder: Path):
    rows = [
        {"id": f"q{i}", "question": f"what {i}?", "answer": f"a{i % 3}", "img": f"img/{i}.png"}
        for i in range(30)
    ]
    mine(folder, CSV, **WISHES)
    expected = samples()
    import json

    write_lines(folder / "l.jsonl", rows)
    (folder / "a.json").write_text(json.dumps({"rows": rows}))
    write_parquet(folder / "p.parquet", rows)
    for name in ("l.jsonl", "a.json", "p.parquet"):
        add("mine", f"rows={folder / name}", replace=True, **WISHES)
        assert samples() == expected, name


def test_an_unknown_uid_is_refused_with_an_example(folder: Path):
    mine(folder, CSV, **WISHES)
    source = open_source("mine/rows")
    for uid in ("mine/rows/q99", "mine/other/q1", "demo/test/1"):
        with pytest.raises(UnknownName) as caught:
            source.get(uid)
    assert "mine/rows/q0" in caught.value.hint


def test_the_finetuning_csv_needs_no_mapping(folder: Path):
    text = "image_path,hypothesis,exp\nimg/1.png,A dog runs.,because it is red\n"
    added = mine(folder, text)
    (sample,) = samples()
    assert sample.texts == {"hypothesis": "A dog runs."}
    assert sample.explanations == ("because it is red",)
    assert sample.images[0].load().size == (8, 6)
    assert (sample.task, sample.error, added.bad) == ("entailment", None, 0)
    native = sample.uid.removeprefix("mine/rows/")
    assert len(native) == 16  # a hash: never a row number


def test_an_id_made_from_content_stays_when_rows_move(folder: Path):
    head = "image_path,hypothesis,exp\n"
    rows = [f"img/{i}.png,Text {i}.,why {i}\n" for i in range(5)]
    mine(folder, head + "".join(rows))
    before = {s.texts["hypothesis"]: s.uid for s in samples()}
    mine(folder, head + "img/9.png,New.,new\n" + "".join(reversed(rows)))
    after = {s.texts["hypothesis"]: s.uid for s in samples()}
    assert {k: after[k] for k in before} == before


def test_rows_that_are_equal_are_refused_and_counted_when_asked(folder: Path):
    text = "question,answer\nq?,a\nr?,b\nq?,a\nq?,a\n"
    with pytest.raises(DataError, match=r"rows 1 and 3 of .*rows\.csv") as caught:
        mine(folder, text)
    assert "--id auto" in caught.value.hint
    mine(folder, text, id="auto")
    natives = [s.uid.removeprefix("mine/rows/") for s in samples()]
    assert natives[2:] == [f"{natives[0]}-2", f"{natives[0]}-3"]
    assert all(s.error is None for s in samples())
    assert get_sample(f"mine/rows/{natives[0]}-3").texts["question"] == "q?"


def test_a_duplicate_id_names_both_rows(folder: Path):
    with pytest.raises(DataError, match=r"'x' stands in rows 2 and 4") as caught:
        mine(folder, "id,question\na,1\nx,2\nb,3\nx,4\n")
    assert caught.value.kind == "duplicate_id"


def test_a_duplicate_over_two_files_names_both(folder: Path):
    (folder / "a.csv").write_text("id,question\nx,1\n")
    (folder / "b.csv").write_text("id,question\ny,1\nx,1\n")
    with pytest.raises(DataError, match=r"row 1 of .*a\.csv and row 2 of .*b\.csv"):
        add("mine", [f"all={folder / 'a.csv'}", f"all={folder / 'b.csv'}"])


def test_a_missing_column_names_those_that_there_are(folder: Path):
    with pytest.raises(DataError, match="no column 'nope'") as caught:
        mine(folder, CSV, label="nope")
    assert "id, question, answer, img" in caught.value.hint
    with pytest.raises(DataError, match="no column 'dir'"):
        mine(folder, CSV, image=["img/{dir}/{id}.png"])
    assert not (folder / "wb/datasets/mine.toml").exists()  # nothing is saved that fails


def test_ids_may_be_numbers_templates_or_hold_slashes(folder: Path):
    write_lines(folder / "a.jsonl", [{"set": 1, "n": 2, "t": "x"}, {"set": 1, "n": 3.0, "t": "y"}])
    add("mine", folder / "a.jsonl", id="{set}/{n:03}", texts={"caption": "t"})
    assert [s.uid for s in samples()] == ["mine/a/1/002", "mine/a/1/003"]
    assert get_sample("mine/a/1/003").texts == {"caption": "y"}


def test_a_row_without_an_id_is_kept_with_its_error(folder: Path):
    mine(folder, "id,question\na,1\n,2\n,3\n")
    found = samples()
    assert [s.error for s in found][1:] == [
        "row 2: it has no id in 'id'",
        "row 3: it has no id in 'id'",
    ]
    assert len({s.uid for s in found}) == 3
    assert get_sample(found[1].uid) == found[1]


def test_bad_rows_end_nothing_and_are_counted(folder: Path):
    write_lines(folder / "a.jsonl", [{"id": i, "question": "?"} for i in range(5)])
    with (folder / "a.jsonl").open("a") as file:
        file.write('broken\nbroken\n{"id": 9}\n{"id": 10, "que')
    added = add("mine", folder / "a.jsonl")
    assert (added.bad, added.info.splits) == (3, {"a": 9})
    found = samples()
    assert [s.uid for s in found[:5]] == [f"mine/a/{i}" for i in range(5)]
    assert len({s.uid for s in found}) == 9
    assert "not JSON" in str(found[5].error)
    assert found[7].error == "it has no 'question'"
    assert "cut off" in str(found[8].error)
    source = open_source("mine")
    assert isinstance(source, TableSource)
    assert source.bad == 3


def test_ragged_rows_keep_their_id(folder: Path):
    mine(folder, "id,question,answer\na,1,x\nb,2\nc,3,x,y\n", labels=["x"])
    assert [s.uid for s in samples()] == ["mine/rows/a", "mine/rows/b", "mine/rows/c"]
    assert [bool(s.error) for s in samples()] == [False, True, True]


def test_labels_that_are_missing_are_none_in_every_spelling(folder: Path):
    rows = [{"id": 0, "label": 1.0}, {"id": 1, "label": float("nan")}, {"id": 2, "label": None}]
    write_parquet(folder / "a.parquet", rows)
    add("mine", folder / "a.parquet", texts={})
    assert [s.label for s in samples()] == ["1", None, None]
    mine(folder, "id,label\n0,1.0\n1,nan\n2,\n3,NaN\n4,2.0\n", texts={}, labels=["1", "2"])
    assert [s.label for s in samples()] == ["1", None, None, None, "2"]
    assert [s.error for s in samples()] == [None] * 5


def test_a_label_outside_of_the_set_is_an_error_of_its_sample(folder: Path):
    mine(folder, "id,label\n0,yes\n1,maybe\n", texts={}, labels=["yes", "no"])
    assert [s.error for s in samples()] == [None, "its label 'maybe' is none of yes, no"]


def test_raw_labels_can_be_given_words(folder: Path):
    mine(folder, "id,label\n0,0\n1,1\n", texts={}, labels=["0=benign", "1=hateful"])
    assert [s.label for s in samples()] == ["benign", "hateful"]
    assert open_source("mine").labels == ("benign", "hateful")


def test_truth_values_of_json_are_words(folder: Path):
    write_lines(folder / "a.jsonl", [{"id": 1, "sentence": "s", "label": True}])
    add("mine", folder / "a.jsonl")
    assert samples()[0].label == "true"


def test_pairs_keep_their_order_and_a_missing_image_keeps_its_place(folder: Path):
    text = "id,image0,image1\na,img/1.png,img/2.png\nb,gone.png,img/2.png\nc,,img/2.png\n"
    mine(folder, text, texts={})
    found = samples()
    assert [ref.name for ref in found[0].images] == ["img/1.png", "img/2.png"]
    assert "gone.png does not exist" in str(found[1].error)
    assert found[1].images[1].load().size == (8, 6)
    with pytest.raises(ImageError, match="does not exist"):
        found[1].images[0].load()
    assert "no image in 'image0'" in str(found[2].error)
    with pytest.raises(ImageError):
        found[2].images[0].load()


def test_an_image_path_never_leads_out_of_its_root(folder: Path):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "link.png").symlink_to(folder / "img/1.png")
    (inner / "far").symlink_to(folder / "img")
    (inner / "ok.png").write_bytes(picture())
    paths = ["../img/1.png", str(folder / "img/1.png"), "link.png", "far/1.png", "a\0b.png"]
    rows = [{"id": i, "image": path} for i, path in enumerate([*paths, "ok.png"])]
    write_lines(inner / "a.jsonl", rows)
    add("mine", inner / "a.jsonl", texts={})
    found = samples()
    for sample, path in zip(found[:-1], paths, strict=False):
        assert sample.error, path
        assert sample.images[0].path is None
        with pytest.raises(ImageError):
            sample.images[0].load()
    assert "leads out of the image root" in str(found[0].error)
    assert found[-1].error is None
    add("mine", inner / "a.jsonl", texts={}, image_root=folder, replace=True)
    assert samples()[1].error is None  # absolute, and inside of the wider root


def test_a_template_cannot_reach_into_objects_nor_out_of_the_root(folder: Path):
    rows = [{"id": "{label.__class__}", "d": "../../etc", "label": "x"}]
    write_lines(folder / "a.jsonl", rows)
    add("mine", folder / "a.jsonl", image=["{d}/{id}.png"], texts={})
    assert "leads out" in str(samples()[0].error)
    assert samples()[0].uid == "mine/a/{label.__class__}"


def test_image_columns_of_bytes_and_lists_are_read(folder: Path):
    rows = [
        {
            "id": "a",
            "images": [
                {"bytes": picture("red"), "path": "l.png"},
                {"bytes": picture(), "path": None},
            ],
        },
        {"id": "b", "images": [{"bytes": None, "path": "img/1.png"}]},
        {"id": "c", "images": [{"bytes": b"", "path": None}]},
    ]
    write_parquet(folder / "a.parquet", rows)
    add("mine", folder / "a.parquet", image=["images"], texts={})
    a, b, c = samples()
    assert [ref.name for ref in a.images] == ["l.png", "images"]
    assert a.images[0].load().getpixel((0, 0)) == (255, 0, 0)
    assert b.images[0].path == (folder / "img/1.png").resolve()
    with pytest.raises(ImageError, match="empty"):
        c.images[0].load()


def test_urls_are_references_that_nobody_fetches(folder: Path):
    write_lines(folder / "a.jsonl", [{"id": 1, "image": "http://127.0.0.1:1/x.png"}])
    add("mine", folder / "a.jsonl", texts={})
    (sample,) = samples()
    assert sample.error is None
    assert sample.images[0].url == "http://127.0.0.1:1/x.png"
    with pytest.raises(ImageError, match="only when asked"):
        sample.images[0].load()
    add("mine", folder / "a.jsonl", texts={}, fetch=True, replace=True)
    with pytest.raises(ImageError, match="private address"):
        samples()[0].images[0].load()


def test_splits_by_filter_cut_one_file_into_parts(folder: Path):
    mine(
        folder,
        CSV.replace("q", ""),
        **WISHES | {"texts": {"question": "uestion"}},
        splits=["train=id<20", "test=id>=20"],
    )
    assert (open_source("mine/train").length, open_source("mine/test").length) == (20, 10)
    assert open_source("mine/test").uid_at(0) == "mine/test/20"
    with pytest.raises(UnknownName):
        get_sample("mine/test/3")
    with pytest.raises(DataError, match="no rows") as caught:
        mine(folder, CSV, **WISHES, splits=["none=id==zz"])
    assert "id==zz" in caught.value.hint


def test_where_drops_rows_from_every_split(folder: Path):
    mine(folder, CSV, **WISHES, where="answer!=a0")
    assert open_source("mine").length == 20


def test_shards_are_one_split_and_named_files_are_several(folder: Path):
    for i in range(3):
        rows = [{"id": f"{i}-{j}", "caption": "x"} for j in range(4)]
        write_parquet(folder / f"train-{i:05}-of-00003.parquet", rows)
    add("mine", sorted(folder.glob("train-*.parquet")))
    source = open_source("mine/train")
    assert [s.uid for s in source.iter()] == [
        f"mine/train/{i}-{j}" for i in range(3) for j in range(4)
    ]
    assert source.get("mine/train/2-3").texts == {"caption": "x"}
    add(
        "mine",
        [
            f"a={folder / 'train-00000-of-00003.parquet'}",
            f"b={folder / 'train-00001-of-00003.parquet'}",
        ],
        replace=True,
    )
    assert list(open_source("mine/b").iter())[0].uid == "mine/b/1-0"


def test_the_index_is_kept_and_built_anew_when_the_file_changes(folder: Path, monkeypatch):
    mine(folder, CSV, **WISHES)
    first = open_source("mine/rows")
    with monkeypatch.context() as patch:
        patch.setattr(TableSource, "_scan", lambda self: pytest.fail("it was read again"))
        assert open_source("mine/rows").revision == first.revision
    (folder / "rows.csv").write_text(CSV.replace("q5,", "new,"))
    assert get_sample("mine/rows/new").texts["question"] == "what 5?"
    assert open_source("mine/rows").revision != first.revision


def test_the_revision_depends_on_content_and_mapping_and_not_on_the_place(folder: Path):
    mine(folder, CSV, **WISHES)
    before = open_source("mine").revision
    os.utime(folder / "rows.csv", (1, 1))
    assert open_source("mine").revision == before
    other = folder / "elsewhere"
    other.mkdir()
    write_pictures(other, [f"img/{i}.png" for i in range(30)])
    mine(other, CSV, **WISHES)
    assert open_source("mine").revision == before
    mine(folder, CSV, **WISHES | {"texts": {"prompt": "question"}})
    assert open_source("mine").revision != before


def test_a_file_that_changes_under_an_open_source_gives_errors_and_no_wrong_samples(folder: Path):
    mine(folder, CSV, **WISHES)
    source = open_source("mine/rows")
    (folder / "rows.csv").write_text(CSV.replace("q2,", "quite-other,"))
    sample = source.get("mine/rows/q7")
    assert "have changed" in str(sample.error)
    assert sample.texts == {"question": ""}
    (folder / "rows.csv").unlink()
    gone = list(source.iter())
    assert [s.uid for s in gone] == [f"mine/rows/q{i}" for i in range(30)]
    assert all("cannot be read" in str(s.error) for s in gone)
    with pytest.raises(DataError, match="cannot be read"):
        open_source("mine/rows")


def test_a_row_that_was_swapped_for_another_is_told_by_its_id(folder: Path):
    mine(folder, "id,caption\naa,first\nbb,other\n")
    source = open_source("mine/rows")
    (folder / "rows.csv").write_text("id,caption\nbb,other\naa,first\n")
    sample = source.get("mine/rows/aa")
    assert "changed since it was indexed" in str(sample.error)
    assert sample.texts == {"caption": ""}


def test_a_damaged_index_is_built_anew(folder: Path):
    from workbench.data.index import index_path

    mine(folder, CSV, **WISHES)
    path = index_path("mine", "rows")
    assert path is not None
    path.write_bytes(b"no database" * 100)
    assert open_source("mine/rows").length == 30
    sqlite3.connect(path).execute("SELECT count(*) FROM rows").fetchone()


def test_a_cache_that_cannot_be_written_costs_only_the_rebuild(folder: Path, monkeypatch):
    mine(folder, CSV, **WISHES)
    import shutil

    shutil.rmtree(folder / "wb/cache")
    (folder / "wb/cache").write_text("a file in the way")
    source = open_source("mine/rows")
    assert source.get("mine/rows/q29").error is None
    assert len(list(source.iter())) == 30


def test_iteration_and_lookups_from_two_threads_do_not_disturb_each_other(folder: Path):
    from concurrent.futures import ThreadPoolExecutor

    rows = [{"id": i, "caption": f"c{i}"} for i in range(300)]
    write_parquet(folder / "a.parquet", rows, group=50)
    add("mine", folder / "a.parquet")
    source = open_source("mine")

    def jump(seed: int) -> bool:
        return all(
            source.at((seed * 37 + i * 101) % 300).texts["caption"]
            == f"c{(seed * 37 + i * 101) % 300}"
            for i in range(40)
        )

    with ThreadPoolExecutor(4) as pool:
        jumps = [pool.submit(jump, seed) for seed in range(4)]
        walked = [s.texts["caption"] for s in source.iter()]
        assert all(j.result() for j in jumps)
    assert walked == [f"c{i}" for i in range(300)]


def test_iteration_holds_a_few_rows_however_many_there_are(folder: Path):
    import tracemalloc

    path = folder / "big.csv"
    with path.open("w") as file:
        file.write("id,caption\n")
        file.writelines(f"{i},{'word ' * 60}\n" for i in range(4_000))
    add("mine", path)
    source = open_source("mine")
    tracemalloc.start()
    for _ in itertools.islice(source.iter(), 200):
        pass
    early = tracemalloc.get_traced_memory()[1]
    for _ in source.iter():
        pass
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert late < early + 200_000  # bytes; the file has more than a million


def test_metadata_holds_what_is_not_mapped_and_can_be_chosen(folder: Path):
    rows = [{"id": 1, "question": "q", "writer": 5, "nested": {"a": [1, float("nan")]}, "raw": "x"}]
    write_lines(folder / "a.jsonl", rows)
    add("mine", folder / "a.jsonl")
    assert samples()[0].metadata == {"writer": 5, "nested": {"a": [1, None]}, "raw": "x"}
    add("mine", folder / "a.jsonl", metadata=["writer"], replace=True)
    assert samples()[0].metadata == {"writer": 5}
    add("mine", folder / "a.jsonl", metadata=[], replace=True)
    assert samples()[0].metadata == {}


def test_references_and_explanations_may_be_lists_or_several_columns(folder: Path):
    rows = [
        {
            "id": 1,
            "question": "q",
            "answers": [{"answer": "two", "answer_confidence": "yes"}, {"answer": "2"}],
            "answer": "2",
            "Explanation_1": "a",
            "Explanation_2": "",
            "Explanation_3": "c",
        }
    ]
    write_lines(folder / "a.jsonl", rows)
    add("mine", folder / "a.jsonl")
    (sample,) = samples()
    assert sample.references == ("2", "two")
    assert sample.explanations == ("a", "c")


def test_half_surrogates_in_json_do_not_break_what_is_stored(folder: Path):
    (folder / "a.jsonl").write_text('{"id": "\\ud800", "caption": "a\\udfffb", "k": "\\ud801"}\n')
    add("mine", folder / "a.jsonl")
    (sample,) = samples()
    assert sample.texts == {"caption": "a?b"}
    str((sample.uid, sample.metadata)).encode()
    add_dataset("mine2", folder / "a.jsonl", id="hash")
    assert len(samples("mine2")) == 1


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_source_may_be_used_after_a_fork_by_parent_and_children_at_once(
    folder: Path, format_: str
):
    rows = [{"id": i, "caption": f"c{i} " + "word " * 50} for i in range(400)]
    if format_ == "parquet":
        write_parquet(folder / "a.parquet", rows, group=100)
        add("mine", folder / "a.parquet")
    else:
        text = "id,caption\n" + "".join(f"{r['id']},{r['caption']}\n" for r in rows)
        mine(folder, text)
    source = open_source("mine")
    assert source.at(7).error is None  # handles are open now

    def walk(step: int) -> bool:
        found = (source.at(i * step % 400) for i in range(400))
        return all(s.error is None and s.texts["caption"].startswith("c") for s in found)

    children = []
    for step in (3, 7, 11):
        child = os.fork()
        if child == 0:
            os._exit(0 if walk(step) else 1)
        children.append(child)
    assert walk(1)
    assert [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children] == [0, 0, 0]


def test_a_source_and_a_part_of_it_can_be_sent_to_a_worker(folder: Path):
    import pickle

    mine(folder, CSV, **WISHES)
    for spec in ("mine/rows", "mine/rows[5:9]", "demo/test"):
        source = open_source(spec)
        source.at(0)
        again = pickle.loads(pickle.dumps(source))
        assert again.at(2) == source.at(2)
        assert again.length == source.length
