"""
The pipeline code of a small studio.
"""
