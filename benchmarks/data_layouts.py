"""Every known layout, of any number of samples, twice: the authors' files, and a repository.

`LAYOUTS[name].files(folder, count)` writes the files as their authors give them out;
`LAYOUTS[name].row(number)` is the same sample as a row of Parquet with its pictures in it. A
hundred or so pictures repeat under all names (hard links in a folder); ids do not. For
measurements, not for tests of a layout's traps.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.data_access import photo

PHOTOS = 128
GROUP = 100  # rows of a row group, as `datasets` writes pictures
SHARD = 10_000  # rows of a file
WORDS = ("contradiction", "neutral", "entailment")
SHAPES = ("circle", "triangle", "rectangle")
COLOURS = ("red", "green", "blue", "teal", "brown", "grey", "black", "yellow")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer")
CIFAR10 += ("dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Layout:
    """One known dataset in both its forms.

    Attributes:
        files: Writes the authors' files under a folder; returns what `wb data add` is given.
        row: A sample of the repository, by its number and its id in the files.
        split: The split's name, the same in both forms.
        repo: The repository's name.
        wishes: What `wb data add` must be told of the repository.
        file_wishes: And of the files.
        ids_of_files: The files have ids that only reading them tells.
    """

    files: Callable[[Path, int], Path]
    row: Callable[[int, str], dict[str, Any]]
    split: str = "train"
    repo: str = ""
    wishes: dict[str, Any] = field(default_factory=dict)
    file_wishes: dict[str, Any] = field(default_factory=dict)
    ids_of_files: bool = False


@cache
def picture(number: int, kind: str = "photo") -> bytes:
    """An encoded picture: a JPEG of 500x375, or a PNG of the size that the dataset has."""
    from PIL import Image, ImageDraw

    if kind == "photo":
        return photo(number)
    if kind == "cifar10":
        image = Image.fromarray(pixels(number))
    else:
        size = (400, 100) if kind == "nlvr1" else (64, 64)
        image = Image.new("RGBA" if kind == "nlvr1" else "RGB", size, (210, 210, 210))
        draw = ImageDraw.Draw(image)
        for k in range(9):
            x, y = (number * 37 + k * 97) % size[0], (number * 53 + k * 29) % size[1]
            draw.rectangle((x, y, x + 14, y + 14), COLOURS[(number + k) % len(COLOURS)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(number: int):  # noqa: ANN201 - an array (32, 32, 3)
    """The pixels of a picture of CIFAR-10."""
    import numpy as np

    return np.random.default_rng(number).integers(0, 255, (32, 32, 3), dtype=np.uint8)


def link(path: Path, number: int, kind: str = "photo") -> None:
    """The picture of that number (they repeat) under a name, taking no room of its own."""
    number %= PHOTOS
    path.parent.mkdir(parents=True, exist_ok=True)
    first = path.parent / f".{kind}-{number}"
    if not first.exists():
        first.write_bytes(picture(number, kind))
    os.link(first, path)


def cell(number: int, kind: str = "photo") -> dict[str, Any]:
    """The same picture as `datasets` writes it."""
    return {"bytes": picture(number % PHOTOS, kind), "path": None}


def write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def nlvr2(number: int, _id: str = "") -> dict[str, Any]:
    """Two sentences about each of four pairs of a set."""
    group, pair, sentence = number // 8, number // 2 % 4, number % 2
    return {
        "identifier": f"train-{group}-{pair}-{sentence}",
        "sentence": f"There are {number} dogs in the left picture.",
        "label": str(bool(number % 3)),
        "image0": cell(number // 2),
        "image1": cell(number // 2 + 5),
    }


def nlvr2_files(folder: Path, count: int) -> Path:
    """`train.json`, and both pictures of each pair."""
    bare = ("identifier", "sentence", "label")
    write_lines(
        folder / "train.json",
        ({k: v for k, v in nlvr2(i).items() if k in bare} for i in range(count)),
    )
    for i in range(0, count, 2):
        stem = nlvr2(i)["identifier"].rpartition("-")[0]
        link(folder / f"images/train/{stem}-img0.png", i // 2)
        link(folder / f"images/train/{stem}-img1.png", i // 2 + 5)
    return folder


def esnlive(number: int, _id: str = "") -> dict[str, Any]:
    """Five hypotheses about each photograph."""
    word = WORDS[number % 3]
    return {
        "pairID": f"{number // 5:010}.jpg#{number % 5}r1{word[0]}",
        "image": cell(number // 5),
        "hypothesis": f"Person number {number} is outside.",
        "label": word,
    }


def esnlive_files(folder: Path, count: int) -> Path:
    """e-ViL's CSV with pandas' unnamed index, and Flickr30k."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["", "pairID", "Flickr30kID", "hypothesis", "gold_label", "explanation"]
    with (folder / "esnlive_train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for i in range(count):
            row, name = esnlive(i), f"{i // 5:010}.jpg"
            reason = f"It is number {i}."
            writer.writerow([i, row["pairID"], name, row["hypothesis"], row["label"], reason])
    for i in range(0, count, 5):
        link(folder / f"flickr30k_images/{i // 5:010}.jpg", i // 5)
    return folder


def hateful_memes(number: int, _id: str = "") -> dict[str, Any]:
    """Ids are numbers; the picture's name is padded."""
    text = f"look at number {number}"
    return {"id": number + 1, "img": cell(number), "label": number % 2, "text": text}


def hateful_memes_files(folder: Path, count: int) -> Path:
    """`train.jsonl` and `img/`."""
    rows = (hateful_memes(i) | {"img": f"img/{i + 1:05}.png"} for i in range(count))
    write_lines(folder / "train.jsonl", rows)
    for i in range(count):
        link(folder / f"img/{i + 1:05}.png", i)
    return folder


def cifar10(number: int, _id: str = "") -> dict[str, Any]:
    """A picture of 32x32 and its class."""
    return {"img": cell(number, "cifar10"), "label": number % 10}


def cifar10_files(folder: Path, count: int) -> Path:
    """The five Python batches."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    flat = np.stack([pixels(i).transpose(2, 0, 1).reshape(-1) for i in range(PHOTOS)])
    for batch in range(5):
        numbers = range(count * batch // 5, count * (batch + 1) // 5)
        body = {
            "labels": [i % 10 for i in numbers],
            "data": flat[[i % PHOTOS for i in numbers]],
            "filenames": [f"picture_{i}.png" for i in numbers],
        }
        (folder / f"data_batch_{batch + 1}").write_bytes(pickle.dumps(body, protocol=4))
    return folder


def captions(number: int, _id: str = "") -> dict[str, Any]:
    """Five captions of a picture."""
    said = [f"picture {number} as person {k} tells it" for k in range(5)]
    return {"id": number + 1, "image": cell(number), "caption": said[0], "captions": said}


def captions_files(folder: Path, count: int) -> Path:
    """COCO's JSON and its folder of images."""
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i in range(count):
        name = f"COCO_train2014_{i + 1:012}.jpg"
        images.append({"id": i + 1, "file_name": name, "width": 500, "height": 375})
        link(folder / "train2014" / name, i)
        for k, text in enumerate(captions(i)["captions"]):
            annotations.append({"id": i * 5 + k, "image_id": i + 1, "caption": text})
    body = {"info": {}, "images": images, "annotations": annotations}
    (folder / "captions_train2014.json").write_text(json.dumps(body))
    return folder


def vqa(number: int, _id: str = "") -> dict[str, Any]:
    """A question and the answers of ten people."""
    said = [COLOURS[(number + (k > 6)) % len(COLOURS)] for k in range(10)]
    return {
        "question_id": number + 1000,
        "image": cell(number // 4),
        "question": f"What is the colour of thing {number}?",
        "answers": [
            {"answer": text, "answer_confidence": "yes", "answer_id": k + 1}
            for k, text in enumerate(said)
        ],
        "multiple_choice_answer": said[0],
    }


def vqa_files(folder: Path, count: int) -> Path:
    """VQA v2's questions and annotations, and COCO's images."""
    folder.mkdir(parents=True, exist_ok=True)
    questions, annotations = [], []
    for i in range(count):
        row, image = vqa(i), i // 4 + 1
        number = {"question_id": row["question_id"], "image_id": image}
        questions.append({**number, "question": row["question"]})
        facts = {"question_type": "what", "answer_type": "other"}
        facts |= {k: row[k] for k in ("answers", "multiple_choice_answer")}
        annotations.append(number | facts)
        if i % 4 == 0:
            link(folder / f"train2014/COCO_train2014_{image:012}.jpg", i // 4)
    for name, key, rows in (
        ("v2_OpenEnded_mscoco_train2014_questions", "questions", questions),
        ("v2_mscoco_train2014_annotations", "annotations", annotations),
    ):
        (folder / f"{name}.json").write_text(json.dumps({"info": {}, key: rows}))
    return folder


def table(number: int, _id: str = "") -> dict[str, Any]:
    """One's own table."""
    return {
        "id": f"q{number:07}",
        "question": f"What stands to the left of thing number {number}, and why is it there?",
        "answer": ("yes", "no")[number % 2],
        "image": cell(number),
    }


def table_files(folder: Path, count: int) -> Path:
    """A CSV and a folder of images."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "question", "answer", "image"])
        writer.writeheader()
        for i in range(count):
            writer.writerow(table(i) | {"image": f"img/{i:07}.jpg"})
            link(folder / f"img/{i:07}.jpg", i)
    return folder / "train.csv"


def nlvr1(number: int, _id: str = "") -> dict[str, Any]:
    """A drawing of three boxes, and the objects in them."""
    thing = {"x_loc": number % 80, "y_loc": 40, "size": 20, "type": "square", "color": "Yellow"}
    return {
        "identifier": f"{number // 4}-{number % 4}",
        "sentence": f"There are {number} yellow squares.",
        "label": ("true", "false")[number % 2],
        "directory": str(number // 1000),
        "structured_rep": [[thing], [thing, thing], [thing]],
        "image": cell(number, "nlvr1"),
    }


def nlvr1_files(folder: Path, count: int) -> Path:
    """JSON lines called `.json`; permutation 0 of each drawing."""
    rows = ({k: v for k, v in nlvr1(i).items() if k != "image"} for i in range(count))
    write_lines(folder / "train/train.json", rows)
    for i in range(count):
        name = f"train-{i // 4}-{i % 4}-0.png"
        link(folder / f"train/images/{i // 1000}/{name}", i, "nlvr1")
    return folder


def easy_vqa(number: int, native: str = "") -> dict[str, Any]:
    """Two questions about each picture; the triples have no ids, so the files' hashes are."""
    question = ("what shape is in the image?", "what color is the shape?")[number % 2]
    answer = (SHAPES if number % 2 == 0 else COLOURS)[number // 2 % 3]
    image = cell(number // 2, "easy_vqa")
    return {"id": native, "question": question, "answer": answer, "image": image}


def easy_vqa_files(folder: Path, count: int) -> Path:
    """`questions.json` of triples, and pictures by number."""
    (folder / "train").mkdir(parents=True, exist_ok=True)
    rows = (easy_vqa(i) for i in range(count))
    triples = [[row["question"], row["answer"], i // 2] for i, row in enumerate(rows)]
    (folder / "train/questions.json").write_text(json.dumps(triples))
    for i in range(0, count, 2):
        link(folder / f"train/images/{i // 2}.png", i // 2, "easy_vqa")
    return folder


LAYOUTS = {
    "nlvr2": Layout(nlvr2_files, nlvr2, repo="pingzhili/nlvr2"),
    "esnlive": Layout(esnlive_files, esnlive, repo="Dec2Enc/e-snli-ve"),
    "hateful_memes": Layout(
        hateful_memes_files,
        hateful_memes,
        wishes={
            "texts": {"text": "text"},
            "labels": ["0=not hateful", "1=hateful"],
            "image": ["img"],
            "task": "classification",
        },
    ),
    "cifar10": Layout(cifar10_files, cifar10, repo="uoft-cs/cifar10"),
    "captions": Layout(
        captions_files,
        captions,
        split="train2014",
        wishes={"texts": {}, "label": "caption", "references": ["captions"], "task": "caption"},
    ),
    "vqa": Layout(
        vqa_files,
        vqa,
        split="train2014",
        wishes={
            "id": "question_id",
            "texts": {"question": "question"},
            "label": "multiple_choice_answer",
            "references": ["answers"],
            "task": "question",
        },
    ),
    "table": Layout(table_files, table),
    "nlvr1": Layout(
        nlvr1_files, nlvr1, wishes={"labels": ["true", "false"], "objects": "structured_rep:nlvr1"}
    ),
    "easy_vqa": Layout(easy_vqa_files, easy_vqa, ids_of_files=True),
}


def write_repository(folder: Path, layout: Layout, count: int, ids: Sequence[str] = ()) -> None:
    """The repository's files: shards of row groups, and a card that names the split.

    Args:
        folder: Where they go.
        layout: Which.
        count: Samples.
        ids: Of each sample in the files, where only the files have ids.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    head = f"configs:\n- config_name: default\n  data_files:\n  - split: {layout.split}\n"
    (folder / "README.md").write_text(f"---\nlicense: mit\n{head}    path: data/*\n---\n")
    rows = (layout.row(i, ids[i] if ids else "") for i in range(count))
    shards = -(-count // SHARD)
    for shard in range(shards):
        path = folder / f"data/{layout.split}-{shard:05}-of-{shards:05}.parquet"
        writer = None
        for _ in range(SHARD // GROUP):
            chunk = list(itertools.islice(rows, GROUP))
            if not chunk:
                break
            part = pa.Table.from_pylist(chunk)
            writer = writer or pq.ParquetWriter(path, part.schema, use_dictionary=False)
            writer.write_table(part, row_group_size=GROUP)
        assert writer is not None
        writer.close()
