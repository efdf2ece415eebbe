"""
Days of the calendar in which the tests of schedules place their tasks.

2026-03-02 is a Monday; the weeks run from Monday to Friday.
"""

DAY = 480  # minutes of work


def day(number):
    """
    Return a day by its number: 1 to 5 are the first week, Monday to Friday, 8 to 12 the second, and so on.
    """
    return f"2026-03-{number + 1:02d}"
