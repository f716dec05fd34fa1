"""`wb data`: the commands as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.data import command
from tests.workbench.data.tables import write_lines, write_pictures
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError, UnknownName

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def data(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def table(folder: Path) -> Path:
    path = folder / "test.csv"
    path.write_text("key,q,a,n\n" + "".join(f"k{i},q{i}?,yes,{i}\n" for i in range(5)))
    write_pictures(folder, [f"img/k{i}.png" for i in range(5)])
    return path


def test_the_list_begins_with_the_name(tmp_path: Path):
    listed = json.loads(data("list", "--json").stdout)
    assert [entry["name"] for entry in listed][:1] == ["demo"]
    assert all(list(entry)[0] == "name" for entry in listed)
    assert "demo_vqa" in data("list").stdout


def test_the_list_is_sorted_by_name_task_or_number_of_samples(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,question,answer\n1,a?,x\n2,b?,y\n")
    data("add", "a_small_one", str(tmp_path / "t.csv"))

    def listed(*words: str) -> list[dict]:
        return json.loads(data("list", "--json", *words).stdout)

    assert listed()[-1]["name"] == "a_small_one"
    assert listed("--sort", "name")[0]["name"] == "a_small_one"
    tasks = [entry["task"] for entry in listed("--sort", "task")]
    assert tasks == sorted(tasks)
    assert listed("--sort", "samples")[-1]["name"] == "a_small_one"
    assert data("list", "--sort", "size").exit_code == 2


def test_adding_says_what_it_took_and_what_it_found(tmp_path: Path):
    result = data("add", "mine", str(table(tmp_path)), "--text", "question=q", "--label", "a",
                  "--image", "img/{key}.png")  # fmt: skip
    assert result.exit_code == 0
    assert result.stdout.startswith("mine: test 5 samples\n")
    assert "taken  id: key" in result.stderr
    assert get_sample("mine/test/k3").texts == {"question": "q3?"}
    assert get_sample("mine/test/k3").images[0].load().size == (8, 6)


def test_the_options_mean_what_they_say(tmp_path: Path):
    path = tmp_path / "t.dat"
    path.write_bytes("k1|caf\xe9|0|1\nk2|b|1|2\nk3|c|0|9\n".encode("cp1252"))
    result = data(
        *("add", "mine", f"all={path}", "--format", "delimited", "--delimiter", "|"),
        *("--encoding", "cp1252", "--no-header", "--id", "0", "--text", "sentence=1"),
        *("--label", "2", "--labels", "0=no,1=yes", "--where", "3<5", "--task", "statement"),
        *("--metadata", "", "--description", "A test", "--licence", "CC0", "--json"),
    )
    body = json.loads(result.stdout)
    assert (body["name"], body["splits"], body["licence"]) == ("mine", {"all": 2}, "CC0")
    sample = get_sample("mine/all/k1")
    assert (sample.texts, sample.label) == ({"sentence": "caf\xe9"}, "no")
    assert (sample.labels, sample.metadata) == (("no", "yes"), {})


def test_a_dataset_whose_images_are_missing_is_added_with_a_word_about_it(tmp_path: Path):
    path = table(tmp_path)
    for i in range(4):
        (tmp_path / f"img/k{i}.png").unlink()
    result = data("add", "mine", str(path), "--text", "question=q", "--image", "img/{key}.png")
    assert result.exit_code == 0
    assert "4 of 5 samples tried have a problem" in result.stderr
    assert "does not exist" in result.stderr


def test_an_image_that_cannot_be_decoded_is_found_while_adding(tmp_path: Path):
    path = table(tmp_path)
    (tmp_path / "img/k2.png").write_bytes(b"not a picture")
    result = data("add", "mine", str(path), "--image", "img/{key}.png", "--json")
    problems = json.loads(result.stdout)["problems"]
    assert list(problems) == ["mine/test/k2"]


def test_splits_are_cut_by_filters(tmp_path: Path):
    data("add", "mine", str(table(tmp_path)), "--text", "question=q", "--image", "img/{key}.png",
         "--split", "train=n<3", "--split", "test=n>=3")  # fmt: skip
    assert (open_source("mine/train").length, open_source("mine/test").length) == (3, 2)


def test_info_tells_splits_schema_and_revision(tmp_path: Path):
    data("add", "mine", str(table(tmp_path)), "--text", "question=q", "--image", "img/{key}.png")
    body = json.loads(data("info", "mine", "--json").stdout)
    assert body["split_details"]["test"]["length"] == 5
    assert len(body["split_details"]["test"]["revision"]) == 16
    assert body["schema"]["question"] == "q"
    words = data("info", "mine").stdout
    assert "test: 5 samples" in words
    assert "question from q" in words


def test_info_of_a_dataset_whose_file_is_gone_says_so_in_its_place(tmp_path: Path):
    path = table(tmp_path)
    data("add", "mine", str(path), "--image", "img/{key}.png")
    path.unlink()
    result = data("info", "mine")
    assert result.exit_code == 0
    assert "cannot be read" in result.stdout


def test_removing_and_unknown_names(tmp_path: Path):
    data("add", "mine", str(table(tmp_path)), "--image", "img/{key}.png")
    assert data("rm", "mine").exit_code == 0
    with pytest.raises(UnknownName):
        data("info", "mine")


def test_text_that_would_move_the_terminal_is_cleaned(tmp_path: Path):
    path = write_lines(tmp_path / "a.jsonl", [{"id": 1, "caption": "x"}])
    evil = "\x1b[31mred\x9b0m\u202e"
    data("add", "mine", str(path), "--description", evil)
    words = data("info", "mine").stdout
    assert "red" in words
    assert not set(words) & set("\x1b\x9b\u202e")


def test_a_missing_column_is_an_error_and_saves_nothing(tmp_path: Path):
    with pytest.raises(DataError, match="no column 'zz'"):
        data("add", "mine", str(table(tmp_path)), "--label", "zz")
    assert "mine" not in data("list").stdout


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")
def test_the_line_for_nlvr1_works_as_it_is_written():
    line = [
        *("add", "nlvr1", str(SHARED / "nlvr1/dev/dev.json"), "--id", "identifier"),
        *("--text", "sentence=sentence", "--label", "label"),
        *("--image", "images/{directory}/dev-{identifier}-0.png"),
    ]
    result = data(*line)
    assert result.stdout.startswith("nlvr1: dev 989 samples\n")
    assert "problem" not in result.stderr


def test_a_label_column_of_an_unknown_name_is_proposed_beside_a_known_text(tmp_path: Path):
    file = tmp_path / "test.csv"
    rows = [f"k{i},claim {i},{'ja' if i % 2 else 'nein'}\n" for i in range(6)]
    file.write_text("key,statement,urteil\n" + "".join(rows))
    result = data("add", "mine", str(file), "--image", "", "--allow-missing")
    assert "no label was found; with your columns: wb data add mine" in result.stderr
    assert result.stderr.rstrip().endswith("--label urteil")
    named = data("add", "mine", str(file), "--image", "", "--label", "urteil", "--replace")
    assert named.exit_code == 0 and "was found" not in named.stderr
