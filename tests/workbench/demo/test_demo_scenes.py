"""The demo data: the same everywhere, balanced, and with boxes that hold their objects."""

import io
import math
import pickle
import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image

from workbench.demo import scenes
from workbench.demo.scenes import DATASETS, LABELS, SPLITS, make_sample, scene_of
from workbench.demo.shapes import COLORS, SHAPES, draw_picture, render
from workbench.demo.statements import KINDS, choose_statement

pytestmark = pytest.mark.slow


def pixels(sample, image=0):
    return np.asarray(Image.open(io.BytesIO(sample.images[image].data)))


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_sample_is_a_function_of_its_index_alone(dataset):
    later = make_sample(dataset, "test", 7)
    for index in (3, 900):
        make_sample(dataset, "test", index)
    assert make_sample(dataset, "test", 7) == later
    assert later.uid == f"{dataset}/test/000007"


@pytest.mark.parametrize("dataset", DATASETS)
def test_reading_what_a_sample_says_draws_no_picture(dataset, monkeypatch):
    drawn = []
    monkeypatch.setattr(scenes, "render", lambda picture: drawn.append(picture) or render(picture))
    sample = make_sample(dataset, "test", 7)
    assert sample.texts and sample.metadata["objects"] and not drawn
    copy = pickle.loads(pickle.dumps(sample))  # as it goes to a process that reads batches
    assert copy == sample and copy.images[0].name == sample.images[0].name
    assert drawn
    drawn.clear()
    assert pixels(sample).shape and not drawn  # once is enough


def test_the_four_tasks_show_the_same_scene():
    pair, vqa = make_sample("demo", "dev", 5), make_sample("demo_vqa", "dev", 5)
    assert pair.images[0].data == vqa.images[0].data
    assert pair.metadata["objects"][0] == vqa.metadata["objects"][0]
    assert make_sample("demo_nli", "dev", 5).images == pair.images


def test_splits_share_no_scene():
    seen = defaultdict(set)
    for split in SPLITS:
        for index in range(200):
            seen[make_sample("demo", split, index).images[0].data].add(split)
    assert all(len(splits) == 1 for splits in seen.values())


def test_the_stream_has_no_end_and_the_fixed_splits_have_one():
    assert make_sample("demo", "stream", 10**9).uid == "demo/stream/1000000000"
    with pytest.raises(IndexError, match="demo/test has no sample 1000"):
        make_sample("demo", "test", 1000)


def test_each_box_holds_its_object_and_nothing_of_the_others():
    for index in range(60):
        sample = make_sample("demo", "dev", index)
        for image, objects in enumerate(sample.metadata["objects"]):
            picture = pixels(sample, image).astype(int)
            background = picture[0, 0]
            ink = np.abs(picture - background).max(axis=2) > 40
            covered = np.zeros_like(ink)
            for thing in objects:
                x0, y0, x1, y1 = thing["box"]
                assert 0 <= x0 < x1 <= 64
                assert 0 <= y0 < y1 <= 64
                assert ink[y0:y1, x0:x1].any()
                assert not covered[y0:y1, x0:x1].all()
                covered[y0:y1, x0:x1] = True
                # The colour at the middle is the colour in the name.
                color = COLORS[thing["name"].split()[0]]
                middle = picture[(y0 + y1) // 2, (x0 + x1) // 2]
                assert np.abs(middle - np.array(color)).max() <= 40
            assert not (ink & ~covered).any()


def test_targets_name_the_objects_of_the_statement():
    for index in range(100):
        sample = make_sample("demo", "dev", index)
        if sample.metadata["kind"] != "spatial":
            continue
        named = [
            sample.metadata["objects"][t["image"]][t["object"]]["name"]
            for t in sample.metadata["targets"]
        ]
        assert len(named) == 2
        assert all(f"the {name}" in sample.texts["sentence"] for name in named)


def test_the_targets_of_a_phrase_are_all_objects_of_that_name():
    kinds = Counter()
    for index in range(200):
        sample = make_sample("demo_boxes", "dev", index)
        article, _, name = sample.texts["expression"].partition(" ")
        named = [
            number
            for number, thing in enumerate(sample.metadata["objects"][0])
            if thing["name"] == name
        ]
        assert [target["object"] for target in sample.metadata["targets"]] == named
        assert article == ("every" if len(named) > 1 else "the")
        kinds[sample.metadata["kind"]] += 1
    assert kinds["one"] > kinds["several"] > 0


def test_labels_are_balanced_within_every_kind():
    counts = Counter()
    for index in range(2000):
        sample = make_sample("demo", "train", index)
        counts[sample.metadata["kind"], sample.label] += 1
    for kind in KINDS:
        n = counts[kind, "True"] + counts[kind, "False"]
        assert n > 200
        # Five standard deviations of a fair coin.
        assert abs(counts[kind, "True"] / n - 0.5) < 5 * 0.5 / math.sqrt(n), kind


def test_text_alone_gives_chance():
    """A bag-of-bigrams logistic regression on 3,000 statements, judged on 1,500 others."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    def table(split, n):
        samples = [make_sample("demo", split, i) for i in range(n)]
        return [s.texts["sentence"] for s in samples], [s.label for s in samples]

    train_texts, train_labels = table("train", 3000)
    texts, labels = table("stream", 1500)
    vectorizer = CountVectorizer(ngram_range=(1, 2), min_df=2)
    model = LogisticRegression(max_iter=300).fit(
        vectorizer.fit_transform(train_texts), train_labels
    )
    accuracy = model.score(vectorizer.transform(texts), labels)
    assert abs(accuracy - 0.5) < 5 * 0.5 / math.sqrt(1500), accuracy


def drawn(count, first=0):
    """Statements with their truth, as `make_sample` draws them, without the pictures."""
    for index in range(first, first + count):
        scene, contrast = scene_of("stream", index)
        statement = choose_statement(random.Random(index), scene, contrast)
        yield statement, statement.holds(scene)


# What a reader of the text alone could go by.
CUES = {
    "kind": lambda s: s.kind,
    "kind and form": lambda s: (s.kind, s.form),
    "form, side and number": lambda s: (s.form, s.side, s.number),
    "colour and shape": lambda s: (s.noun.color, s.noun.kind),
    "form and colour": lambda s: (s.kind, s.form, s.noun.color),
    "form and shape": lambda s: (s.kind, s.form, s.noun.kind),
    "first words": lambda s: tuple(s.text().split()[:4]),
    "length": lambda s: len(s.text().split()),
    "whole text": lambda s: s.text(),
}


def by_majority(cue, learned, judged):
    """The share that is right by what most statements of the same cue were."""
    votes = defaultdict(int)
    for statement, truth in learned:
        votes[cue(statement)] += 1 if truth else -1
    return np.mean([(votes[cue(statement)] > 0) == truth for statement, truth in judged])


def test_no_table_of_wordings_tells_true_statements_from_false_ones():
    """A majority for each cue, from 3,000 statements, judged on 3,000 others: chance."""
    learned, judged = list(drawn(3000)), list(drawn(3000, first=3000))
    accuracies = {name: by_majority(cue, learned, judged) for name, cue in CUES.items()}
    # Nine tables within four standard deviations of a fair coin: one in 1,700 by chance.
    assert {n: a for n, a in accuracies.items() if abs(a - 0.5) >= 4 * 0.5 / math.sqrt(3000)} == {}


def test_the_table_of_wordings_sees_a_bias_where_there_is_one():
    # Of the statements of one form, the false ones are left out.
    learned, judged = (
        [(s, truth) for s, truth in drawn(1500, first) if truth or s.form != "one"]
        for first in (0, 1500)
    )
    for cue in ("kind and form", "first words"):
        assert by_majority(CUES[cue], learned, judged) > 0.5 + 4 * 0.5 / math.sqrt(1500), cue


def test_the_same_baseline_sees_a_bias_where_there_is_one():
    # Were the statement drawn from the scene itself, as a naive generator would, "is there"
    # would mostly be true; the exchange of scenes is what removes that.
    rng = random.Random(0)
    truths = []
    for _ in range(400):
        scene = (draw_picture(rng), draw_picture(rng))
        empty = tuple(draw_picture(rng, count=0) for _ in range(2))
        statement = choose_statement(rng, scene, empty, kind="existence")
        truths.append(statement.holds(scene))
    assert np.mean(truths) > 0.75


def test_explanations_say_what_the_picture_shows():
    for index in range(300):
        sample = make_sample("demo", "train", index)
        if sample.metadata["form"] != "one":
            continue
        says_none = " no " in sample.explanations[0]
        assert says_none == (sample.label == "False"), sample


def test_nli_labels_come_in_thirds():
    counts = Counter(make_sample("demo_nli", "train", i).label for i in range(1500))
    assert set(counts) == set(LABELS["demo_nli"])
    assert min(counts.values()) > 400


def test_yes_no_questions_are_balanced():
    counts = Counter()
    for index in range(2000):
        sample = make_sample("demo_vqa", "train", index)
        if sample.label in ("yes", "no"):
            counts[sample.label] += 1
    share = counts["yes"] / sum(counts.values())
    assert abs(share - 0.5) < 5 * 0.5 / math.sqrt(sum(counts.values()))


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (128, 48)])
def test_pictures_keep_their_shapes_inside_and_apart(size):
    rng = random.Random(1)
    for _ in range(200):
        picture = draw_picture(rng, width=size[0], height=size[1])
        assert render(picture).size == size
        assert all(s.kind in SHAPES for s in picture.shapes)
        boxes = [s.box for s in picture.shapes]
        for i, a in enumerate(boxes):
            assert a[0] >= 0
            assert a[2] <= size[0]
            for b in boxes[:i]:
                overlap = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                assert min(overlap) <= 1  # rounding outwards may touch by a pixel
