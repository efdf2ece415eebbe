"""
Reading the event log: which entries were seen, which may still appear, and where an earlier run ended.
"""
