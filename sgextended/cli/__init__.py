"""
The ``sgextended`` command line: one module for each command in ``commands/``, and the helpers that they share.
"""
