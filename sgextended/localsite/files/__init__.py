"""
Stored files: upload and download routes, attachments, thumbnails.
"""
