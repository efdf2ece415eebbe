"""
Number, duration, percent, float and timecode fields.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
