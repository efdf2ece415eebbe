"""
How a site misbehaves on purpose, so that reliability is tested over real sockets. So far: latency.
"""

from __future__ import annotations

import asyncio


class Faults:
    """
    What goes wrong with requests. May be changed while the site runs, from any thread.

    Attributes:
        latency: Seconds that every request waits before it is worked on. Others go on meanwhile.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        if latency < 0:
            raise ValueError(f"latency is a number of seconds, 0 or more; got {latency}.")
        self.latency = latency

    async def before_work(self) -> None:
        """
        Do what is to happen to a request before the site works on it.
        """
        if self.latency > 0:
            await asyncio.sleep(self.latency)
