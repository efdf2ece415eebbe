"""
Sudo, scripts and permission rule sets.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
