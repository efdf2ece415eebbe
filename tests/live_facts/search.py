"""
Text search and the navigation tree.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
