"""
`NativeClient`, the private and thread-safe Shotgun: requests, pages, values from JSON, credentials.
"""
