"""
What the commands share: options, queries, output, and the connection to the site.
"""
