"""
The pipeline of a small studio.
"""
