"""A tile of the gallery says what it leaves out."""

from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from workbench.app.explore.thumbnails import MOST, read_thumbnail
from workbench.sample import ImageRef, Sample


def tile_of(count, folder):
    images = []
    for number in range(count):
        path = Path(folder) / f"{number}.png"
        Image.new("RGB", (40, 40), (200, 30 * number, 0)).save(path)
        images.append(ImageRef(path=path))
    sample = Sample("own/all/7", tuple(images), texts={"question": "What is there?"})
    browser = SimpleNamespace(at=lambda ordinal: sample)
    samples = SimpleNamespace(browser=browser, ordinal=lambda place: place, protocol="halfcell")
    return read_thumbnail(samples, 0, (26, 11), 2)


def test_a_tile_of_more_images_than_it_draws_says_how_many_there_are(tmp_path):
    assert " ".join(tile_of(6, tmp_path).sentence).startswith(f"{MOST} of 6 images · What")
    assert " ".join(tile_of(MOST, tmp_path).sentence) == "What is there?"
