"""
The calls that neither read nor write rows: following, note threads, activity, search, navigation, preferences, export.
"""
