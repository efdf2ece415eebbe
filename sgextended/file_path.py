"""
The paths of files in which a run keeps what the next one needs.
"""

from pathlib import Path

from sgextended.errors import ConfigurationError


def check_file_path(path: Path, kind: str) -> None:
    """
    Raise `ConfigurationError` if a file cannot be at a path: there is no folder for it, or a device or a pipe is there.

    Args:
        path: The path.

        kind: What the file is, for the message, such as ``"journal"``.
    """
    if not path.parent.is_dir():
        msg = f"The folder {path.parent} of the {kind} {path.name} does not exist. Create it, or pass another path."
        raise ConfigurationError(msg)
    if path.exists() and not path.is_file() and not path.is_dir():  # /dev/full, for example, has no end
        msg = f"The {kind} {path} cannot be a device or a pipe. Pass a file."
        raise ConfigurationError(msg)
