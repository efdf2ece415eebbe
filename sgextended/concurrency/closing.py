"""
Closing what was made for a caller, where a failure must not hit somebody else.
"""

import logging
from typing import Any

LOG = logging.getLogger("sgextended")


def close(instance: Any) -> None:
    """
    Close an instance if it can be closed; a failure is logged, since whoever is served next is not to blame.
    """
    method = getattr(instance, "close", None)
    if method is None:
        return
    try:
        method()
    except Exception:
        LOG.warning("A %s could not be closed.", type(instance).__name__, exc_info=True)
