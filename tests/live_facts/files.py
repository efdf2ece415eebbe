"""
Local storages, uploads and thumbnails.
"""
# fmt: off

from live_facts.fact import Facts

fact = Facts()
