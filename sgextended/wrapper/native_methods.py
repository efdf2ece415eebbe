"""
The native methods that `SGExtended` forwards as they are: nothing at run time, their signatures for type checkers.

The signatures stand in ``_native_methods.pyi``; a test holds them against the installed shotgun_api3.
"""


class NativeMethods:
    """
    An empty base: at run time the names are forwarded by ``SGExtended.__getattr__``.
    """
