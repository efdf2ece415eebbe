"""
Activity streams, followers, note threads and read state.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
