"""
The memory that the C library keeps for a process that serves a site.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
_ARENAS = 2


def limit_arenas() -> None:
    """
    Have the C library keep less memory of past requests, on Linux with glibc; elsewhere nothing happens.

    Each thread of a process takes memory from an area of its own, up to eight for each core, and what one large request
    has used stays in its area. A site has a dozen threads, of which Python runs one at a time.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
