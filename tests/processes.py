"""
What the processes that tests start are given.
"""

import os


def unmeasured(**variables):
    """
    Return this environment with *variables*, for a process whose lines other tests measure: counting them once more
    makes it start late and run half as fast.
    """
    return {**{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}, **variables}
