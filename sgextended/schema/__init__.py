"""
The schema of a site, kept and shared; and calls validated against it.
"""
