"""
Maintenance of a site's file: backups, and upgrades from the layouts of earlier versions.
"""
