"""
The commands of ``sgextended``, one file each.
"""
