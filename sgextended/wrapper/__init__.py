"""
The parts of `SGExtended`: native methods that studios override, hooks, current(), the registered class.
"""
