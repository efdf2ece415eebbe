"""
What a browser sees of a local site.
"""
