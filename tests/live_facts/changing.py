"""
Updates, deletes, revivals and batches.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
