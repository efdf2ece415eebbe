"""
The log of a part of the package as lines of a file or of stderr.
"""

import contextlib
import logging
from typing import Iterator


@contextlib.contextmanager
def log_lines(logger: str, handler: logging.Handler, form: str, *, propagate: bool = True) -> Iterator[None]:
    """
    Within the block, write what a logger logs from INFO on. Afterwards the logger is as before, and the handler closed.

    Args:
        logger: The name of the logger.

        handler: Where the lines go.

        form: The form of a line, as for `logging.Formatter`.

        propagate: Whether other handlers get the lines as well.
    """
    handler.setFormatter(logging.Formatter(form))
    log = logging.getLogger(logger)
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = propagate and log.propagate
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
        handler.close()
