"""
Schema calls, stock fields and types.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
