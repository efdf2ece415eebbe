"""
`sg.map`: one function over many items in threads, processes or a cluster; and `SGPool`, a pool of clients.
"""
