"""
Finding rows: filters, operators, field paths as joins, presets, summaries, groupings.
"""
