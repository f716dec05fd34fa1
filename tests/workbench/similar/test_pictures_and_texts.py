"""What makes two pictures or two texts alike, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from sessions.kept_vectors import KeptVectors
from tests.workbench.similar.planted import encoded, scene
from workbench.images import decode as decoding
from workbench.sample import ImageRef
from workbench.similar import pictures, texts
from workbench.similar.pictures import PictureBook, small_of, standardised
from workbench.similar.texts import text_key, tf_idf


def likeness(one, other) -> float:
    rows = standardised([small_of(one)[16:], small_of(other)[16:]])
    return float(rows[0] @ rows[1])


def test_another_size_brightness_or_compression_leaves_a_picture_nearly_the_same():
    jpeg = ImageRef(data=encoded(scene(1), "JPEG", quality=60)).load()
    changed = [scene(1).resize((48, 36)), ImageEnhance.Contrast(scene(1)).enhance(0.8), jpeg]
    assert all(likeness(scene(1), each) >= pictures.NEAR for each in changed)
    others = [scene(2), ImageOps.mirror(scene(1)), scene(1).crop((20, 20, 96, 72))]
    assert all(likeness(scene(1), each) < pictures.NEAR for each in others)
    another = Image.blend(scene(1), scene(2), 0.3)  # much the same, and another picture
    assert 0.8 < likeness(scene(1), another) < pictures.NEAR


def test_the_correlation_is_numpy_s_and_none_of_a_picture_of_one_colour():
    a, b = (np.frombuffer(small_of(scene(n))[16:], np.uint8).astype(float) for n in (1, 2))
    assert likeness(scene(1), scene(2)) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-5)
    plain = scene(1).copy()
    plain.paste((9, 9, 9), (0, 0, *plain.size))
    assert np.isnan(likeness(plain, scene(1)))


def test_the_digest_is_of_pixels_and_size_not_of_the_file():
    same = [small_of(ImageRef(data=encoded(scene(1), kind)).load()) for kind in ("PNG", "BMP")]
    assert same[0] == same[1]
    assert small_of(scene(2))[:16] != same[0][:16]
    turned = scene(1, (72, 96))
    assert small_of(turned)[:16] != same[0][:16]


def test_a_picture_that_was_seen_is_not_decoded_again(monkeypatch):
    refs = [ImageRef(data=encoded(scene(n), "PNG")) for n in range(3)]
    with KeptVectors.open() as kept:
        book = PictureBook(kept)
        first = book.look([*refs, ImageRef(data=b"nothing", name="bad")])
        book.close()
        monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("decoded"))
        again = PictureBook(kept).look(refs)
    assert again == first[:3]
    assert "bad" in str(first[3])


def test_the_weights_are_scikit_learn_s():
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    said = ["There is a red circle.", "there  is a Blue square", "no", "Ünïcode wörds", "no no no"]
    padded = [f" {texts.words_of(text)} " for text in said]
    theirs = sklearn.TfidfVectorizer(analyzer="char", ngram_range=(3, 5)).fit_transform(padded)
    ours = tf_idf(said)
    np.testing.assert_allclose(
        (ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), rtol=1e-5, atol=1e-6
    )


def test_an_empty_text_is_like_nothing():
    rows = tf_idf(["", "word"])
    assert (rows @ rows.T).toarray()[0].tolist() == [0.0, 0.0]


def test_texts_are_the_same_by_their_words_role_by_role():
    assert text_key({"sentence": "A  red\ncircle"}) == text_key({"sentence": "a red circle"})
    assert text_key({"sentence": "a red circle"}) != text_key({"caption": "a red circle"})
    assert text_key({"sentence": " "}) == text_key({}) == b""
