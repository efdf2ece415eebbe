"""
Query fields, saved filters and pages, as the web application shows them.
"""
