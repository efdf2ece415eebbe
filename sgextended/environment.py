"""
Environment variables as the package reads them: an empty variable counts as not set.
"""

import os
from typing import Optional


def environment_variable(name: str) -> Optional[str]:
    """
    Return the value of an environment variable; None if it is not set or empty.
    """
    return os.environ.get(name) or None
