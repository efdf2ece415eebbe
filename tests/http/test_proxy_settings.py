"""
`Proxy`, and the proxy of a `Site`: what they accept and refuse, and that they hide a password.
"""

import pytest

from sgextended import ConfigurationError, Proxy, Site

URL = "https://studio.shotgrid.autodesk.com"
KEY = "k3y-that-must-not-show"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxy", Proxy(host="proxy")),
        ("proxy:3128", Proxy(host="proxy", port=3128)),
        ("http://proxy:3128/", Proxy(host="proxy", port=3128)),
        ("ada:p@ss:w@proxy", Proxy(host="proxy", user="ada", password="p@ss:w")),
        ("ada@proxy:1", Proxy(host="proxy", port=1, user="ada")),
    ],
)
def test_proxy_reads_the_native_spelling(text, expected):
    """
    Host, port, user and password are found as shotgun_api3 finds them; there may be an @ in the password.
    """
    assert Proxy.parse(text) == expected


@pytest.mark.parametrize("text", ["proxy", "proxy:3128", "ada:p@ss:w@proxy:1", "ada@proxy:1"])
def test_proxy_survives_its_native_spelling(text):
    """
    What is written for shotgun_api3 reads back as the same proxy.
    """
    proxy = Proxy.parse(text)

    assert Proxy.parse(proxy.native) == proxy


@pytest.mark.parametrize(
    "text",
    [":3128", "proxy:port", f"ada:{KEY}@", f"ada:{KEY}@proxy:x", "proxy:99999", "proxy:0", "proxy:²",
     f"https://ada:{KEY}@proxy:1", "socks5://proxy"],
)  # fmt: skip
def test_proxy_refuses_what_leads_nowhere(text):
    """
    What has no host or port, or speaks another protocol, is refused without its password.
    """
    with pytest.raises(ConfigurationError, match="is not a valid proxy address") as caught:
        Site(url=URL, proxy=text)

    assert KEY not in str(caught.value)


def test_proxy_hides_a_password_given_as_text():
    """
    A password that is no `Secret` yet becomes one.
    """
    assert KEY not in repr(Proxy(host="proxy", user="ada", password=KEY))


@pytest.mark.parametrize("value", ["", None])
def test_site_takes_no_proxy_for_none(value):
    """
    An empty text is no proxy, as for shotgun_api3.
    """
    assert Site(url=URL, proxy=value).proxy is None


def test_site_refuses_a_proxy_that_is_no_text():
    """
    Another type is refused when the site is made, not at the first call.
    """
    with pytest.raises(ConfigurationError, match="proxy is a dict"):
        Site(url=URL, proxy={"http": "proxy"})
