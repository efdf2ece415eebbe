"""
The rez package of sgextended.

Build and install it from a checkout: cd packaging/rez && rez build --install
"""

name = "sgextended"

authors = ["The sgextended developers"]

description = "The thread-safe, fast and extensible object that a studio talks to instead of shotgun_api3.Shotgun"

uuid = "repository.sgextended"

help = [["Documentation", "https://sgextended.readthedocs.io"]]


@early()
def version():
    """
    The version of the checkout.
    """
    import re
    from pathlib import Path

    text = (Path.cwd().parent.parent / "sgextended" / "_version.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "(.*)"', text)[1]


# The names are those that rez-pip gives to packages of the index.
requires = ["python-3.9+", "shotgun_api3-3.9+<4", "attrs-22.2+", "urllib3-2.6.3+<3"]

build_command = "{root}/build.sh {install}"


def commands():
    """
    Make the package importable and its command available.
    """
    env.PYTHONPATH.append("{root}/python")
    env.PATH.append("{root}/bin")
