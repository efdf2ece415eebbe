"""
Waiting for threads, starting them, and values that hold for one ``with`` block.
"""
