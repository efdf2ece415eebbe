"""
The methods of `AsyncSGExtended`: nothing at run time, their signatures for type checkers.

The signatures stand in ``_async_methods.pyi``, and come from those of the methods themselves.
"""


class AsyncMethods:
    """
    An empty base: at run time the methods are made by ``AsyncSGExtended.__getattr__``.
    """
