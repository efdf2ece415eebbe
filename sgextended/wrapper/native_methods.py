"""
The native methods that `SGExtended` forwards unchanged: an empty class at run time, signatures for type checkers.

The signatures are in ``native_methods.pyi``; a test compares them with the installed shotgun_api3.
"""


class NativeMethods:
    """
    An empty base class: at run time ``SGExtended.__getattr__`` forwards the names.
    """
