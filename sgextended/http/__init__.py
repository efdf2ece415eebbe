"""
The connections to a site, and one request on one of them: sending, retrying, deadlines, cancellation.
"""
