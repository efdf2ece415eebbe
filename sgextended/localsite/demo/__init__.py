"""
The default rows of a new site, the demo production, and the dump of a site to a folder and back.
"""
