"""
The handling of writes: hooks, dry runs, undo, and the search for writes with unknown outcome.
"""
