"""
The image fields of an entity: a value to write is the path of a file, which is uploaded after the other fields are set.
"""

import os
from pathlib import Path
from typing import Any, Dict, Tuple

from sgextended.client.protocol.unencodable_text import check_texts
from sgextended.errors import ShotgunError

Row = Dict[str, Any]

#: The method that uploads the image of a field.
IMAGES = {"image": "upload_thumbnail", "filmstrip_image": "upload_filmstrip_thumbnail"}


def without_images(data: Row) -> Tuple[Row, Dict[str, str]]:
    """
    Return the data of an entity without its images, and the paths of the images by field.

    Raises:
        ShotgunError: A path is not a file, or the file is empty. The upload would raise the same error, but only after
            the entity was created.

        InvalidArgumentError: The name of a file is not valid Unicode.
    """
    images = {name: data[name] for name in IMAGES if data.get(name)}
    for path in images.values():
        found = Path(os.fsdecode(path)).expanduser().absolute()
        if not found.is_file():
            msg = f"Path must be a valid file, got '{found}'"
            raise ShotgunError(msg)
        if not found.stat().st_size:
            msg = f"Path cannot be an empty file: '{found}'"
            raise ShotgunError(msg)
    check_texts({name: Path(os.fsdecode(path)).name for name, path in images.items()})
    plain = {name: value for name, value in data.items() if name not in images}
    if "filmstrip_image" in images:
        plain["filmstrip_image"] = None  # so the official client checks whether the site supports filmstrips
    return plain, images
