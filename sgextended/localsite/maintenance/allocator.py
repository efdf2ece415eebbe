"""
The memory that the C library keeps for a process that serves a site.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

# From malloc.h of glibc.
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8

_LARGE = 256 * 1024  # bytes
_ARENAS = 2


def limit_kept_memory() -> None:
    """
    Have the C library keep less memory of past requests, on Linux with glibc; elsewhere nothing happens.

    Each thread of a process takes memory from an area of its own, up to eight for each core, and what one large request
    has used stays in its area. A site has a dozen threads, of which Python runs one at a time: two areas are enough.

    A large block that is freed goes back to the system at once. Without this, glibc raises its idea of a large block to
    the largest one ever freed, up to 32 MB, and smaller blocks stay in the areas, where anything that lives on beside
    them keeps the system from having them back.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, _LARGE)
