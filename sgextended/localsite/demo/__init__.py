"""
The rows of a new site and of the demo production; writing a site's rows to a folder and reading them back.
"""
