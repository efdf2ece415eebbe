"""
summarize.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
