"""e-SNLI-VE and Hateful Memes in their real layouts, the traps included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.data.tables import write_lines, write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError, UsageError

EVIL = """\
,pairID,Flickr30kID,hypothesis,gold_label,explanation
0,4465359505.jpg#2r1c,4465359505.jpg,The old man fells a tree.,contradiction,Hair is no tree.
1,224657109.jpg#0r1n,224657109.jpg,They are working.,entailment,"Work clothes, so they work."
2,224657109.jpg#0r2e,224657109.jpg,They sleep.,neutral,
3,999.jpg#0r2e,999.jpg,Nobody is there.,neutral,It is missing.
"""
OLDER = """\
pairID,Flickr30kID,hypothesis,gold_label,Explanation_1,Explanation_2,Explanation_3
224657109.jpg#1r1e,224657109.jpg,People work.,entailment,One.,"Two, really.",Three.
224657109.jpg#1r1n,224657109.jpg,People rest.,-,Only one.,,nan
224657109.jpg#1r1c,224657109.jpg,People fly.,0,No wings.,,
"""


@pytest.fixture
def esnlive(tmp_path: Path) -> Path:
    root = tmp_path / "e-ViL"
    (root / "data").mkdir(parents=True)
    (root / "data/esnlive_dev.csv").write_text(EVIL)
    (root / "data/esnlive_test.csv").write_text(OLDER)
    write_pictures(root / "flickr30k_images", ["4465359505.jpg", "224657109.jpg"])
    return root


def test_esnlive_is_known_by_its_pairs_and_labelled_by_its_column(esnlive: Path):
    added = add("esnlive", esnlive)
    assert added.info.splits == {"dev": 4, "test": 3}
    assert added.info.labels == ("contradiction", "neutral", "entailment")  # 0, 1, 2
    sample = get_sample("esnlive/dev/4465359505.jpg#2r1c")
    assert (sample.label, sample.task) == ("contradiction", "entailment")
    assert sample.texts == {"hypothesis": "The old man fells a tree."}
    assert sample.explanations == ("Hair is no tree.",)
    assert sample.images[0].load().size == (8, 6)
    # The last letters say neutral and entailment: they are SNLI's, which were corrected.
    assert [s.label for s in open_source("esnlive/dev").iter()][1:3] == ["entailment", "neutral"]


def test_the_index_that_pandas_wrote_is_no_metadata_and_no_reason_is_none(esnlive: Path):
    add("esnlive", esnlive)
    sample = get_sample("esnlive/dev/224657109.jpg#0r2e")
    assert sample.explanations == ()
    assert dict(sample.metadata) == {}


def test_up_to_three_explanations_of_older_files_are_kept_in_order(esnlive: Path):
    add("esnlive", esnlive)
    three, one, number = open_source("esnlive/test").iter()
    assert three.explanations == ("One.", "Two, really.", "Three.")
    assert one.explanations == ("Only one.",)
    assert one.label is None  # the judges did not agree
    assert number.label == "contradiction"
    assert {s.error for s in (three, one, number)} == {None}


def test_photographs_that_are_missing_are_counted_and_named(esnlive: Path):
    added = add("esnlive", esnlive)
    assert len(added.notes) == 1
    assert added.notes[0].startswith("dev: 1 of the samples lack an image")
    assert added.notes[0].endswith("999.jpg")
    assert "does not exist" in (get_sample("esnlive/dev/999.jpg#0r2e").error or "")
    far = esnlive / "elsewhere"
    (esnlive / "flickr30k_images").rename(far)
    add("again", esnlive, like="esnlive", image_root=far)
    assert get_sample("again/dev/4465359505.jpg#2r1c").error is None


def test_a_split_in_two_files_is_one_split(esnlive: Path):
    header = EVIL.splitlines()[0] + "\n"
    for part, number in (("train_1", "1.jpg#0r1c"), ("train_2", "2.jpg#0r1c")):
        (esnlive / f"data/esnlive_{part}.csv").write_text(
            header + f"0,{number},224657109.jpg,Hm.,neutral,So.\n"
        )
    assert add("esnlive", esnlive).info.splits["train"] == 2


def test_snli_ves_own_lines_are_read_without_reasons(esnlive: Path):
    row = {
        "Flickr30K_ID": "224657109",
        "pairID": "224657109.jpg#0r1n",
        "gold_label": "entailment",
        "sentence1": "Three men stand on ladders.",
        "sentence2": "They work.",
        "annotator_labels": ["neutral", "entailment"],
    }
    write_lines(esnlive / "data/snli_ve_train.jsonl", [row])
    add("esnlive", esnlive)
    sample = get_sample("esnlive/train/224657109.jpg#0r1n")
    assert (sample.label, sample.texts) == ("entailment", {"hypothesis": "They work."})
    assert (sample.explanations, sample.error) == ((), None)
    assert sample.metadata["sentence1"] == "Three men stand on ladders."


def test_explanations_without_pairs_or_labels_are_added_as_the_table_that_they_are(tmp_path: Path):
    for split in ("train", "dev"):
        row = f"images/{split}.jpg,The old man fells a tree.,He swings an axe.\n"
        (tmp_path / f"{split}.csv").write_text(f"image_path,hypothesis,exp\n{row}")
    write_pictures(tmp_path / "images", ["train.jpg", "dev.jpg"])
    added = add("esnlive", tmp_path)
    assert added.info.splits == {"train": 1, "dev": 1}
    (sample,) = open_source("esnlive/dev").iter()
    assert (sample.task, sample.label, sample.error) == ("caption", "He swings an axe.", None)


def test_the_same_pair_twice_is_an_error_that_names_both_rows(esnlive: Path):
    path = esnlive / "data/esnlive_dev.csv"
    path.write_text(EVIL + EVIL.splitlines()[1] + "\n")
    with pytest.raises(DataError, match=r"4465359505.jpg#2r1c' occurs in rows 1 and 5"):
        add("esnlive", esnlive)


def meme(number: int, label: int | None = 0, **more: object) -> dict:
    row = {"id": number, "img": f"img/{number:05}.png", "text": "look at this"}
    return row | ({} if label is None else {"label": label}) | more


@pytest.fixture
def memes(tmp_path: Path) -> Path:
    root = tmp_path / "hateful_memes"
    write_pictures(root, [f"img/{n:05}.png" for n in (42, 8291, 16395, 46971)])
    write_lines(root / "train.jsonl", [meme(42, 1), meme(46971)])
    write_lines(root / "dev_seen.jsonl", [meme(8291, 1)])
    write_lines(root / "dev_unseen.jsonl", [meme(8291, 1), meme(42)])
    write_lines(root / "test_seen.jsonl", [meme(16395, None), meme(42, None)])
    return root


def test_memes_go_by_their_number_and_their_file_by_five_digits(memes: Path):
    added = add("hateful_memes", memes)
    assert added.info.splits == {"dev_seen": 1, "dev_unseen": 2, "test_seen": 2, "train": 2}
    assert added.info.labels == ("not hateful", "hateful")
    sample = get_sample("hateful_memes/train/42")
    assert (sample.label, sample.texts) == ("hateful", {"text": "look at this"})
    assert sample.images[0].name == "img/00042.png"
    assert sample.images[0].load().size == (8, 6)


def test_an_id_in_two_splits_is_two_samples_and_equal_texts_are_kept(memes: Path):
    add("hateful_memes", memes)
    seen, unseen = (get_sample(f"hateful_memes/{s}/8291") for s in ("dev_seen", "dev_unseen"))
    assert seen.uid != unseen.uid
    assert seen.images[0].sha256() == unseen.images[0].sha256()
    assert len({s.texts["text"] for s in open_source("hateful_memes/train").iter()}) == 1


def test_a_test_split_without_labels_has_none_and_no_error(memes: Path):
    add("hateful_memes", memes)
    samples = list(open_source("hateful_memes/test_seen").iter())
    assert [(s.label, s.error) for s in samples] == [(None, None)] * 2


def test_copies_that_pad_the_id_or_leave_the_file_out_have_the_same_uids(memes: Path):
    write_lines(memes / "dev_seen.jsonl", [{"id": "08291", "label": "1", "text": "x"}])
    write_lines(memes / "train.jsonl", [meme(42, 1), {"id": "none", "text": "x"}, meme(77)])
    added = add("hateful_memes", memes)
    sample = get_sample("hateful_memes/dev_seen/8291")
    assert (sample.images[0].name, sample.label) == ("img/08291.png", "hateful")
    errors = [s.error for s in open_source("hateful_memes/train").iter()]
    assert errors[0] is None
    assert "is not a number" in (errors[1] or "")
    assert "00077.png does not exist" in (errors[2] or "")
    assert added.notes[0].startswith("train: 1 of the samples lack an image")


def test_a_layout_takes_its_folder_or_its_files_and_says_so(memes: Path):
    with pytest.raises(UsageError, match="is named as a split"):
        add("mine", [memes, f"dev={memes / 'img'}"], like="hateful_memes")
    with pytest.raises(DataError, match="none of the files of hateful_memes"):
        add("mine", memes / "img", like="hateful_memes")
    added = add("mine", f"mine={memes / 'train.jsonl'}", like="hateful_memes")
    assert added.info.splits == {"mine": 2}
    assert get_sample("mine/mine/42").error is None


def test_files_of_other_names_are_asked_for_by_their_split(esnlive: Path):
    odd = (esnlive / "data/esnlive_dev.csv").rename(esnlive / "data/mine.csv")
    with pytest.raises(DataError, match="none of the files of esnlive") as caught:
        add("mine", odd, like="esnlive")
    assert "SPLIT=FILE" in caught.value.hint
    assert add("mine", f"dev={odd}", like="esnlive").info.splits == {"dev": 4}
    assert get_sample("mine/dev/4465359505.jpg#2r1c").error is None  # its images lie above it
