"""
Entities as a studio's own attrs classes.
"""
