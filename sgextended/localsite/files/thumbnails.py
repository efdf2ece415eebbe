"""
Making thumbnails, with Pillow.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image as Picture

_log = logging.getLogger(__name__)

# The largest width and height of a thumbnail, in pixels. Filmstrips keep their size: their frames must stay 240 pixels
# wide.
_BOX = (720, 720)
_LARGEST_STRIP = 65_000
#: The most pixels of an image, and of a filmstrip, that are decoded. A decoded pixel needs up to four bytes, and the
#: pixels of a filmstrip, which keeps its size, are copied several times.
MAX_PIXELS = 50_000_000
MAX_STRIP_PIXELS = 20_000_000
# One image is decoded at a time, so that many uploads at the same time need no more memory than one.
_DECODING = threading.Lock()
# The formats that clients may send. Pillow reads these by itself; for some others it starts external programs.
_FORMATS = ("BMP", "DDS", "GIF", "JPEG", "PNG", "TGA", "TIFF", "WEBP")


class TooManyPixelsError(Exception):
    """
    The image has more pixels than the site decodes.
    """


def make_thumbnail(source: Path, target: Path, *, filmstrip: bool = False) -> bool:
    """
    Write the thumbnail of an image, as JPEG.

    Args:
        source: The path of the image.

        target: The path of the thumbnail.

        filmstrip: Whether the image is a strip of frames, which keeps its size.

    Returns:
        Whether a thumbnail was written. Files that are not images and broken images get none.

    Raises:
        TooManyPixelsError: The header of the image promises more than ``MAX_PIXELS``, or for a filmstrip
            ``MAX_STRIP_PIXELS``. The pixels were not decoded.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - a large package, and most sites never see an image

    try:
        with _DECODING, Image.open(source, formats=_FORMATS) as image:
            if filmstrip and max(image.size) > _LARGEST_STRIP:
                return False
            if not filmstrip and not image.info.get("progressive"):
                image.draft("RGB", _BOX)  # a JPEG is decoded to a smaller size, except if it is progressive
            _check_pixels(image.width, image.height, MAX_STRIP_PIXELS if filmstrip else MAX_PIXELS)
            upright = ImageOps.exif_transpose(image)
            if not filmstrip:
                upright.thumbnail(_BOX)
            _flat(upright).save(target, "JPEG", quality=85)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # Pillow's own limits
        raise TooManyPixelsError("The image has too many pixels. Send a smaller image.") from error
    except TooManyPixelsError:
        raise
    except Exception as error:  # noqa: BLE001 - Pillow raises exceptions of any kind for broken files
        _log.debug("No thumbnail was made: %r", error)
        target.unlink(missing_ok=True)
        return False
    return True


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise TooManyPixelsError(
            f"The image has {width} x {height} pixels, but the site decodes at most {most:,} pixels. "
            "Send a smaller image."
        )


def _flat(image: Picture) -> Picture:
    """
    Return the image with eight bits per channel, and with a black background instead of transparency.
    """
    from PIL import Image  # noqa: PLC0415 - as above

    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        # These modes have more than eight bits. Pillow would clip their values instead of scaling them.
        wide = image.convert("F")
        low, high = cast("tuple[float, float]", wide.getextrema())
        scale = 255.0 / ((high - low) or 1)
        return wide.point(lambda value: value * scale - low * scale).convert("L")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, (0, 0, 0, 255)), over).convert("RGB")
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")
