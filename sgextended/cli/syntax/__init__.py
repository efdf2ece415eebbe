"""
What people type for dates and for entities, and what the site takes.
"""
