"""
The error that a mistake on the command line raises.
"""


class UsageError(Exception):
    """
    The command cannot run as it was typed. The message says what to type instead.
    """
