"""
Images for a local site that are nearly right, broken or enormous.
"""

import io
import random
import struct
import zlib

_PICTURES = (
    *(("RGB", "PNG"), ("RGBA", "PNG"), ("1", "PNG"), ("RGB", "JPEG"), ("P", "GIF"), ("I;16", "TIFF"), ("L", "TIFF")),
    *(("RGB", "BMP"), ("RGB", "TGA"), ("RGB", "WEBP")),
)


def picture(source: random.Random) -> bytes:
    """
    Return an image of a random format with some bytes changed, or a small file that claims to be enormous.
    """
    from PIL import Image

    if source.random() < 0.2:
        return enormous_png(source.choice((13_000, 60_000, 2**31 - 1)), source.choice((1, 13_000, 60_000)))
    mode, kind = source.choice(_PICTURES)
    made = io.BytesIO()
    Image.new(mode, (source.choice((1, 33, 900)), source.choice((1, 40))), 3).save(made, kind)
    data = bytearray(made.getvalue())
    for _change in range(source.randrange(6)):
        data[source.randrange(min(len(data), 200))] = source.randrange(256)
    return bytes(data[: source.randrange(1, len(data) + 1)]) if source.random() < 0.2 else bytes(data)


def enormous_png(width: int, height: int, rows: int = 0) -> bytes:
    """
    Return a PNG whose header gives these sizes, and which has *rows* rows of black pixels.
    """

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(1 + width)) for _row in range(rows)]
    pieces.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(pieces)) + chunk(b"IEND", b"")
