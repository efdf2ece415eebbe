"""
Plain functions that take a client first, one module per subject; the same functions are the methods of SGExtended.
"""
