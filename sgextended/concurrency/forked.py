"""
`require_own`: refuses what a forked child got from its parent and cannot continue.
"""

import os

from sgextended.errors import ForkedProcessError


def require_own(pid: int, subject: str) -> None:
    """
    Check that an iterator is used in the process that started it.

    Args:
        pid: The process that started it.

        subject: Names it in the message, such as "This map".

    Raises:
        ForkedProcessError: This process is another one.
    """
    if os.getpid() != pid:
        msg = (
            f"{subject} was started in process {pid}, and this process was forked from it. The threads and connections "
            "exist only there. Start it again in this process."
        )
        raise ForkedProcessError(msg)
