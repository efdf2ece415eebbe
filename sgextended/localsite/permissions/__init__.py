"""
The roles of callers, and what each role may write.
"""
