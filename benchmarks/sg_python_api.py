"""
sg-python-api in an environment of its own, since it takes the official client's import name.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Optional, Tuple

PLACE = Path(__file__).parent.parent / "build" / "bench-venv"
OLDEST = (3, 11)
_INSTALLED = "import importlib.metadata, shotgun_api3; importlib.metadata.version('sg-python-api')"


def environment() -> Tuple[Optional[Path], str]:
    """
    Return the Python in whose environment it is installed, which is made on first use; or None and why not.
    """
    if sys.version_info < OLDEST:
        return None, "sg-python-api needs Python 3.11 or newer."
    python = PLACE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _runs(python, "-c", _INSTALLED):
        print("Installing sg-python-api into build/bench-venv ...", file=sys.stderr)
        _runs(Path(sys.executable), "-m", "venv", "--clear", str(PLACE))
        _runs(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "sg-python-api")
        if not _runs(python, "-c", _INSTALLED):
            return None, "sg-python-api could not be installed here."
    return python, ""


def _runs(python: Path, *words: str) -> bool:
    try:
        done = subprocess.run([str(python), *words], check=False, capture_output=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
