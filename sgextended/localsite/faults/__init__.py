"""
Misbehaviour on demand: the mishaps that a site can have, and the code that applies them to connections.
"""
