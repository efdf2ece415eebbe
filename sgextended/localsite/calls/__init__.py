"""
The calls that are neither reading nor writing rows: follow, notes, activity, search, navigation, preferences.
"""
