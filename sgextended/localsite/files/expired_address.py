"""
The response for the address of a file that is not valid or no longer valid.
"""

from __future__ import annotations

from starlette.responses import Response

# As storage services word it.
_EXPIRED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
)


def expired_address() -> Response:
    """
    Return the response for an address that this site did not sign, or that has expired.
    """
    return Response(_EXPIRED, status_code=403, media_type="application/xml")
