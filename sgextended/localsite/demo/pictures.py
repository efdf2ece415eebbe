"""
The pictures of the demo, drawn with Pillow: landscapes for sequences, shapes for assets, and the frames of movies.
"""

from __future__ import annotations

import colorsys
import functools
import io
import math
import random
from typing import TYPE_CHECKING, Any

Color = tuple[int, int, int]

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw as Canvas

#: The width and height of a picture in pixels.
SIZE = (240, 135)
#: The width and height of a movie in pixels.
MOVIE_SIZE = (128, 72)
#: The number of frames of a movie, and how many of them are shown per second.
FRAMES = 8
FRAME_RATE = 8

_QUALITY = 65
_STEP = 12  # pixels between two points of a ridge
_HILLS = 3
_SPOKES = {"Character": 5, "Prop": 4, "Environment": 3, "Vehicle": 6, "Matte Painting": 8}


def landscape(name: str, *, at: float = 0.25, size: tuple[int, int] = SIZE, note: bool = False) -> bytes:
    """
    Return a landscape as JPEG, with colours and hills that depend on its name.

    Args:
        name: The name, which is written into the picture.

        at: The time of day, from 0.0 for sunrise to 1.0 for sunset.

        size: The width and height in pixels.

        note: Whether somebody has drawn a red circle into the picture.
    """
    choices = random.Random(name)  # noqa: S311 - the demo must be the same every time
    hue = choices.random()
    image, draw = _blank(size, _color(hue, 0.55, 0.45), _color(hue, 0.25, 0.85))
    width, height = size
    sun_x, sun_y = width * (0.1 + 0.8 * at), height * (0.55 - 0.4 * math.sin(math.pi * at))
    _disc(draw, sun_x, sun_y, height * 0.09, _color(0.13, 0.35, 1.0))
    for hill in range(_HILLS):
        waves = [(choices.uniform(0.5, 3.0), choices.uniform(0.0, 6.3)) for _number in range(2)]
        base, rise = height * (0.55 + 0.15 * hill), height * 0.08
        ridge = [
            (x, base - rise * sum(math.sin(pace * x * 4 / width + shift) for pace, shift in waves))
            for x in range(0, width + _STEP, _STEP)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], fill=_color(hue + 0.08, 0.5, 0.42 - 0.12 * hill))
    if note:
        box = (width * 0.55, height * 0.3, width * 0.85, height * 0.7)
        draw.ellipse(box, outline=(230, 30, 30), width=3)
    return _finished(image, draw, name)


def turntable(name: str, kind: str, *, at: float = 0.1, size: tuple[int, int] = SIZE) -> bytes:
    """
    Return an asset on a turntable as JPEG, with a colour that depends on its name and a shape that depends on its type.

    Args:
        name: The name, which is written into the picture.

        kind: The type of the asset.

        at: How far the turntable has turned, from 0.0 to 1.0.

        size: The width and height in pixels.
    """
    hue = random.Random(name).random()  # noqa: S311 - as above
    image, draw = _blank(size, _color(hue, 0.12, 0.3), _color(hue, 0.12, 0.3))
    width, height = size
    draw.ellipse((width * 0.2, height * 0.7, width * 0.8, height * 0.95), fill=_color(hue, 0.1, 0.2))
    spokes = _SPOKES.get(kind, 5)
    corners = []
    for number in range(2 * spokes):
        angle = 2 * math.pi * (at / spokes + number / (2 * spokes))
        radius = height * (0.38 if number % 2 == 0 else 0.2)
        corners.append((width / 2 + radius * math.cos(angle), height * 0.47 + radius * math.sin(angle)))
    draw.polygon(corners, fill=_color(hue, 0.6, 0.85), outline=_color(hue, 0.6, 0.5))
    _disc(draw, width / 2, height * 0.47, height * 0.08, _color(hue, 0.3, 1.0))
    return _finished(image, draw, name)


def _blank(size: tuple[int, int], top: Color, bottom: Color) -> tuple[Picture, Canvas]:
    """
    Return a picture whose color changes from *top* to *bottom*, and what draws on it.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - a large package, which only the demo needs at the start

    two = Image.new("RGB", (1, 2), top)
    two.putpixel((0, 1), bottom)
    image = two.resize(size, Image.Resampling.BILINEAR)
    return image, ImageDraw.Draw(image)


def _finished(image: Picture, draw: Canvas, name: str) -> bytes:
    draw.text((5, image.height - 14), name, fill=(255, 255, 255), font=_font())
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


@functools.cache
def _font() -> Any:
    from PIL import ImageFont  # noqa: PLC0415 - as above

    return ImageFont.load_default()


def _disc(draw: Canvas, x: float, y: float, radius: float, fill: Color) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _color(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
