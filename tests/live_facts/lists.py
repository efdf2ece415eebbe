"""
List and status fields, and the rows of Status and Icon.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
