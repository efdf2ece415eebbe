"""
The methods of `AsyncSGExtended`: an empty class at run time, signatures for type checkers.

The signatures are in ``async_methods.pyi``, derived from those of `SGExtended`.
"""


class AsyncMethods:
    """
    An empty base class: at run time ``AsyncSGExtended.__getattr__`` creates the methods.
    """
