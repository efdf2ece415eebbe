"""
The pages that a local site shows in a browser.
"""
