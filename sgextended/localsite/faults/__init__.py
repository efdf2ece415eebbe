"""
Misbehaviour on demand: which fault comes when, and how it is done to the connection.
"""
