"""A file of one's own is looked at, then added: nothing is kept before, the line says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from commands.main import cli
from workbench.app.explore.own_data_text import in_form_words
from workbench.data.describing import describe_dataset
from workbench.data.looking import OwnData, keep, look
from workbench.data.source import open_source
from workbench.data.tables.mapping import datasets_dir
from workbench.errors import DataError, UsageError
from workbench.prompts.preview import preview

ROLES = {
    "key": "id",
    "pic": "image",
    "ask": "text question",
    "verdict": "label",
    "how": "explanation",
}


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    for number in range(2):
        Image.new("RGB", (6, 4), "red").save(tmp_path / f"{number}.png")
    rows = "".join(f"k{n},{n}.png,Is it red?,{'no' if n else 'yes'},seen\n" for n in range(2))
    (tmp_path / "asked.csv").write_text(f"key,pic,ask,verdict,how\n{rows}")
    return tmp_path / "asked.csv"


def saved() -> list[str]:
    return [path.name for path in datasets_dir().glob("*.toml")]


def test_what_it_would_be_is_told_and_nothing_is_kept(asked: Path):
    seen = look(OwnData("", str(asked)), preview)
    assert seen.columns == tuple(ROLES) and seen.roles["key"] == "id"
    assert seen.values["ask"] == ("Is it red?", "Is it red?")
    assert any("0 of 2 rows have" in said for said in seen.table.warnings)
    assert seen.own.argv == ["data", "add", "asked", str(asked)]
    assert saved() == []


def test_what_was_chosen_for_columns_stands_and_the_line_does_the_same(asked: Path):
    own = OwnData("mine", str(asked), ROLES)
    seen = look(own, preview)
    assert dict(seen.roles) == ROLES and not seen.problem and not seen.table.warnings
    assert "Is it red?" in (seen.table.splits[0].prompt or {})["text"]
    assert [sample.label for sample in seen.samples] == ["yes", "no"]
    assert keep(own) == "mine/asked" and open_source("mine/asked").at(0).explanations == ("seen",)
    argv = ["twin" if word == "mine" else word for word in own.argv]
    assert CliRunner().invoke(cli, argv).exit_code == 0
    first, twin = describe_dataset("mine"), describe_dataset("twin")
    assert first["schema"] == twin["schema"] and first["labels"] == twin["labels"]


def test_a_role_that_only_one_column_can_have_goes_over_to_it(asked: Path):
    seen = look(OwnData("mine", str(asked), ROLES))
    changed = seen.with_role("how", "label")
    assert (changed["how"], changed["verdict"]) == ("label", "metadata")
    assert seen.with_role("how", "premise")["how"] == "text premise"
    again = look(OwnData("mine", str(asked), seen.with_role("ask", "premise")))
    assert dict(again.mapping.texts) == {"premise": "ask"}
    none = look(OwnData("mine", str(asked), {**ROLES, "verdict": "metadata", "ask": "metadata"}))
    assert (none.mapping.label, none.mapping.texts) == ("", {})


def test_a_folder_of_images_has_no_columns_and_a_table_without_its_images_a_problem(
    asked: Path, tmp_path: Path
):
    assert look(OwnData("mine", str(tmp_path))).columns == tuple(ROLES)  # its one table
    alone = tmp_path / "pictures"
    alone.mkdir()
    for number in range(2):
        Image.new("RGB", (6, 4), "red").save(alone / f"{number}.png")
    seen = look(OwnData("pictures", str(alone)))
    assert seen.columns == () and seen.mapping.kind == "folder" and len(seen.samples) == 2
    away = tmp_path / "away"
    away.mkdir()
    seen = look(OwnData("mine", str(asked), ROLES, image_root=str(away)))
    assert "images are missing" in seen.problem and "--image" in seen.hint
    with pytest.raises(DataError, match="images are missing"):
        keep(seen.own)
    assert saved() == []


def test_what_cannot_be_added_says_why(asked: Path, tmp_path: Path):
    with pytest.raises(DataError, match="does not exist"):
        look(OwnData("", str(tmp_path / "nothing.csv")))
    with pytest.raises(UsageError, match="on a hub"):
        look(OwnData("", "hub:someone/pairs"))
    seen = look(OwnData("demo", str(asked)))
    assert "shipped with wb" in seen.problem and seen.columns == tuple(ROLES)


def test_a_table_of_which_nothing_is_taken_can_be_looked_at_to_say_what_is_what(tmp_path: Path):
    (tmp_path / "t.csv").write_text("nr,what,why\n1,a,b\n2,c,d\n")
    seen = look(OwnData("", str(tmp_path / "t.csv")))
    assert seen.problem.startswith("nothing of ") and seen.columns == ("nr", "what", "why")
    with pytest.raises(DataError, match="nothing of"):
        keep(seen.own)
    roles = seen.with_role("what", "text caption")
    seen = look(OwnData("", str(tmp_path / "t.csv"), roles))
    assert (seen.problem, seen.mapping.task, seen.mapping.label) == ("", "caption", "what")
    assert seen.roles["what"] == "text caption"


def test_a_label_out_of_peoples_answers_stays_where_another_role_is_chosen(tmp_path: Path):
    rows = '{"nr": 1, "question": "a?", "answers": ["x", "y", "y"], "why": "z"}\n'
    (tmp_path / "t.jsonl").write_text(rows)
    seen = look(OwnData("", str(tmp_path / "t.jsonl")))
    own = OwnData("", str(tmp_path / "t.jsonl"), seen.with_role("why", "explanation"))
    for sample in (*seen.samples, *look(own).samples):
        assert (sample.label, sorted(sample.references)) == ("y", ["x", "y", "y"])


def test_columns_are_told_also_where_ids_repeat_and_an_id_can_be_chosen(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("scan,nr,question,answer\ns,1,a?,yes\ns,2,a?,yes\n")
    seen = look(OwnData("mine", str(table)))
    assert "occurs in rows 1 and 2" in seen.problem and "--id auto" in seen.hint
    assert seen.roles["question"] == "text question" and seen.values["nr"] == ("1", "2")
    for chosen, first in (("nr", "1"), ("{scan}-{nr}", "s-1")):
        seen = look(OwnData("mine", str(table), id=chosen))
        assert (seen.problem, seen.samples[0].uid) == ("", f"mine/t/{first}")
    own = OwnData("mine", str(table), seen.with_role("scan", "metadata"), id="auto")
    assert look(own).problem == "" and own.argv[4:6] == ["--id", "auto"]
    assert keep(own) == "mine/t" and len(saved()) == 1
    seen = look(own)  # the name is taken now
    assert "already" in seen.problem and seen.columns[:2] == ("scan", "nr")


def test_what_is_at_fault_is_told_as_the_option_or_the_argument_to_change(
    asked: Path, tmp_path: Path
):
    (tmp_path / "t.csv").write_text("id,question,answer\ns,a?,yes\ns,b?,no\n")
    table, asked_ = str(tmp_path / "t.csv"), str(asked)
    (tmp_path / "none").mkdir()
    for own, about in (
        (OwnData("demo", table), "NAME"),
        (OwnData("no name", table), "NAME"),
        (OwnData("mine", table, id="id"), "--id"),
        (OwnData("mine", table, id="{nothing}"), "--id"),
        (OwnData("mine", asked_, ROLES, image_root="nowhere"), "--image-root"),
        (OwnData("mine", asked_, ROLES, image_root=str(tmp_path / "none")), "--image-root"),
        (OwnData("mine", table, image="{id}.png", id="auto"), "--image"),
    ):
        assert (look(own).about, bool(look(own).problem)) == (about, True), own
    with pytest.raises(DataError) as caught:
        look(OwnData("mine", str(tmp_path / "gone.csv")))
    assert caught.value.about == "FILES"
    assert caught.value.to_json()["error"]["about"] == "FILES"


def test_a_folder_of_images_is_looked_for_beside_the_table_then_in_the_working_folder(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    away, beside = tmp_path / "away", tmp_path / "pics"
    for folder in (away, beside, away / "pics", away / "more"):
        folder.mkdir(exist_ok=True)
    monkeypatch.chdir(away)
    for said, meant in (("pics", beside), ("more", away / "more"), (str(away), away)):
        own = OwnData("mine", str(asked), image_root=said)
        assert own.argv[-2:] == ["--image-root", str(meant)]
        assert look(own).mapping.image_root == str(meant)
    seen = look(OwnData("mine", str(asked), image_root="no"))
    assert f"not a folder: neither {tmp_path}/no nor {away}/no" in seen.problem
    assert seen.columns == tuple(ROLES)
    own = OwnData("", "~nobody-of-that-name/t.csv", image_root="~nobody-of-that-name")
    assert "~nobody-of-that-name" in own.argv  # told while it is typed
    assert in_form_words(seen.hint).endswith("lie in under `images in`")
