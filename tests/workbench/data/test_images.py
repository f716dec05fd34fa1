"""Every awkward picture ends as a right RGB picture or as one clear `ImageError`."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.errors import ImageError
from workbench.images.decode import data_url_bytes, facts, load_image, thumbnail
from workbench.sample import ImageRef

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "photos"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def loaded(data: bytes) -> Image.Image:
    image = load_image(ImageRef(data=data, name="sample.png"))
    assert image.mode == "RGB"
    return image


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)).convert(
        mode
    )


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says it is that large, with hardly any bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ImageError, match=r"nowhere\.png does not exist"):
        load_image(ImageRef(path=tmp_path / "nowhere.png"))


def test_a_zero_byte_file_is_said_to_be_empty(tmp_path: Path):
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match="empty"):
        load_image(ImageRef(path=tmp_path / "a.png"))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_an_error_not_a_grey_picture(format_: str, kept: float):
    whole = encoded(noise(), format_)
    with pytest.raises(ImageError, match=r"damaged|cut off|not an image"):
        loaded(whole[: int(len(whole) * kept)])


def test_what_is_no_image_is_refused_with_its_first_bytes():
    with pytest.raises(ImageError, match="known format"):
        loaded(b"%PDF-1.4 nothing to see")


def test_postscript_is_never_opened():
    with pytest.raises(ImageError, match="known format"):
        loaded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")


def test_a_picture_of_50000_by_50000_is_refused_before_it_is_decoded():
    with pytest.raises(ImageError, match=r"large|pixels"):
        loaded(huge_png(50_000, 50_000))


def test_a_picture_just_over_the_cap_is_refused_and_can_be_allowed(monkeypatch):
    data = encoded(Image.new("RGB", (100, 100)))
    monkeypatch.setenv("WB_MAX_PIXELS", "9999")
    with pytest.raises(ImageError, match="100x100"):
        loaded(data)
    monkeypatch.setenv("WB_MAX_PIXELS", "10000")
    assert loaded(data).size == (100, 100)


def test_too_many_bytes_are_refused_without_reading_them(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("workbench.images.decode.MAX_IMAGE_BYTES", 1000)
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(10**9)  # sparse: reading it would be felt
    with pytest.raises(ImageError, match="1,000,000,000 bytes"):
        load_image(ImageRef(path=path))


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(format_: str):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    image = loaded(encoded(Image.fromarray(ramp), format_))
    values = np.asarray(image)[..., 0].ravel()
    assert values.tolist() == list(range(256))


def test_eight_bit_values_in_sixteen_bits_stay_as_they_are():
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    assert np.asarray(loaded(encoded(Image.fromarray(values))))[..., 0].ravel().tolist() == list(
        range(256)
    )


def test_floats_of_zero_to_one_become_the_full_range():
    image = Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    assert np.asarray(loaded(encoded(image, "TIFF")))[0, :, 0].tolist() == [0, 128, 255]


def test_a_palette_picture_keeps_its_colours():
    image = Image.new("RGB", (4, 1))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (1, 2, 3)])
    back = loaded(encoded(image.convert("P", palette=Image.Palette.ADAPTIVE)))
    assert np.asarray(back).tolist() == np.asarray(image).tolist()


def test_a_transparent_palette_entry_becomes_white():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    back = loaded(encoded(image, transparency=0))
    assert np.asarray(back).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_transparency_is_composited_on_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    pixels = np.asarray(loaded(encoded(image)))[0]
    assert pixels[0].tolist() == [255, 0, 0]
    assert pixels[1].tolist() == [255, 255, 255]
    assert abs(int(pixels[2, 0]) - 127) <= 1


def test_greyscale_with_alpha_is_composited_too():
    image = Image.new("LA", (1, 1), (0, 0))
    assert np.asarray(loaded(encoded(image)))[0, 0].tolist() == [255, 255, 255]


def test_greyscale_and_bilevel_become_rgb():
    assert np.asarray(loaded(encoded(Image.new("L", (2, 2), 77))))[0, 0].tolist() == [77] * 3
    assert np.asarray(loaded(encoded(Image.new("1", (2, 2), 1))))[0, 0].tolist() == [255] * 3


def test_cmyk_becomes_the_rgb_that_it_prints():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan: red
    red = np.asarray(loaded(encoded(image, "JPEG", quality=95)))[8, 8]
    assert red[0] > 240
    assert red[1] < 15
    assert red[2] < 15


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_its_first_frame(format_: str):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    data = encoded(frames[0], format_, save_all=True, append_images=frames[1:], lossless=True)
    assert np.asarray(loaded(data))[4, 4].tolist() == [255, 0, 0]


def test_an_exif_turn_is_applied_and_its_size_told_as_shown():
    image = Image.new("RGB", (20, 10), "white")
    image.paste((255, 0, 0), (0, 0, 10, 10))  # the left half is red
    exif = Image.Exif()
    exif[0x0112] = 6  # the picture must be turned a quarter clockwise
    data = encoded(image, "JPEG", exif=exif, quality=95)
    turned = loaded(data)
    assert turned.size == (10, 20)
    assert np.asarray(turned)[3, 5].tolist()[1] < 60  # red is on top now
    assert np.asarray(turned)[16, 5].tolist()[1] > 200
    told = facts(ImageRef(data=data))
    assert (told["width"], told["height"]) == (10, 20)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # pytest hears it; a user does not
def test_damaged_exif_does_not_spoil_the_picture_nor_print_a_warning():
    import subprocess
    import sys

    data = encoded(noise(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert loaded(data).size == (40, 30)
    code = (
        "import sys; from workbench.images.decode import load_image, facts;"
        "from workbench.sample import ImageRef; ref = ImageRef(data=sys.stdin.buffer.read());"
        "load_image(ref); facts(ref)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_folder_or_a_fifo_in_the_place_of_an_image_is_refused_at_once(tmp_path: Path):
    with pytest.raises(ImageError, match=r"folder|plain"):
        load_image(ImageRef(path=tmp_path))
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="plain file"):
        load_image(ImageRef(path=tmp_path / "pipe.png"))


def test_a_reference_to_nothing_says_so():
    with pytest.raises(ImageError, match="no image behind left"):
        load_image(ImageRef(name="left"))


def test_a_data_url_is_read_and_a_damaged_one_refused():
    import base64

    url = "data:image/png;base64," + base64.b64encode(encoded(Image.new("RGB", (3, 2)))).decode()
    assert load_image(ImageRef(url=url)).size == (3, 2)
    for broken in ("data:image/png;base64,@@@", "data:image/png;base64"):
        with pytest.raises(ImageError, match="data URL"):
            data_url_bytes(broken)


def test_a_thumbnail_keeps_the_shape_and_never_enlarges():
    ref = ImageRef(data=encoded(noise(size=(400, 100)), "JPEG"))
    assert thumbnail(ref, (100, 100)).size == (100, 25)
    assert thumbnail(ref, (1000, 1000)).size == (400, 100)


def test_facts_are_told_of_a_picture_too_large_to_decode():
    told = facts(ImageRef(data=huge_png(9000, 9000), name="x"))
    assert (told["width"], told["height"], told["source"]) == (9000, 9000, "bytes")


@shared
def test_the_shared_photographs_load_and_the_damaged_one_is_named():
    good = sorted(p for p in SHARED.iterdir() if p.suffix in (".png", ".tif", ".gif"))
    assert len(good) == 10
    for path in good:
        assert load_image(ImageRef(path=path)).mode == "RGB"
    checks = np.asarray(load_image(ImageRef(path=SHARED / "chessboard_GRAY_U16.tif")))
    assert (checks.min(), checks.max()) == (0, 255)
    with pytest.raises(ImageError, match=r"truncated\.jpg"):
        load_image(ImageRef(path=SHARED / "truncated.jpg"))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK", "1"])
def test_a_picture_converted_in_bands_is_the_one_converted_at_once(monkeypatch, mode):
    import workbench.images.decode as images

    noise = Image.effect_noise((37, 53), 90)
    picture = Image.merge("RGBA", (noise, noise.rotate(90), noise, noise)).convert(mode)
    if mode == "P":
        picture.info["transparency"] = 3
    whole = images.to_rgb(picture)
    monkeypatch.setattr(images, "BAND_PIXELS", 37 * 5)  # the last band is lower than the others
    assert images.to_rgb(picture).tobytes() == whole.tobytes()
    if mode in ("L", "CMYK", "1"):
        assert whole.tobytes() == picture.convert("RGB").tobytes()
