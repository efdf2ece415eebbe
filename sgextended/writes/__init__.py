"""
What stands around a write: hooks, dry runs, undo, and the search for a write whose outcome is unknown.
"""
