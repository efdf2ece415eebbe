"""
The pool of instances: leases, and which errors show that the connection of an instance is broken.
"""
