"""
Webhooks: which events a receiver gets, and sending them.
"""
