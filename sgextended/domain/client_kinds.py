"""
How the kinds of clients differ: SGExtended, shotgun_api3.Shotgun and Mockgun.
"""

from typing import Any, Callable, Protocol


class Finder(Protocol):
    """
    Any client with a native ``find``: an SGExtended, a Shotgun or a Mockgun.
    """

    @property
    def find(self) -> Callable[..., Any]:
        """
        The native ``find``.
        """


def client_of(sg: Any) -> Any:
    """
    Return the client inside an SGExtended, or *sg* itself if it is a client.
    """
    return getattr(sg, "_sg", sg)


def can_summarize(sg: Any) -> bool:
    """
    Return whether a client has ``summarize`` and finds entities by many links at once.

    A Mockgun has neither: it reads "in" as "all of them", and its ``batch`` ignores the update mode.
    """
    return hasattr(client_of(sg), "summarize")


def is_refusal(error: Exception) -> bool:
    """
    Return whether the site refused this one call, and not the caller's credentials. A Mockgun raises a bare
    ShotgunError.
    """
    # The error classes of shotgun_api3 are compared by name, because the domain does not import shotgun_api3.
    names = [each.__name__ for each in type(error).__mro__]
    return names[0] == "ShotgunError" or ("Fault" in names and "AuthenticationFault" not in names)
