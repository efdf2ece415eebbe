"""
SQLite: database, tables, transactions, rows, values and names.
"""
