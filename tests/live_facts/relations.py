"""
Two-way links.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
