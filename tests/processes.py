"""
What the processes that tests start are given.
"""

import os

GUARD = 60.0  # seconds


def unmeasured(**variables):
    """
    Return this environment with *variables*, for a process whose lines other tests measure: counting them once more
    makes it start late and run half as fast.
    """
    return {**{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}, **variables}


def unmeasured_pytest(*plugins, **variables):
    """
    Return that environment for a process that runs pytest with our plugin, and of the others with *plugins* alone:
    loading all that are installed takes longer than most of the tests that such a process runs.
    """
    names = ",".join(("pytest_sgextended", *plugins))
    return unmeasured(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_PLUGINS=names, **variables)


def ended(process, sent):
    """
    Send a signal to a process, and return its exit status and the rest of its output.
    """
    process.send_signal(sent)
    out, err = process.communicate(timeout=GUARD)
    return process.returncode, out, err
