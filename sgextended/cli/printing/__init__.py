"""
How values become text on a terminal, cells of a CSV file, and cells of an Excel file.
"""
