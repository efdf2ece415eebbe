"""
The event log.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
