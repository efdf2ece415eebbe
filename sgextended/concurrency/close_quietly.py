"""
`close`: closes an object and logs a failure, so that the failure does not affect the next caller.
"""

import logging
from typing import Any

LOG = logging.getLogger("sgextended")


def close(instance: Any) -> None:
    """
    Close an object if it has a ``close`` method. A failure is logged, not raised: it is unrelated to the next caller.
    """
    method = getattr(instance, "close", None)
    if method is None:
        return
    try:
        method()
    except Exception:
        LOG.warning("A %s could not be closed.", type(instance).__name__, exc_info=True)
