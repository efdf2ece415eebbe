"""
How tests get into the pages of a local site: as a browser with the token, or as a program with the key of the script.
"""

import base64


def basic_login(name, secret):
    """
    Return the headers of a login by name and secret.
    """
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


def script_login(site):
    """
    Return the headers with which the script of a site may see its pages.
    """
    return basic_login(site.script_name, site.api_key)


def page_address(site, path="/"):
    """
    Return the address of a page with the token of the site, as a person opens it.
    """
    token = site.page_url.partition("?")[2]
    return f"{site.url}{path}{'&' if '?' in path else '?'}{token}"
