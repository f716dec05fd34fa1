"""From an `ImageRef` to bytes and to an RGB picture, whatever the file turns out to be.

Guarantee: either a right RGB picture (first frame, turned as EXIF says, transparency on white,
16 bits scaled) or an `ImageError` that names the image; the caps on bytes and pixels are checked
before anything is decoded. Only plain raster formats are opened: no EPS, no PSD, no PDF.
Not for drawing on pictures or for thumbnails on disk.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from sessions.redact import without_secrets
from workbench.bounds import MAX_IMAGE_BYTES, jpeg_scans, max_scans
from workbench.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

    from workbench.sample import ImageRef

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded (192 MB as RGB); `WB_MAX_PIXELS` sets another."""
TOGETHER = 4
"""How many of the largest picture the images of one request may come to: 768 MB as RGB."""
BAND_PIXELS = 1_000_000  # so many are converted between two chances for other threads
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "MPO", "AVIF")
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"),
    ".avif",
)


def max_pixels() -> int:
    """The cap in force: `WB_MAX_PIXELS` where it is a positive number, else `MAX_PIXELS`."""
    value = os.environ.get("WB_MAX_PIXELS", "")
    return int(value) if value.isdigit() and int(value) > 0 else MAX_PIXELS


def name_of(ref: ImageRef) -> str:
    """What to call an image in a message."""
    if ref.path is not None:
        return str(ref.path)
    if ref.url is not None and not ref.url.startswith("data:"):
        return without_secrets(ref.url)
    return ref.name or "image"


def read_bytes(ref: ImageRef) -> bytes:
    """The encoded bytes of an image.

    Raises:
        ImageError: It is missing, empty, larger than `MAX_IMAGE_BYTES`, no plain file, or at a URL
            that was not asked for or must not be fetched.
    """
    if ref.data is not None:
        data = ref.data
    elif ref.path is not None:
        data = _read_path(ref)
    elif ref.url is not None:
        data = _read_url(ref)
    else:
        raise ImageError(
            f"there is no image behind {ref.name or 'this reference'}",
            hint="see the sample's error, or the image column of its dataset",
        )
    if not data:
        raise ImageError(f"{name_of(ref)} is empty (0 bytes)", hint="restore the file")
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_many_bytes(ref, len(data))
    return data


def load_image(ref: ImageRef) -> Image.Image:
    """The decoded picture: RGB, first frame, turned as EXIF says, bounded in pixels.

    Raises:
        ImageError: It cannot be read (see `read_bytes`), is truncated, is not an image of a
            known format, or has more pixels than `max_pixels()`.
    """
    return decode(read_bytes(ref), name_of(ref))


def check_together(refs: Sequence[ImageRef]) -> None:
    """Hold all images of one request against a budget, by their headers: all are decoded at once.

    Raises:
        ImageError: They have more than `TOGETHER * max_pixels()` pixels.
    """
    most, pixels = TOGETHER * max_pixels(), 0
    for ref in refs:
        with suppress(ImageError):  # what is no image is told where it is decoded
            width, height = _open(read_bytes(ref), name_of(ref), check_pixels=False).size
            pixels += width * height
    if pixels > most:
        raise ImageError(
            f"the {len(refs)} images have {pixels:,} pixels together; at most {most:,} are "
            "decoded for one request",
            hint="send fewer or smaller ones, or raise max_pixels (WB_MAX_PIXELS): four times it "
            "counts",
        )


def decode(
    data: bytes, name: str = "image", *, draft: tuple[int, int] | None = None
) -> Image.Image:
    """Decode encoded bytes to RGB.

    Args:
        data: As read from a file.
        name: What to call it in messages.
        draft: (width, height) in pixels that is enough: a JPEG is then decoded at the nearest
            larger scale that its format offers, which is several times faster.

    Raises:
        ImageError: As `load_image`.
    """
    from PIL import ImageOps

    image = _open(data, name)
    _check_scans(image, data, name)
    try:
        if draft is not None:
            image.draft("RGB", draft)
        image.load()
    except Exception as error:  # Pillow raises nearly anything on a damaged file
        raise ImageError(
            f"{name} is damaged or cut off: {_reason(error)}", hint="fetch or write it again"
        ) from error
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:  # unreadable EXIF says nothing about how the picture is turned
        image.info.pop("exif", None)
    try:
        return to_rgb(image)
    except Exception as error:
        raise ImageError(
            f"{name} cannot be turned to RGB from mode {image.mode}: {_reason(error)}",
            hint="save it as PNG or JPEG",
        ) from error


def thumbnail(ref: ImageRef, size: tuple[int, int]) -> Image.Image:
    """The picture at most `size` (width, height) pixels large, its shape kept; never enlarged.

    Raises:
        ImageError: As `load_image`.
    """
    from PIL import Image

    image = decode(read_bytes(ref), name_of(ref), draft=(size[0] * 2, size[1] * 2))
    image.thumbnail(size, Image.Resampling.LANCZOS)
    return image


def shown_size(ref: ImageRef) -> tuple[int, int]:
    """(width, height) in pixels as the picture is shown, from its header. Raises `ImageError`."""
    return _size_as_shown(_open(read_bytes(ref), name_of(ref), check_pixels=False))


def _size_as_shown(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    try:
        if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # a quarter turn swaps the sides
            return height, width
    except Exception:
        pass
    return width, height


def facts(ref: ImageRef) -> dict[str, object]:
    """What can be said of an image: `width`, `height` (as shown), `sha256`, `source` and more.

    Reads the header alone, so that a picture too large to decode can still be described.

    Raises:
        ImageError: It cannot be read or is no image.
    """
    import hashlib

    data = read_bytes(ref)
    image = _open(data, name_of(ref), check_pixels=False)
    width, height = _size_as_shown(image)
    return {
        "name": without_secrets(ref.name),
        "width": width,
        "height": height,
        "sha256": hashlib.sha256(data).hexdigest(),
        "source": source_of(ref),
        "format": image.format,
        "mode": image.mode,
        "bytes": len(data),
        "animated": bool(getattr(image, "is_animated", False)),
    }


def source_of(ref: ImageRef) -> str:
    """Where an image comes from: a path, a URL, or `bytes` for what lies in the data itself."""
    if ref.path is not None:
        return str(ref.path)
    if ref.url is not None:
        return without_secrets(ref.url) if not ref.url.startswith("data:") else "bytes"
    return "bytes" if ref.data is not None else "missing"


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode as RGB: 16 bits scaled, transparency composited on white."""
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scale_deep(image).convert("RGB")
    clear = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    # Pillow holds the interpreter's lock while it converts: of 64 million pixels at once every
    # other thread, the bench's event loop too, would wait for a second.
    (width, height), out = image.size, Image.new("RGB", image.size)
    step = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, step):
        band = image.crop((0, top, width, min(height, top + step)))
        out.paste(_on_white(band) if clear else band.convert("RGB"), (0, top))
    return out


def _on_white(image: Image.Image) -> Image.Image:
    """Transparency composited on white, as RGB."""
    from PIL import Image

    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def _scale_deep(image: Image.Image) -> Image.Image:
    """A picture of 16 or 32 bits a pixel to 8 bits.

    Whole numbers that fit 16 bits are divided by 257 (65535 becomes 255), unless none exceeds
    255: such files hold 8-bit values. Floats of 0..1 are multiplied by 255. Anything else is
    stretched between its least and greatest value, since no convention says what its white is.
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.float64)  # (H, W)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode != "F" and low >= 0 and 255 < high <= 65535:
        values = values / 257.0
    elif image.mode == "F" and low >= 0 and high <= 1:
        values = values * 255.0
    elif low < 0 or high > 255:
        values = (values - low) * (255.0 / (high - low))
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


@cache
def _pillow():  # noqa: ANN202 - the module itself
    """Pillow, told once not to warn: a warning would be printed into the bench's screen.

    Our own caps stand in for the one about huge pictures; the others are about damaged EXIF.
    """
    import warnings

    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    Image.init()
    return Image


def _open(data: bytes, name: str, *, check_pixels: bool = True) -> Image.Image:
    """Read the header, and hold the size against the cap, before any pixel is decoded."""
    pillow = _pillow()
    known = [f for f in FORMATS if f in pillow.OPEN]
    try:
        image = pillow.open(io.BytesIO(data), formats=known)
        width, height = image.size
    except pillow.DecompressionBombError as error:
        raise ImageError(
            f"{name} is too large to decode: {_reason(error)}", hint=_PIXEL_HINT
        ) from error
    except Exception as error:
        kind = (
            "is not an image of a known format"
            if _unknown(error)
            else "is damaged or cut off before its picture begins"
        )
        why = "" if _unknown(error) else f": {_reason(error)}"
        raise ImageError(
            f"{name} {kind} ({len(data)} bytes, beginning {data[:8]!r}){why}",
            hint=f"known formats: {', '.join(FORMATS)}",
        ) from error
    if check_pixels and width * height > max_pixels():
        raise ImageError(
            f"{name} is {width}x{height}, {width * height:,} pixels;"
            f" at most {max_pixels():,} are decoded",
            hint=_PIXEL_HINT,
        )
    return image


def _check_scans(image: Image.Image, data: bytes, name: str) -> None:
    """Hold a JPEG's scans against their budget: a small file can ask for minutes of decoding."""
    if image.format not in ("JPEG", "MPO"):
        return
    most = max_scans()
    # A scan over a large picture costs more than one over a small one.
    work = 20 * max_pixels() // max(1, image.width * image.height)
    allowed = min(most, max(work, 12))
    scans = jpeg_scans(data, allowed)
    if scans > allowed:
        raise ImageError(
            f"{name} is a JPEG of {scans:,} scans over {image.width}x{image.height} pixels; "
            f"at most {allowed:,} are decoded",
            hint="save it again, or: wb config set max_scans N (WB_MAX_SCANS)",
            kind="over_budget",
        )


_PIXEL_HINT = "scale it down, or set WB_MAX_PIXELS where the memory allows it"


def _unknown(error: Exception) -> bool:
    return type(error).__name__ == "UnidentifiedImageError"


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _read_path(ref: ImageRef) -> bytes:
    """The bytes of a plain file; its size is checked before it is read."""
    path = ref.path
    assert path is not None
    try:
        # Never wait for the other end of a FIFO that poses as an image.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise ImageError(f"{path} is not a plain file", hint="give the path of an image")
            if info.st_size > MAX_IMAGE_BYTES:
                raise _too_many_bytes(ref, info.st_size)
            return file.read(MAX_IMAGE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(
            f"the image {path} does not exist", hint="check the image root of the dataset"
        ) from error
    except IsADirectoryError as error:
        raise ImageError(f"{path} is a folder", hint="give the path of an image") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be read: {_reason(error)}") from error


def _read_url(ref: ImageRef) -> bytes:
    assert ref.url is not None
    if ref.url.startswith("data:"):
        return data_url_bytes(ref.url)
    from workbench.images.fetch import fetch_image

    return fetch_image(ref.url, allowed=ref.fetch)


def data_url_bytes(url: str) -> bytes:
    """The bytes inside a `data:` URL. Raises `ImageError` for what is not one."""
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageError(f"not a data URL: {url[:40]!r}", hint="data:image/png;base64,…")
    try:
        if head.endswith(";base64"):
            return base64.b64decode(body, validate=True)
        return unquote_to_bytes(body)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"a data URL with damaged base64: {_reason(error)}") from error


def _too_many_bytes(ref: ImageRef, size: int) -> ImageError:
    return ImageError(
        f"{name_of(ref)} has {size:,} bytes; at most {MAX_IMAGE_BYTES:,} are read",
        hint="scale the picture down",
    )
