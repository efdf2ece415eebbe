"""
Creates: defaults, names, refusals.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
