"""
Handlers of events: functions that a runner calls for each event, each with its own place in the log.
"""
