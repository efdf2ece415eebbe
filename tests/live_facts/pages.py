"""
Pages, preferences and the work schedule.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
