"""
Errors after which the connection of a pooled instance cannot be trusted.
"""

from http.client import HTTPException
from typing import Optional
from xmlrpc.client import ProtocolError  # shotgun_api3's own

from sgextended.errors import PoolError


def is_closed(instance: object) -> bool:
    """
    Return whether an instance says that it is closed.
    """
    return getattr(instance, "is_closed", False) is True


def breaks_connection(error: Optional[BaseException]) -> bool:
    """
    Return whether a connection may be unusable after an error, because half of a response may be left in it.
    """
    for _ in range(10):  # a chain of causes may be circular
        if error is None or isinstance(error, GeneratorExit):
            return False
        if not isinstance(error, Exception):  # an interruption at any point
            return True
        if isinstance(error, (HTTPException, ProtocolError)) or _is_of_httplib2(error):
            return True
        # An error with a file name is about a file on disk. A timeout of another pool says nothing about this one.
        if isinstance(error, OSError) and error.filename is None and not isinstance(error, PoolError):
            return True
        error = error.__cause__
    return False


def _is_of_httplib2(error: BaseException) -> bool:
    # By name: shotgun_api3 contains a copy of httplib2, whose import path differs between its versions.
    return any(base.__name__ == "HttpLib2Error" for base in type(error).__mro__)
