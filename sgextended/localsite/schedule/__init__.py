"""
Dates and durations of tasks, their dependencies, and working days.
"""
