"""Readers: `read(place)` gives what `scan` gave, and damage stays where it is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workbench.data.tables import write_lines, write_parquet
from workbench.data.files import LocalFile
from workbench.data.readers.base import RawRow, RowReader, skip_bom
from workbench.data.readers.opening import ReadOptions, find_format, open_reader
from workbench.errors import DataError, UsageError


def reader_of(path: Path, **options: object) -> RowReader:
    return open_reader(LocalFile(path), ReadOptions(**options))


def rows_of(path: Path, **options: object) -> list[RawRow]:
    """All rows; each was read again by its place and found the same."""
    reader = reader_of(path, **options)
    rows = list(reader.scan())
    for row in reversed(rows):
        again = reader.read(row.place)
        assert (again.values, again.error) == (row.values, row.error)
    reader.close()
    return rows


def values_of(path: Path, **options: object) -> list[dict]:
    rows = rows_of(path, **options)
    assert [row.error for row in rows] == [None] * len(rows)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return [dict(row.values) for row in rows]


def test_a_csv_with_quoted_newlines_delimiters_and_quotes(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\r\n1,"two\nlines, a ""quote"""\r\n\r\n2,plain\r\n3,"x\r\ny"')
    assert values_of(path) == [
        {"id": "1", "text": 'two\nlines, a "quote"'},
        {"id": "2", "text": "plain"},
        {"id": "3", "text": "x\r\ny"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str):
    path = tmp_path / "a.txt"
    path.write_text(delimiter.join(["id", '"a,b;c|d"', "x"]) + "\n" + delimiter.join("123") + "\n")
    reader = reader_of(path)
    assert reader.columns == ("id", "a,b;c|d", "x")


def test_a_tsv_needs_no_delimiter_and_may_mean_nothing_by_quotes(tmp_path: Path):
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\n1\t"half a quote\n2\tx, y\n')
    assert values_of(path, quotes=False) == [
        {"id": "1", "text": '"half a quote'},
        {"id": "2", "text": "x, y"},
    ]


def test_quotes_that_tabs_or_text_show_to_be_text_stay_text(tmp_path: Path):
    path = tmp_path / "a.tsv"
    lines = [
        '1\t"Is" it red?\tyes',
        '2\t"So?\tno',  # as a quoted cell it would go on to the quote of the next row
        '3\tEnd "\tyes',
        '4\tA 5" disc?\tno',
        '5\t"a ""quoted""\tcell"\tyes',
        '6\t"two\nlines"\tno',
        '7\t"never closed\tyes',
    ]
    path.write_text("id\ttext\tanswer\n" + "\n".join(lines) + "\n")
    assert [row["text"] for row in values_of(path)] == [
        '"Is" it red?',
        '"So?',
        'End "',
        'A 5" disc?',
        'a "quoted"\tcell',
        "two\nlines",
        '"never closed',
    ]


def test_in_a_csv_cells_of_prose_keep_their_lines_and_commas(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"one\ntwo, three"\n2,"Is" it red?\n')
    assert [row["text"] for row in values_of(path)] == ["one\ntwo, three", '"Is" it red?']


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_first_line_that_names_the_delimiter_is_no_row(tmp_path: Path, delimiter: str):
    path = tmp_path / "excel.csv"
    rows = [["id", "text"], ["1", "a|b"]]
    table = "".join(delimiter.join(row) + "\r\n" for row in rows)
    path.write_bytes(b"\xef\xbb\xbf" + f"sep={delimiter}\r\n{table}".encode())
    assert values_of(path) == [{"id": "1", "text": "a|b"}]
    assert reader_of(path, delimiter=delimiter).columns == ("id", "text")


def test_a_column_that_is_called_sep_is_a_column(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("sep=x,id\na,1\n")
    assert values_of(path) == [{"sep=x": "a", "id": "1"}]


def test_a_quote_in_the_midst_of_a_field_is_just_a_quote(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,a 5" pipe\n2,b\n')
    assert [v["text"] for v in values_of(path)] == ['a 5" pipe', "b"]


def test_a_quote_that_never_closes_costs_one_row(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,ok\n2,"open\n3,still there\n4,and this\n')
    rows = rows_of(path)
    assert [row.error and "never closes" in row.error for row in rows] == [None, True, None, None]
    assert [row.values.get("id") for row in rows] == ["1", None, "3", "4"]


def test_ragged_rows_come_with_their_error_and_what_they_hold(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("id,a,b\n1,x,y\n2,x\n3,x,y,z\n4,x,y\n")
    rows = rows_of(path)
    assert [row.error for row in rows] == [
        None,
        "it has 2 fields, the header has 3",
        "it has 4 fields, the header has 3",
        None,
    ]
    assert rows[1].values == {"id": "2", "a": "x"}


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfid,text\n1,x\n")
    assert values_of(tmp_path / "a.csv") == [{"id": "1", "text": "x"}]
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf[{"id": 1}]')
    assert values_of(tmp_path / "a.json") == [{"id": 1}]
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"id": 1}\n')
    assert values_of(tmp_path / "a.jsonl") == [{"id": 1}]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_a_wrong_encoding_names_row_and_byte_and_what_to_pass(tmp_path: Path, name: str):
    text = {
        "a.csv": "id,text\n1,plain\n2,caf\xe9\n",
        "a.jsonl": '{"id": 1, "text": "plain"}\n{"id": 2, "text": "caf\xe9"}\n',
        "a.json": '[{"id": 1, "text": "plain"}, {"id": 2, "text": "caf\xe9"}]',
    }[name]
    path = tmp_path / name
    path.write_bytes(text.encode("cp1252"))
    with pytest.raises(DataError) as caught:
        list(reader_of(path).scan())
    assert "0xe9" in caught.value.message
    assert f"byte {text.index(chr(0xE9))}" in caught.value.message
    assert "--encoding cp1252" in caught.value.hint
    assert values_of(path, encoding="cp1252")[1]["text"] == "caf\xe9"


def test_other_encodings_are_read_by_byte_offset_too(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,text\n1,日本語、表\n2,ソ\n".encode("shift-jis"))
    assert [v["text"] for v in values_of(path, encoding="shift-jis")] == ["日本語、表", "ソ"]


def test_utf_16_and_unknown_encodings_are_refused_with_a_way_out(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n", "utf-16")
    with pytest.raises(DataError, match="UTF-16") as caught:
        reader_of(path)
    assert "iconv" in caught.value.hint
    (tmp_path / "b.csv").write_text("id\n1\n")
    for encoding in ("utf-16", "no-such"):
        with pytest.raises(UsageError):
            reader_of(tmp_path / "b.csv", encoding=encoding)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, name: str):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"empty|not a Parquet"):
        reader_of(tmp_path / name)


def test_a_compressed_file_of_a_hub_leads_to_the_stream():
    with pytest.raises(DataError, match="compressed") as caught:
        skip_bom(io.BytesIO(b"\x1f\x8b12"), "hub:own/repo@1234567/train.jsonl.gz")
    assert "hf:own/repo" in caught.value.hint


def test_a_compressed_file_is_called_compressed(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"\x1f\x8b\x08\x00rest")
    with pytest.raises(DataError, match="compressed"):
        reader_of(tmp_path / "a.csv")


def test_a_column_that_stands_twice_is_refused_and_an_unnamed_one_named(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,x,x\n1,2,3\n")
    with pytest.raises(DataError, match="'x' twice"):
        reader_of(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(",x\n0,2\n")  # as pandas writes its index
    assert reader_of(tmp_path / "b.csv").columns == ("column0", "x")


def test_without_a_header_columns_are_positions(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x,1\ny,2\n")
    assert values_of(tmp_path / "a.csv", header=False) == [
        {"0": "x", "1": "1"},
        {"0": "y", "1": "2"},
    ]


def test_a_torn_last_json_line_costs_one_row(tmp_path: Path):
    path = write_lines(tmp_path / "a.jsonl", [{"id": 1}, {"id": 2}])
    with path.open("a") as file:
        file.write('{"id": 3, "te')
    rows = rows_of(path)
    assert [row.error for row in rows] == [None, None, "the line is cut off"]


def test_a_line_that_is_no_json_costs_one_row(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1}\nnonsense\n\n42\n{"id": 2}')
    rows = rows_of(path)
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert [row.error is None for row in rows] == [True, False, False, True]
    assert rows[1].digest != rows[2].digest


def test_a_json_list_is_read_item_by_item_across_buffers(tmp_path: Path):
    items = [[f"ques\u00fftion {i}" * (i % 50), "yes", i * 1001] for i in range(3000)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(items, ensure_ascii=False, indent=1), "utf-8")
    assert path.stat().st_size > 3 * 64 * 1024
    found = values_of(path)
    assert [[v["0"], v["1"], v["2"]] for v in found] == items


def test_a_number_at_the_edge_of_a_buffer_is_read_whole(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("workbench.data.readers.jsonarray.CHUNK", 5)
    (tmp_path / "a.json").write_text("[[123456789, 1], [22, 987654321]]")
    assert [v["0"] for v in values_of(tmp_path / "a.json")] == [123456789, 22]
    (tmp_path / "b.json").write_text('{"version": 123456789, "n": -1.5e10, "rows": [{"id": 7}]}')
    assert values_of(tmp_path / "b.json", format="jsonarray") == [{"id": 7}]


def test_a_json_list_that_is_cut_off_keeps_what_is_whole(tmp_path: Path):
    text = json.dumps([{"id": i, "text": "word " * 5} for i in range(5)])
    for cut in (len(text) - 10, len(text) - 1, text.rindex(",") + 1, text.rindex("{") - 1):
        (tmp_path / "a.json").write_text(text[:cut])
        rows = rows_of(tmp_path / "a.json", format="jsonarray")
        good = [row.values["id"] for row in rows if row.error is None]
        assert good == list(range(len(good)))
        assert len(good) >= 4
        assert "cut off" in str(rows[-1].error)


def test_a_json_list_that_is_damaged_within_says_at_which_byte(tmp_path: Path):
    (tmp_path / "a.json").write_text('[{"id": 1}, {"id" 2}, {"id": 3}, {"id": 4}]')
    with pytest.raises(DataError, match="not valid JSON at byte 12"):
        reader_of(tmp_path / "a.json", format="jsonarray")


def test_a_list_under_a_key_is_found_or_named(tmp_path: Path):
    path = tmp_path / "a.json"
    body = {"info": {"year": 1}, "n": [1, 2], "questions": [{"id": 1}, {"id": 2}]}
    path.write_text(json.dumps(body))
    assert values_of(path) == [{"id": 1}, {"id": 2}]
    path.write_text(json.dumps(body | {"images": [{"file": "x"}]}))
    with pytest.raises(DataError) as caught:
        reader_of(path)
    assert "questions, images" in caught.value.hint
    assert values_of(path, records="images") == [{"file": "x"}]
    with pytest.raises(DataError, match="no list 'nope'"):
        reader_of(path, records="nope")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}\n{"a": 2}\n', "jsonlines"),
        ('{"a": 1}', "jsonlines"),
        ('["q", "a", 1]\n["q", "b", 2]\n', "jsonlines"),
        ('[["q", "a", 1],\n ["q", "b", 2]]', "jsonarray"),
        ('[{"a": 1}]', "jsonarray"),
        ('{"x": [{"a": 1}]}', "jsonarray"),
        ('{\n "x": [\n  {"a": 1}\n ]\n}', "jsonarray"),
    ],
)
def test_what_a_json_file_holds_is_told_by_its_first_line(tmp_path: Path, text: str, kind: str):
    (tmp_path / "a.json").write_text(text)
    assert find_format(LocalFile(tmp_path / "a.json")) == kind


def test_a_format_that_cannot_be_told_says_what_to_pass(tmp_path: Path):
    (tmp_path / "a.dat").write_text("hello\n")
    with pytest.raises(DataError) as caught:
        find_format(LocalFile(tmp_path / "a.dat"))
    assert "--format" in caught.value.hint


def test_parquet_is_read_by_row_groups_in_any_order(tmp_path: Path):
    rows = [
        {"id": i, "text": f"t{i}", "image": {"bytes": bytes([i]), "path": "x"}} for i in range(50)
    ]
    path = write_parquet(tmp_path / "a.parquet", rows, group=20)
    assert values_of(path) == rows
    reader = reader_of(path)
    ids = [r.values for r in reader.scan(["id"])]
    assert ids == [{"id": i} for i in range(50)]
    for place, i in (((2, 3), 43), ((0, 19), 19), ((0, 2), 2), ((1, 0), 20), ((0, 0), 0)):
        assert reader.read(place).values["id"] == i


def test_parquet_bytes_that_nobody_needs_are_not_read(tmp_path: Path):
    rows = [{"id": 1, "a": {"bytes": b"1"}, "b": b"2", "text": "x"}]
    path = write_parquet(tmp_path / "a.parquet", rows)
    reader = open_reader(LocalFile(path), ReadOptions(), ["id", "a"])
    assert set(reader.read((0, 0)).values) == {"id", "a", "text"}


def test_a_truncated_parquet_file_is_one_clear_error(tmp_path: Path):
    path = write_parquet(tmp_path / "a.parquet", [{"id": i} for i in range(100)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"not a Parquet file, or is cut off"):
        reader_of(path)


def test_a_damaged_row_group_costs_its_rows_and_no_others(tmp_path: Path):
    rows = [{"id": i, "text": "x" * 500 + str(i)} for i in range(40)]
    path = write_parquet(tmp_path / "a.parquet", rows, group=20)
    data = bytearray(path.read_bytes())
    data[4:60] = b"\xff" * 56
    path.write_bytes(bytes(data))
    reader = reader_of(path)
    assert "damaged" in str(reader.read((0, 3)).error)
    assert reader.read((1, 3)).values["id"] == 23


def test_the_names_that_datasets_keeps_for_labels_are_found(tmp_path: Path):
    import pyarrow as pa

    names = {"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}
    schema = pa.schema(
        [("id", pa.int64()), ("label", pa.int64())],
        metadata={"huggingface": json.dumps(names)},
    )
    path = write_parquet(tmp_path / "a.parquet", [{"id": 1, "label": 0}], schema=schema)
    assert reader_of(path).label_words == {"label": {"0": "no", "1": "yes"}}


def test_half_read_readers_never_keep_a_process_from_leaving(tmp_path: Path):
    rows = [{"id": i, "text": "word " * 100} for i in range(5000)]
    write_parquet(tmp_path / "a.parquet", rows, group=1000)
    write_lines(tmp_path / "b.jsonl", rows)
    code = f"""
import os
from pathlib import Path
from workbench.data.files import LocalFile
from workbench.data.readers.opening import ReadOptions, open_reader
import pyarrow.parquet
kept, before = [], len(os.listdir("/proc/self/task"))
for _ in range(50):
    for name in ("a.parquet", "b.jsonl"):
        rows = open_reader(LocalFile(Path({str(tmp_path)!r}) / name), ReadOptions()).scan()
        next(rows)
        kept.append(rows)
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr


def test_a_footer_is_parsed_once_a_version_and_few_are_kept(tmp_path: Path, monkeypatch):
    import pyarrow.parquet as pq

    from workbench.data.readers import parquet

    parsed, whole = [], pq.ParquetFile

    def counting(file, *, metadata=None, **options):
        parsed.append(metadata is None)
        return whole(file, metadata=metadata, **options)

    monkeypatch.setattr(pq, "ParquetFile", counting)
    path = write_parquet(tmp_path / "t.parquet", [{"id": i} for i in range(20)])
    for _ in range(3):
        reader = parquet.ParquetReader(LocalFile(path))
        assert reader.read((1, 2)).values == {"id": 9}
        reader.close()
    assert parsed == [True, False, False]
    write_parquet(path, [{"id": -i} for i in range(40)])
    assert parquet.ParquetReader(LocalFile(path)).read((1, 2)).values == {"id": -9}
    assert parsed == [True, False, False, True]
    monkeypatch.setattr(parquet, "FOOTERS", 1)
    other = write_parquet(tmp_path / "u.parquet", [{"id": 1}])
    parquet.ParquetReader(LocalFile(other))
    assert len(parquet._footers._kept) == 1
