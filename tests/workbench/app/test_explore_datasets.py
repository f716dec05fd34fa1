"""The dataset picker: what each needs, its mode, caching as a job; a hundred, and broken ones."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from tests.workbench.app.explore_bench import SIZES, Bench, bench
from workbench.app.explore.data_picker import DataPicker
from workbench.app.explore.dataset_jobs import DataForm
from workbench.app.widgets.text_panel import ErrorPanel
from workbench.data.hub.repository import parse_ref
from workbench.data.hub.state import mode_of
from workbench.data.tables.mapping import (
    SplitFile,
    TableMapping,
    datasets_dir,
    load_mapping,
    mapping_path,
    save_mapping,
)


def hub_set(name: str = "pairs") -> None:
    ref = parse_ref("hub:someone/pairs")
    files = tuple(
        SplitFile(split, str(dataclasses.replace(ref, split=split)), rows=rows)
        for split, rows in (("train", 6000), ("dev", 15))
    )
    save_mapping(TableMapping(name, files, kind="hub", id="id", licence="CC-BY-4.0"))


def table(folder: Path, name: str) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text('{"id": "a", "question": "q?"}\n')
    texts = {"question": "question"}
    save_mapping(TableMapping(name, (SplitFile("all", str(path), rows=1),), id="id", texts=texts))
    return path


def picker(b: Bench) -> DataPicker:
    assert isinstance(b.app.screen, DataPicker)
    return b.app.screen


def lines(b: Bench) -> list[str]:
    options = picker(b).query_one(OptionList)
    return [str(options.get_option_at_index(n).prompt) for n in range(options.option_count)]


def told(b: Bench) -> str:
    return str(picker(b).query_one("#about", Static).render())


@pytest.mark.parametrize("size", [SIZES[0], SIZES[-1]])
async def test_d_tells_what_each_dataset_needs_and_how_it_is_read(size, tmp_path: Path):
    hub_set()
    table(tmp_path, "mine")
    async with bench(size) as b:
        await b.press("d")
        found = "\n".join(lines(b))
        assert "demo/test  generated · 1,000" in found
        assert "pairs/train  ☁ streamed · 6,000" in found
        assert "mine/all  files here · 1" in found
        assert "hateful_memes  + not added" in found
        picker(b).query_one(Input).value = "pairs/train"
        await b.settle()
        assert "CC-BY-4.0" in told(b) and "wb data cache pairs" in told(b)
        picker(b).query_one(Input).value = "hateful_memes"
        await b.settle()
        assert "not to be passed on" in told(b) and "wb data add hateful_memes FOLDER" in told(b)


async def test_typing_own_and_enter_leads_to_a_file_of_ones_own():
    from workbench.app.explore.own_data import OwnDataForm

    async with bench(SIZES[0]) as b:
        await b.press("d")
        await b.press(*"own")
        assert "your own file" in lines(b)[0] and "take what was typed" in lines(b)[1]
        await b.press("enter")
        await b.until(lambda: any(isinstance(s, OwnDataForm) for s in b.app.screen_stack))


async def test_the_mode_of_a_hub_dataset_is_switched_by_a_key_and_remembered():
    hub_set()
    async with bench(SIZES[0]) as b:
        await b.press("d")
        picker(b).query_one(Input).value = "pairs/dev"
        await b.settle()
        await b.press("ctrl+t")
        await b.until(lambda: mode_of("pairs") == "streamed")
        await b.press("ctrl+t")
        await b.until(lambda: mode_of("pairs") == "cached")
        await b.until(lambda: "not cached" in lines(b)[0])
        await b.press("ctrl+t")
        await b.until(lambda: mode_of("pairs") == "auto")
        picker(b).query_one(Input).value = "demo/dev"
        await b.settle()
        await b.press("ctrl+t")
        await b.shows("has no mode")


async def test_caching_is_started_as_a_job_by_an_edited_line(monkeypatch):
    hub_set()
    started: list[tuple[list[str], str]] = []
    async with bench(SIZES[0]) as b:
        monkeypatch.setattr(
            b.app, "start_job", lambda argv, title, **_: started.append((argv, title))
        )
        await b.press("d")
        picker(b).query_one(Input).value = "pairs/dev"
        await b.settle()
        await b.press("ctrl+s")
        assert isinstance(b.app.screen, DataForm)
        field = b.app.screen.query_one(Input)
        assert field.value == "wb data cache pairs --split dev"
        field.value = "rm -rf pairs"
        await b.press("enter")
        assert not started and isinstance(b.app.screen, DataForm)
        field.value = "wb data cache pairs --split dev --limit 5"
        await b.press("enter")
        assert isinstance(b.app.screen, DataPicker)
    assert started == [
        (["data", "cache", "pairs", "--split", "dev", "--limit", "5"], "cache pairs")
    ]


async def test_a_known_dataset_is_added_from_here_once_its_folder_is_said(monkeypatch):
    started: list[list[str]] = []
    async with bench(SIZES[0]) as b:
        monkeypatch.setattr(b.app, "start_job", lambda argv, title, **_: started.append(argv))
        await b.press("d")
        picker(b).query_one(Input).value = "hateful_memes"
        await b.settle()
        await b.press("enter", "enter")
        assert isinstance(b.app.screen, DataForm) and not started  # no folder was said
        b.app.screen.query_one(Input).value = "wb data add hateful_memes /data/memes"
        await b.press("enter")
    assert started == [["data", "add", "hateful_memes", "/data/memes"]]


async def test_broken_datasets_say_why_and_the_others_open(tmp_path: Path):
    gone, _ = table(tmp_path, "gone"), table(tmp_path, "whole")
    gone.unlink()
    (datasets_dir() / "bad.toml").write_text("version = [")
    async with bench(SIZES[0]) as b:
        await b.press("d")
        found = "\n".join(lines(b))
        assert "gone/all  ✗ files missing" in found and "bad  ✗ broken" in found
        picker(b).query_one(Input).value = "bad broken"
        await b.settle()
        await b.press("enter")
        assert isinstance(b.app.screen, ErrorPanel)
        await b.press("escape")
        picker(b).query_one(Input).value = "whole"
        await b.settle()
        await b.press("enter")
        await b.until(lambda: b.explore.view.uid == "whole/all/a")


async def test_a_hundred_datasets_are_listed_and_narrowed_as_one_types(tmp_path: Path):
    for number in range(100):
        table(tmp_path, f"set{number:03}")
    async with bench(SIZES[0]) as b:
        await b.press("d")
        assert sum(line.startswith("set") for line in lines(b)) == 100
        await b.type("set04")
        assert len([line for line in lines(b) if "set04" in line and "here" in line]) == 10
        await b.press("down", "enter")
        await b.until(lambda: b.explore.view.uid == "set041/all/a")


async def test_the_picker_opens_while_a_disk_hangs_and_tells_of_the_others(monkeypatch):
    from workbench.data import readiness as room

    let_go = threading.Event()
    plain = room.readiness

    def hanging(name: str):
        if name == "demo":
            let_go.wait(30)
        return plain(name)

    monkeypatch.setattr(room, "readiness", hanging)
    async with bench(SIZES[0]) as b:
        await b.pilot.press("d")
        await b.until(lambda: isinstance(b.app.screen, DataPicker))
        await b.until(lambda: any("demo_nli/test  generated" in line for line in lines(b)))
        assert "demo  looking…" in lines(b)
        let_go.set()
        await b.until(lambda: any("demo/test  generated" in line for line in lines(b)))


async def test_a_file_of_ones_own_is_chosen_looked_at_added_and_opened(tmp_path: Path, monkeypatch):
    from workbench.app.explore.own_data import OwnDataForm
    from workbench.app.widgets.path_picker import PathPicker

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text("key,ask,verdict\na,one?,yes\nb,two?,no\n")
    (tmp_path / "data" / "notes.pdf").write_text("")
    monkeypatch.chdir(tmp_path)
    async with bench(SIZES[0]) as b:
        await b.press("d", "ctrl+o")
        assert isinstance(b.app.screen, PathPicker)
        await b.press(*"dat", "tab")
        assert b.app.screen.query_one(Input).value == f"{tmp_path}/data/"
        assert "mine.csv" in b.text() and "1 file of other kinds" in b.text()
        await b.press(*"mi", "enter")
        form = b.app.screen
        assert isinstance(form, OwnDataForm)
        await b.until(lambda: form.focused is form.query_one("#own-columns"))
        assert "0 of 2 rows have" in b.text()
        await b.press("down", "enter", *"question", "enter")
        await b.until(lambda: "text question=ask" in " ".join(form.own.argv) and form._seen)
        assert "--text question=ask" in b.text()
        form.field("name").value = "demo"
        await b.until(lambda: "shipped with wb" in b.text())
        assert form.query_one("#own-columns").display  # something can be changed there
        await b.press("ctrl+s")
        assert b.app.screen is form
        form.field("name").value = "own"
        await b.until(lambda: form._seen is not None and not form._seen.problem)
        await b.press("ctrl+s")
        await b.until(lambda: b.explore.view.uid == "own/mine/a")


async def test_a_path_is_pasted_behind_the_folder_and_one_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch
):
    from workbench.app.widgets.path_picker import PathPicker

    (tmp_path / "here").mkdir()
    (tmp_path / "there" / "pics").mkdir(parents=True)
    (tmp_path / "there" / "mine.csv").write_text("key,ask\n")
    monkeypatch.chdir(tmp_path / "here")
    taken: list[str | None] = []
    async with bench(SIZES[0]) as b:
        picker = PathPicker("A file", "")
        b.app.push_screen(picker, taken.append)
        await b.until(lambda: picker.is_running and picker.query(Input))
        field = picker.query_one(Input)
        await b.until(lambda: field.value == f"{tmp_path}/here/")
        field.insert_text_at_cursor(f"{tmp_path}/there/mi")
        await b.until(lambda: field.value == f"{tmp_path}/there/mi" and "mine.csv" in b.text())
        field.value = f"{tmp_path}/there/nope"
        await b.until(lambda: "has 'nope' in its name" in b.text())
        await b.press("ctrl+o")
        assert b.app.screen is picker
        field.value = f"{tmp_path}/nowhere/x.csv"
        await b.until(lambda: "No such file" in b.text())
        field.value = f"{tmp_path}/there/pics"
        await b.until(lambda: "pics/" in b.text())
        await b.press("ctrl+o")
        await b.until(lambda: taken == [f"{tmp_path}/there/pics"])


def test_a_whole_path_behind_another_one_is_meant_alone():
    from workbench.app.widgets.path_picker import anew

    assert anew("/tmp/x//data/y.csv") == "/data/y.csv" and anew("/tmp/x/~/y") == "~/y"
    assert anew("/tmp/x/y~/z") == "/tmp/x/y~/z" and anew("~/y") == "~/y" and anew("//") == "/"


def test_what_the_core_says_by_flags_is_said_by_the_fields_of_the_form():
    from workbench.app.explore.own_data_text import in_form_words

    assert in_form_words("there is /a/b.png: --image-root /a") == (
        "there is /a/b.png: `images in` takes /a"
    )
    assert in_form_words("name the folder that holds all images with --image-root") == (
        "name the folder that holds all images under `images in`"
    )
    assert "`auto`" in in_form_words("name another column with --id, or --id auto")
    assert "another column" in in_form_words("name the column by --image; or --allow-missing")
    assert in_form_words("pass --encoding cp1252").endswith("^Y copies it")
    assert in_form_words("they have an ending there: --image 'pics/{image}.*'") == (
        "they have an ending there: `images in` takes pics/{image}.*"
    )
    words = "--image-prefix C:/x --image-root /a finds all 2 images"
    assert in_form_words(words) == (
        f"{words}; such flags go behind the line in a shell: ^Y copies it"
    )
    assert in_form_words("give the path of a file or a folder") == (
        "give the path of a file or a folder"
    )


async def test_a_name_that_is_taken_has_the_focus_and_looks_so_and_the_arrows_reach_every_field(
    tmp_path: Path,
):
    from workbench.app.explore.own_data import OwnDataForm

    table = tmp_path / "demo.csv"  # so is it called, by its file
    table.write_text("key,ask,verdict\na,one?,yes\nb,two?,no\n")
    async with bench(SIZES[0]) as b:
        form = OwnDataForm()
        b.app.push_screen(form)
        await b.until(lambda: b.app.screen is not form and b.app.screen.query(Input))
        b.app.screen.dismiss(str(table))
        name = form.query_one("#own-name")
        await b.until(lambda: form.focused is name and name.has_class("-bad"))
        walked = []
        for _ in range(6):
            await b.press("down")
            assert form.focused is not None
            at = getattr(form.focused, "highlighted", "")
            walked.append(f"{form.focused.id}{at}")
        assert walked == [
            *("own-id", "own-images", "own-columns0", "own-columns1", "own-columns2"),
            "own-preview",
        ]
        form.set_focus(form.query_one("#own-columns"))
        for above in ("own-columns", "own-columns", "own-images", "own-id", "own-name"):
            await b.press("up")
            assert form.focused is not None and form.focused.id == above
        name.value = "own"
        await b.until(lambda: form._seen is not None and form._seen.own.called == "own")
        assert not name.has_class("-bad")
        for field, said in (("id", "{nothing}"), ("images", "nowhere"), ("file", "gone.csv")):
            before = form.field(field).value
            form.field(field).value = said
            await b.until(lambda field=field: form.field(field).has_class("-bad"))
            form.field(field).value = before
            await b.until(lambda field=field: not form.field(field).has_class("-bad"))


async def test_the_folder_that_has_the_pictures_is_shown_and_kept(tmp_path: Path):
    from tests.workbench.data.tables import write_pictures
    from workbench.app.explore.own_data import OwnDataForm

    write_pictures(tmp_path / "pics", ["1.png", "2.png"])
    table = tmp_path / "own.csv"
    table.write_text("id,image,question,answer\na,1.png,one?,yes\nb,2.png,two?,no\n")
    async with bench(SIZES[0]) as b:
        form = OwnDataForm(str(table))
        b.app.push_screen(form)
        await b.until(lambda: form._seen is not None)
        images = form.query_one("#own-images", Input)
        assert (images.value, images.placeholder) == ("", str(tmp_path / "pics"))
        assert form._seen is not None and form._seen.problem == ""
        images.value = "."  # the file's own folder
        await b.until(lambda: form._seen is not None and bool(form._seen.problem))
        assert images.has_class("-bad") and str(tmp_path / "pics") in form._seen.hint
        images.value = ""
        await b.until(lambda: form._seen is not None and not form._seen.problem)
        await b.press("ctrl+s")
        await b.until(lambda: not form.is_running)
    assert load_mapping(mapping_path("own")).image_root == str(tmp_path / "pics")
