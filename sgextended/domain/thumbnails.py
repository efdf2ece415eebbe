"""
Waiting for thumbnails that the site is still making.
"""

import time
from typing import Any, Optional

from sgextended.client.transfers.downloads import is_placeholder
from sgextended.errors import ThumbnailNotReady
from sgextended.http import cancellation, deadline

#: Seconds to wait for thumbnails if there is no deadline.
WAIT_LIMIT = 30.0

_FIRST_WAIT = 0.25  # seconds; each further wait is twice as long
_LONGEST_WAIT = 10.0  # seconds
#: Seconds that are left before the deadline for the last look.
_RESERVE = 0.5


class ThumbnailWait:
    """
    The time limit for the thumbnails of one call: its deadline, or `WAIT_LIMIT` from now.
    """

    def __init__(self) -> None:
        limit = deadline.current()
        self._ends_at = time.monotonic() + WAIT_LIMIT if limit is None else limit.at - _RESERVE

    def ready_value(self, sg: Any, entity_type: str, entity_id: int, field: str, value: Any) -> Any:
        """
        Return the value of a file field as soon as it is not the placeholder any more.

        Args:
            sg: The client.

            entity_type: The type of the entity.

            entity_id: The id of the entity.

            field: The field.

            value: The value that was read before. If it is no placeholder, it is returned without a request.

        Returns:
            The value; None if the field is empty by now, or the entity does not exist any more.

        Raises:
            ThumbnailNotReady: The site was still making the thumbnail at the end of the time limit.
        """
        wait = _FIRST_WAIT
        while is_placeholder(value):
            left = self._ends_at - time.monotonic()
            if left > 0:
                _pause(min(wait, left))
                wait = min(2 * wait, _LONGEST_WAIT)
            elif _deadline_has_passed():
                raise _not_ready(entity_type, entity_id, field)
            row: Optional[Any] = sg.find_one(entity_type, [["id", "is", entity_id]], [field])
            value = (row or {}).get(field)
            if left <= 0 and is_placeholder(value):
                raise _not_ready(entity_type, entity_id, field)
        return value


def _pause(seconds: float) -> None:
    token = cancellation.current()
    if token is None:
        time.sleep(seconds)
    elif token.wait(seconds):
        token.raise_if_cancelled()


def _deadline_has_passed() -> bool:
    limit = deadline.current()  # after it, no request can be sent
    return limit is not None and not limit.left()


def _not_ready(entity_type: str, entity_id: int, field: str) -> ThumbnailNotReady:
    return ThumbnailNotReady(
        f"The site is still making the thumbnail in {field} of {entity_type} {entity_id}. Nothing was stored for it. "
        "Call again later, or with a longer deadline."
    )
