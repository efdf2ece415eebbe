"""
The commands of ``sgextended``, one module for each; ``create`` and ``update`` share one.
"""
