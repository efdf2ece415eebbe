"""
`sg.map`, and `SGPool`: one function over many items in threads, processes or a cluster.
"""
