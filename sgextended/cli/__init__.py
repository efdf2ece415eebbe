"""
The ``sgextended`` command line. ``commands/`` has a module for each command, ``shared/`` the helpers that they use.
"""
