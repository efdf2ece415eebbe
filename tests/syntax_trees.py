"""
Syntax trees of source files.
"""

import ast
import gc


def syntax_tree(source):
    """
    Return the syntax tree of a source text.

    Python 3.11 fails with a SystemError if the garbage collector runs meanwhile and ends something whose end is
    reported with a traceback: formatting one makes a syntax tree, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if was_enabled:
            gc.enable()
