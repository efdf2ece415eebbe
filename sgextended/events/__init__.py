"""
Changes that the site reports: the event log, followed entry by entry, and the functions that handle its events.
"""
