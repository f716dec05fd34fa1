"""The demo datasets: generated, seeded by index, endless as a stream.

The same scenes (a pair of pictures) carry five tasks, each a dataset of its own: `demo` (a
statement about the pair, true or false), `demo_nli` (entailment, neutral, contradiction),
`demo_vqa` (a question about the left picture), `demo_captions` (a caption of the left picture),
`demo_boxes` (a phrase whose boxes in the left picture are wanted; the demo model never saw it).

Guarantee: a sample is a function of dataset, split and index alone: the same on every machine,
in any order. `train`, `dev`, `test` and `stream` never share a scene's seed. Its pictures are
drawn when their bytes are asked for: reading labels and texts draws none.
"""

from __future__ import annotations

import io
import random
from functools import cached_property
from typing import Any

from workbench.demo.questions import make_caption, make_hypothesis, make_phrase, make_question
from workbench.demo.shapes import Picture, draw_picture, render
from workbench.demo.statements import Scene, choose_statement
from workbench.sample import ImageRef, Sample, Task

VERSION = "1"  # part of every seed: raise it when a sample would change
DATASETS = ("demo", "demo_nli", "demo_vqa", "demo_captions", "demo_boxes")
SPLITS: dict[str, int | None] = {"train": 20_000, "dev": 1_000, "test": 1_000, "stream": None}
TASKS: dict[str, Task] = {
    "demo": "statement",
    "demo_nli": "entailment",
    "demo_vqa": "question",
    "demo_captions": "caption",
    "demo_boxes": "grounding",
}
LABELS: dict[str, tuple[str, ...]] = {
    "demo": ("True", "False"),
    "demo_nli": ("entailment", "neutral", "contradiction"),
    "demo_vqa": (),
    "demo_captions": (),
    "demo_boxes": (),
}


class DrawnImage(ImageRef):
    """A generated picture, whose `data` is drawn when it is first asked for.

    Attributes:
        picture: What is in it.
    """

    picture: Picture

    def __init__(self, picture: Picture, name: str) -> None:
        super().__init__(name=name)
        vars(self).pop("data")  # which would stand before the property
        vars(self)["picture"] = picture

    @cached_property
    def data(self) -> bytes:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoded PNG."""
        return png(self.picture)


def scene_of(split: str, index: int) -> tuple[Scene, Scene]:
    """The scene of that index and its contrast (an independent draw that no sample shows)."""
    rng = random.Random(f"demo/{VERSION}/{split}/{index}")
    pictures = [draw_picture(rng) for _ in range(4)]
    return (pictures[0], pictures[1]), (pictures[2], pictures[3])


def make_sample(dataset: str, split: str, index: int) -> Sample:
    """The sample of that index.

    Args:
        dataset: One of `DATASETS`.
        split: One of `SPLITS`.
        index: From 0; below the split's length where it has one.

    Raises:
        KeyError: For an unknown dataset or split.
        IndexError: For an index outside of the split.
    """
    length = SPLITS[split]
    if index < 0 or (length is not None and index >= length):
        raise IndexError(f"{dataset}/{split} has no sample {index}")
    task = TASKS[dataset]
    scene, contrast = scene_of(split, index)
    rng = random.Random(f"{dataset}/{VERSION}/{split}/{index}")
    pictures: tuple[Picture, ...] = scene
    names = ("left", "right")
    facts: dict[str, Any]
    if task == "statement":
        statement = choose_statement(rng, scene, contrast)
        label = "True" if statement.holds(scene) else "False"
        facts = {"kind": statement.kind, "form": statement.form}
        facts["targets"] = statement.targets(scene)
        texts, references = {"sentence": statement.text()}, (label,)
        explanations = (statement.explain(scene),)
    elif task == "entailment":
        hypothesis = make_hypothesis(rng, scene, contrast)
        label, references = hypothesis.label, (hypothesis.label,)
        texts, explanations = {"hypothesis": hypothesis.text}, (hypothesis.explanation,)
        facts = {"kind": hypothesis.kind, "targets": hypothesis.targets}
    elif task == "question":
        pictures, names = scene[:1], ("image",)
        question = make_question(rng, scene[0], contrast[0])
        label, references, explanations = question.answer, (question.answer,), ()
        texts = {"question": question.text}
        facts = {"kind": question.kind, "targets": question.targets}
    elif task == "grounding":
        pictures, names = scene[:1], ("image",)
        phrase = make_phrase(rng, scene[0])
        boxes = [scene[0].shapes[target["object"]].box for target in phrase.targets]
        label, texts = " ".join(map(str, boxes)), {"expression": phrase.text}
        references, explanations = (), ()
        facts = {"kind": phrase.kind, "targets": phrase.targets}
    else:
        pictures, names = scene[:1], ("image",)
        references = make_caption(scene[0])
        label, texts, explanations = references[0], {"caption": references[0]}, ()
        facts = {"kind": "caption", "targets": []}
    return Sample(
        uid=f"{dataset}/{split}/{index:06d}",
        images=tuple(DrawnImage(p, name) for p, name in zip(pictures, names, strict=True)),
        texts=texts,
        label=label,
        references=references,
        explanations=explanations,
        metadata=facts | {"objects": [_objects(p) for p in pictures]},
        task=task,
        labels=LABELS[dataset],
    )


def _objects(picture: Picture) -> list[dict[str, Any]]:
    return [{"name": s.name, "box": s.box} for s in picture.shapes]


def png(picture: Picture) -> bytes:
    """The picture as an encoded PNG."""
    buffer = io.BytesIO()
    render(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
