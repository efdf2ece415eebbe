"""
Fields that callers create, change and delete, and query fields.
"""
