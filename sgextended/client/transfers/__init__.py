"""
Uploads and downloads.
"""
