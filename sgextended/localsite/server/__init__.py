"""
A local site that runs: its socket, HTTP routes, the table of calls, authentication, the ledger.
"""
