"""
What all requests of a running site share: its store of rows, authentication and the ledger of requests.
"""
