"""
The parts of `SGExtended`: native methods that studios override, hooks, connect() and current().
"""
