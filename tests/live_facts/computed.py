"""
File, image, summary, calculated, password, uuid, pivot_column and JSON fields.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
