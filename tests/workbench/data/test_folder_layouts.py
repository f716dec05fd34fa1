"""A folder of a known layout under a name of one's own, and what is told of its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from commands.data import command
from tests.workbench.data.tables import samples, write_pictures
from workbench.data.adding import add
from workbench.data.looking import OwnData, look
from workbench.data.understood import understand

CAPTIONED = ("1000_ab.jpg", "1001_ab.jpg", "1002_ab.jpg")
ROWS = "".join(f"{name},A dog {n} .\n" for name in CAPTIONED for n in range(5))
TOKENS = "".join(f"{name}#{n}\tA dog {n} .\n" for name in CAPTIONED for n in range(5))


def said(name: str, folder: Path) -> tuple[list[str], str]:
    """The rows of the printed table, and what was said beside it."""
    result = CliRunner().invoke(command, ["add", name, str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    ends = next(i for i, line in enumerate(lines) if line.startswith(("prompt", "in the meta")))
    return lines[2:ends], result.stderr


def flickr8k(folder: Path, images: str = "Images") -> Path:
    write_pictures(folder / images, CAPTIONED)
    return folder


def coco(folder: Path, *subsets: str, images: tuple[str, ...] = ("val2014",)) -> Path:
    """COCO's captions and boxes of some subsets, and the pictures of some of them."""
    (folder / "annotations").mkdir(parents=True)
    for number, subset in enumerate(subsets, start=7):
        name = f"COCO_{subset}_{number:012}.jpg"
        body = {"images": [{"id": number, "file_name": name, "width": 8, "height": 6}]}
        told = [{"id": n, "image_id": number, "caption": f"A cat {n}."} for n in range(5)]
        box = {"id": 1, "image_id": number, "category_id": 1, "bbox": [1, 1, 4, 4]}
        boxes = {"annotations": [box], "categories": [{"id": 1, "name": "cat"}]}
        write = folder / "annotations"
        (write / f"captions_{subset}.json").write_text(json.dumps(body | {"annotations": told}))
        (write / f"instances_{subset}.json").write_text(json.dumps(body | boxes))
        if subset in images:
            write_pictures(folder / subset, [name])
    return folder


def vqa2(folder: Path, *subsets: str) -> Path:
    for number, subset in enumerate(subsets, start=7):
        asked = [
            {"question_id": 10 * number + n, "image_id": number, "question": "Is it red?"}
            for n in range(2)
        ]
        people = [{"answer": "yes"}] * 9 + [{"answer": "no"}]
        answered = [{"question_id": a["question_id"], "answers": people} for a in asked]
        folder.mkdir(exist_ok=True)
        (folder / f"v2_OpenEnded_mscoco_{subset}_questions.json").write_text(
            json.dumps({"questions": asked})
        )
        (folder / f"v2_mscoco_{subset}_annotations.json").write_text(
            json.dumps({"annotations": answered})
        )
        write_pictures(folder / subset, [f"COCO_{subset}_{number:012}.jpg"])
    return folder


def test_flickr8k_with_its_captions_beside_the_images(tmp_path: Path):
    folder = flickr8k(tmp_path)
    (folder / "captions.txt").write_text("image,caption\n" + ROWS)
    rows, told = said("mine", folder)
    assert rows == ["captions 3 3 – 3: A dog 0 . 3; 15 references in all 3 found, 0 missing"]
    assert "taken  layout: captions (by what the folder holds; --like '' for the images" in told
    assert "warning" not in told
    assert samples()[0].references == tuple(f"A dog {n} ." for n in range(5))


def test_flickr8ks_lists_cut_its_captions_into_splits_and_lemmas_are_none(tmp_path: Path):
    folder = flickr8k(tmp_path, "Flicker8k_Dataset")
    texts = folder / "Flickr8k_text"
    texts.mkdir()
    (texts / "Flickr8k.token.txt").write_text(TOKENS)
    (texts / "Flickr8k.lemma.token.txt").write_text(TOKENS.replace("dog", "lemma"))
    (texts / "Flickr_8k.trainImages.txt").write_text("1000_ab.jpg\n")
    (texts / "Flickr_8k.testImages.txt").write_text("1002_ab.jpg\n1009_ab.jpg\n")
    rows, told = said("mine", folder)
    assert rows == [
        f"{split} 1 1 – 1: A dog 0 . 1; 5 references in all 1 found, 0 missing"
        for split in ("train", "test")
    ]
    assert [s.uid for s in samples("mine/test")] == ["mine/test/1002_ab.jpg"]
    assert "train: 1 captioned images that are in no split's list: 1001_ab.jpg" in told
    assert "test: 1 images of the split's list without a caption: 1009_ab.jpg" in told
    assert "warning: 1 file passed over: Flickr8k_text/Flickr8k.lemma.token.txt" in told


def test_cocos_folder_is_its_captions_and_says_that_boxes_fit_too(tmp_path: Path):
    rows, told = said("mine", coco(tmp_path / "c", "val2014"))
    assert rows == ["val2014 1 1 – 1: A cat 0. 1; 5 references in all 1 found, 0 missing"]
    also = "coco_instances fits too: --like coco_instances; --like '' for the images alone"
    assert f"layout: captions (by what the folder holds; {also})" in told
    assert "warning: 1 file passed over: annotations/instances_val2014.json" in told


def test_a_split_of_which_no_picture_is_there_is_left_out_and_told(tmp_path: Path):
    folder = coco(tmp_path / "c", "train2014", "val2014")
    added = add("mine", folder)
    assert added.info.splits == {"val2014": 1}
    why = "none of their images is there; --like captions for all"
    assert f"splits: val2014 (train2014: {why})" in added.guessed
    assert "annotations/captions_train2014.json" in added.mapping.passed_over
    assert len(add("mine", folder, like="captions", replace=True).info.splits) == 2


def test_cocos_boxes_alone_are_phrases_to_find(tmp_path: Path):
    folder = coco(tmp_path / "c", "val2014")
    (folder / "annotations/captions_val2014.json").unlink()
    added = add("mine", folder)
    assert added.mapping.task == "grounding"
    assert "layout: coco_instances" in added.guessed[0]


def test_vqas_folder_has_its_questions_with_peoples_answers(tmp_path: Path):
    rows, told = said("mine", vqa2(tmp_path / "v", "train2014", "val2014"))
    assert rows == [
        f"{split} 2 2 question 2 2: yes 2; 20 references in all 2 found, 0 missing"
        for split in ("train2014", "val2014")
    ]
    assert "layout: vqa (by what the folder holds" in told
    assert "warning" not in told


def test_images_that_no_sample_of_any_split_names_are_counted(tmp_path: Path):
    folder = vqa2(tmp_path / "v", "train2014", "val2014")
    _, told = said("whole", folder)
    assert "belong to no sample" not in told
    write_pictures(folder / "val2014", [f"COCO_val2014_{n:012}.jpg" for n in (90, 91)])
    (folder / "val2014/notes.txt").write_text("no picture")
    _, told = said("mine", folder)
    names = "COCO_val2014_000000000090.jpg; COCO_val2014_000000000091.jpg"
    where = folder / "val2014"
    assert f"note   val2014: 2 image files in {where} belong to no sample: {names}\n" in told


def test_images_of_another_split_belong_to_it(tmp_path: Path):
    folder = flickr8k(tmp_path)
    (folder / "Flickr8k.token.txt").write_text(TOKENS)
    for split, name in zip(("train", "dev", "test"), CAPTIONED, strict=True):
        (folder / f"Flickr_8k.{split}Images.txt").write_text(f"{name}\n")
    assert add("mine", folder).notes == []


def test_of_questions_put_beside_captions_the_questions_are_taken(tmp_path: Path):
    coco(tmp_path / "c", "val2014")
    guessed = add("mine", vqa2(tmp_path / "c", "val2014")).guessed
    also = "captions fits too: --like captions; coco_instances fits too"
    assert guessed[0].startswith(f"layout: vqa (by what the folder holds; {also}")


def test_the_images_alone_are_had_for_the_asking_and_the_layout_is_told(tmp_path: Path):
    folder = vqa2(tmp_path / "v", "val2014")
    added = add("mine", folder, like="")
    assert added.mapping.kind == "folder"
    assert "its images alone: its tables look like --like vqa" in added.guessed
    over = ["v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json"]
    assert list(understand(added.mapping).passed_over) == over


@pytest.mark.parametrize("name", ["results.csv", "captions.txt", "data.tsv"])
@pytest.mark.parametrize("images", ["", "images", "flickr30k_images"])
def test_a_table_of_captions_is_gathered_wherever_the_images_lie(
    tmp_path: Path, name: str, images: str
):
    mark = "\t" if name.endswith("tsv") else ","
    text = ("image,caption\n" + ROWS).replace(",", mark)
    (flickr8k(tmp_path, images) / name).write_text(text)
    add("mine", tmp_path)
    assert [len(s.references) for s in samples()] == [5, 5, 5]
    assert all(s.error is None for s in samples())


def test_what_was_said_of_the_rows_goes_before_a_layout(tmp_path: Path):
    folder = vqa2(tmp_path / "v", "val2014")
    assert add("mine", folder, label="").mapping.kind == "folder"


def test_easy_vqa_and_nlvr_are_known_in_their_places_by_their_columns(tmp_path: Path):
    easy = tmp_path / "easy"
    write_pictures(easy, ["train/images/3.png", "test/images/4.png"])
    (easy / "train/questions.json").write_text('[["what shape?", "circle", 3]]')
    (easy / "test/questions.json").write_text('[["what shape?", "circle", 4]]')
    added = add("mine", easy)
    assert added.info.splits == {"train": 1, "test": 1}
    assert "layout: easy_vqa" in added.guessed[0]
    (easy / "train/questions.json").write_text('[{"of": "my own"}]')
    (easy / "test/questions.json").write_text('[{"of": "my own"}]')
    assert add("other", easy).mapping.kind == "folder"


def test_class_folders_with_other_files_stay_classes_and_look_like_no_layout(tmp_path: Path):
    write_pictures(tmp_path, [f"{c}/{n}.png" for c in ("cat", "dog") for n in range(2)])
    (tmp_path / "readme.txt").write_text("Pictures, of cats\nand, of dogs\n")
    (tmp_path / "notes.csv").write_text("day,weather\n1,sun\n")
    added = add("mine", tmp_path)
    assert added.mapping.labels == ("cat", "dog")
    assert not any("like" in line for line in added.guessed)
    assert added.mapping.passed_over == ("notes.csv", "readme.txt")


def test_images_of_one_folder_have_no_class_unless_it_is_asked_for(tmp_path: Path):
    write_pictures(tmp_path, ["images/1.png", "images/2.png"])
    added = add("mine", tmp_path)
    assert (added.mapping.label, added.mapping.task) == ("", "other")
    why = "all images lie in one folder, images, which is no class; --label label keeps it"
    assert f"label: none ({why})" in added.guessed
    add("mine", tmp_path, label="label", replace=True)
    assert {s.label for s in samples()} == {"images"}


def test_the_bench_sees_the_layout_that_the_command_takes(tmp_path: Path):
    found = look(OwnData("mine", str(vqa2(tmp_path / "v", "val2014"))))
    assert (found.mapping.recipe, found.problem) == ("vqa", "")
    assert "layout: vqa" in found.guesses[0]
