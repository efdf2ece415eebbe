"""
Entity types and fields, custom fields, and the description that callers get.
"""
