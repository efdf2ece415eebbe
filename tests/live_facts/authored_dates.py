"""
created_at and updated_at that a caller writes.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
