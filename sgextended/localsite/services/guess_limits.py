"""
Limits for guessing: who sends many wrong keys or passwords must wait.
"""

from __future__ import annotations

import collections
import hashlib
import ipaddress
import math
import threading
import time
from typing import TYPE_CHECKING, Optional

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

# How many wrong secrets one address may send for one name without waiting, and the seconds for each further one.
_FOR_NAME = (20, 5.0)
# The same for one address and all names together.
_FOR_ADDRESS = (100, 1.0)
# The number of names and addresses that are remembered.
_MOST = 10_000
# The number of different wrong secrets that are remembered for a name.
_WRONG = 8


@attrs.define(eq=False)
class _Bucket:
    """
    The attempts that are left, at the time of the last change, and the latest wrong secrets.
    """

    left: float
    since: float
    wrong: collections.deque[bytes] = attrs.field(factory=lambda: collections.deque(maxlen=_WRONG))


class GuessLimits:
    """
    Counts wrong secrets by name and address. A secret that is repeated, as by a program with an old key, counts once.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: collections.OrderedDict[bytes, _Bucket] = collections.OrderedDict()
        self._lock = threading.Lock()

    def begin(self, name: str, address: str, secret: bytes) -> int:
        """
        Count an attempt; return 0 if it may be made, else the number of seconds to wait.

        Args:
            name: The name that somebody wants to log in as.

            address: The address of the client.

            secret: A digest of the secret.
        """
        with self._lock:
            found = self._find(name, address)
            waits = [_wait(bucket, each) for bucket, (_burst, each) in found]
            if any(waits):
                return max(waits)
            if secret not in found[0][0].wrong:
                for bucket, _limit in found:
                    bucket.left -= 1
            return 0

    def succeed(self, name: str, address: str, secret: bytes) -> None:
        """
        Take back the count of an attempt, because the secret was right.
        """
        with self._lock:
            for bucket, (burst, _each) in self._find(name, address):
                if secret not in bucket.wrong:
                    bucket.left = min(burst, bucket.left + 1)

    def fail(self, name: str, address: str, secret: bytes) -> None:
        """
        Remember a wrong secret.
        """
        with self._lock:
            bucket = self._find(name, address)[0][0]
            if secret not in bucket.wrong:
                bucket.wrong.append(secret)

    def _find(self, name: str, address: str) -> list[tuple[_Bucket, tuple[int, float]]]:
        network = _network(address)
        keys = ((f"{network}\n{name.casefold()}", _FOR_NAME), (network, _FOR_ADDRESS))
        return [(self._bucket(text, limit), limit) for text, limit in keys]

    def _bucket(self, text: str, limit: tuple[int, float]) -> _Bucket:
        # A digest, because a name can have any length.
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        burst, each = limit
        now = self._clock()
        bucket: Optional[_Bucket] = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(burst, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        bucket.left = min(burst, bucket.left + (now - bucket.since) / each)
        bucket.since = now
        return bucket


def _wait(bucket: _Bucket, each: float) -> int:
    return 0 if bucket.left >= 1 else max(1, math.ceil((1 - bucket.left) * each))


def _network(address: str) -> str:
    """
    Return the address, or the network of an IPv6 address, because one client has all addresses of such a network.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(found if found.version == 4 else ipaddress.ip_network((found, 64), strict=False))
