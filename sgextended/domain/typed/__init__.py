"""
Read and write entities as instances of a studio's own attrs classes.
"""
