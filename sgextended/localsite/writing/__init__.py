"""
Create, update, delete and revive, and their side effects: templates, links, events.
"""
