"""
Color and entity_type fields.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
