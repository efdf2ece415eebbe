"""
Values of query fields and contents of saved pages, as the web application shows them.
"""
