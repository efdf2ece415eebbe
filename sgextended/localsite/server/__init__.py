"""
A running local site: LocalSite, its socket, its HTTP routes and the table of RPCs.
"""
