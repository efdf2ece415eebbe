"""
The import of a table: a CSV or xlsx file whose rows create and change entities, checked as a whole before any write.
"""
