"""
The parts of a running site that all requests share: store, authentication and ledger.
"""
