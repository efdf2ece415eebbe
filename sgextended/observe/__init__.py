"""
What a call has cost: an event for each request, and traces of a block of code.
"""
