"""
QuickTime movies whose frames are JPEG pictures (Motion JPEG). Players such as VLC, QuickTime Player and RV play them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The units of time of a second. Each frame lasts a whole number of them.
_TIMESCALE = 600
_RESOLUTION = 72 << 16  # pixels per inch, as a number with 16 bits behind the point
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_ENABLED = 1
_SELF_CONTAINED = 1
_FULL_COLOR = 24
_NO_COLOR_TABLE = -1


def quicktime(frames: Sequence[bytes], size: tuple[int, int], rate: int) -> bytes:
    """
    Return a movie.

    Args:
        frames: The frames, each the bytes of a JPEG file.

        size: The width and height of all frames in pixels.

        rate: The number of frames per second, which must divide 600.
    """
    head = _atom(b"ftyp", b"qt  ", struct.pack(">I", 0), b"qt  ")
    data = b"".join(frames)
    start = len(head) + 8  # an atom begins with its length and its name
    duration = len(frames) * _TIMESCALE // rate
    sizes = [len(frame) for frame in frames]
    return head + _atom(b"mdat", data) + _movie(sizes, start, size, duration)


def _movie(sizes: Sequence[int], start: int, size: tuple[int, int], duration: int) -> bytes:
    """
    Return the part of a movie that describes its frames, which follow each other from the byte *start* of the file.
    """
    per_frame = duration // len(sizes)
    width, height = size
    description = (
        struct.pack(">6xHHH4sIIHHII", 1, 0, 0, b"appl", 0, 512, width, height, _RESOLUTION, _RESOLUTION)
        + struct.pack(">IH32sHh", 0, 1, b"\x0cPhoto - JPEG", _FULL_COLOR, _NO_COLOR_TABLE)
    )  # fmt: skip
    table = _atom(
        b"stbl",
        _atom(b"stsd", _versioned(0, struct.pack(">I", 1)), _atom(b"jpeg", description)),
        _atom(b"stts", _versioned(0, struct.pack(">III", 1, len(sizes), per_frame))),
        # All frames are in one chunk.
        _atom(b"stsc", _versioned(0, struct.pack(">IIII", 1, 1, len(sizes), 1))),
        _atom(b"stsz", _versioned(0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))),
        _atom(b"stco", _versioned(0, struct.pack(">II", 1, start))),
    )
    media = _atom(
        b"minf",
        _atom(b"vmhd", _versioned(1, struct.pack(">HHHH", 0x40, 0x8000, 0x8000, 0x8000))),
        _handler(b"dhlr", b"url "),
        _atom(
            b"dinf",
            _atom(b"dref", _versioned(0, struct.pack(">I", 1)), _atom(b"url ", _versioned(_SELF_CONTAINED))),
        ),
        table,
    )
    track = _atom(
        b"trak",
        _atom(
            b"tkhd",
            _versioned(_ENABLED, struct.pack(">IIIII8xHHHH", 0, 0, 1, 0, duration, 0, 0, 0, 0), _MATRIX),
            struct.pack(">II", width << 16, height << 16),
        ),
        _atom(
            b"mdia",
            _atom(b"mdhd", _versioned(0, struct.pack(">IIIIHH", 0, 0, _TIMESCALE, duration, 0, 0))),
            _handler(b"mhlr", b"vide"),
            media,
        ),
    )
    rate_and_volume = struct.pack(">IH10x", 1 << 16, 1 << 8)
    times = struct.pack(">IIII", 0, 0, _TIMESCALE, duration)
    header = _atom(b"mvhd", _versioned(0, times, rate_and_volume, _MATRIX), struct.pack(">24xI", 2))
    return _atom(b"moov", header, track)


def _handler(kind: bytes, subtype: bytes) -> bytes:
    name = b"\x0asgextended"  # a byte with the length, then the text
    return _atom(b"hdlr", _versioned(0, kind, subtype, bytes(12), name))


def _versioned(flags: int, *parts: bytes) -> bytes:
    """
    Return the beginning of an atom that has a version, which is 0, and flags.
    """
    return struct.pack(">I", flags) + b"".join(parts)


def _atom(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", len(content) + 8) + name + content
