"""
Date and date_time fields.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
