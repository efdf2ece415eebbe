"""
Order, groups of filters, paging, names and dotted paths.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
