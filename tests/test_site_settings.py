"""
`Site`, `Secret` and `Proxy`: what they accept, what they say about what they refuse, and what they never show.
"""

import copy
import pickle
import traceback

import attrs
import pytest

from sgextended import ConfigurationError, RetryPolicy, Secret, Site
from sgextended.site_settings import split_basic_auth

URL = "https://studio.shotgrid.autodesk.com"
KEY = "k3y-that-must-not-show"
VARIABLES = ("URL", "SCRIPT_NAME", "API_KEY", "LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN")


@pytest.fixture
def environment(monkeypatch):
    """
    An environment that names no site; the function sets variables, without their prefix.
    """
    for name in VARIABLES:
        monkeypatch.delenv(f"SHOTGUN_{name}", raising=False)

    def fill(prefix="SHOTGUN_", **values):
        for name, value in values.items():
            monkeypatch.setenv(prefix + name, value)

    return fill


def make_site(**settings):
    return Site(**{"url": URL, "script_name": "robot", "api_key": KEY, **settings})


# --- Validation


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://localhost:8080",
        "HTTPS://Studio.Example",
        "https://studio.example/",
        "https://studio.example/sub/",
        "http://127.0.0.1:1",
    ],
)
def test_site_accepts_addresses(url):
    """
    Addresses that a request can go to are kept as they are written.
    """
    assert Site(url=url).url == url


@pytest.mark.parametrize(
    "url",
    ["studio.shotgrid.autodesk.com", "ftp://studio.example", "https://", "https://x:99999", "https://x:port",
     "https://x:0", "https://a b.example", "https://stu\ndio.example", "https://studio\udce4.example",
     "https://[::1", "//studio.example"],
)  # fmt: skip
def test_site_refuses_what_is_no_address(url):
    """
    An address that no request could go to is refused with the address and an example.
    """
    with pytest.raises(ConfigurationError, match="is not the address of a site: write it like https://") as caught:
        Site(url=url)

    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("url", ["", "   ", None, 7])
def test_site_refuses_an_empty_address(url):
    """
    No address at all is said to be that.
    """
    with pytest.raises(ConfigurationError, match=r"url is .*, which is not the address of a site: write it like"):
        Site(url=url)


@pytest.mark.parametrize(
    "url",
    [f"https://user:{KEY}@studio.example", f"https://user:{KEY}@studio.example:port", f"user:{KEY}@studio.example"],
)
def test_site_refuses_a_user_name_without_quoting_the_password(url):
    """
    A password in the address is pointed to its argument, and is in no message, even when the rest is wrong too.
    """
    with pytest.raises(ConfigurationError, match="basic_auth='user:password'") as caught:
        Site(url=url)

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", [f"{URL}\n", f" {URL}\r\n", f"\t{URL}"])
def test_site_takes_an_address_from_a_file(url, environment):
    """
    Spaces and line breaks around an address are ignored, also in the environment.
    """
    environment(URL=url, SCRIPT_NAME="robot", API_KEY=KEY)

    assert Site(url=url).url == URL
    assert Site.from_env().url == URL


def test_site_takes_ipv6():
    """
    An IPv6 address in brackets is kept, and only the loopback address is within this machine.
    """
    assert not Site(url="http://[::1]:8080").is_exposed
    assert Site(url="http://[2001:db8::1]:8080").is_exposed


@pytest.mark.parametrize("name", ["script_name", "login", "sudo_as_login"])
def test_site_refuses_a_name_that_is_not_text(name):
    """
    A name in bytes, which JSON cannot carry, is refused by the name of the argument.
    """
    with pytest.raises(ConfigurationError, match=f"{name} is a bytes"):
        Site(**{"url": URL, name: b"ada"})


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\udce4"])
@pytest.mark.parametrize("name", ["session_token", "basic_auth", "proxy"])
def test_site_refuses_what_no_header_may_contain(name, bad):
    """
    A text that becomes part of a header is refused when it is set, without being shown.
    """
    text = f"ada:{KEY}{bad}@proxy" if name == "proxy" else f"ada:{KEY}{bad}"
    with pytest.raises(ConfigurationError, match=r"control character|half a character") as caught:
        Site(**{"url": URL, name: text})

    assert KEY not in str(caught.value)


def test_site_takes_one_source_of_proxies():
    """
    A proxy and the proxies of the environment exclude each other.
    """
    with pytest.raises(ConfigurationError, match="proxy and proxy_from_environment are both given"):
        make_site(proxy="proxy:3128", proxy_from_environment=True)


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "pool_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), None, "5", True])
def test_site_refuses_limits_that_wait_for_ever(name, value):
    """
    A time limit is a number above 0 and finite; the message names the argument.
    """
    with pytest.raises(ConfigurationError, match=f"{name}=.*no call may wait forever"):
        make_site(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, "4", None, True])
def test_site_refuses_no_connections(value):
    """
    Less than one connection is refused.
    """
    with pytest.raises(ConfigurationError, match=r"connections=.*at least 1"):
        make_site(connections=value)


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ({"script_name": "robot"}, "api_key is not set, and script_name needs it"),
        ({"api_key": "k"}, "script_name is not set, and api_key needs it"),
        ({"login": "ada"}, "password is not set, and login needs it"),
        ({"password": "p"}, "login is not set, and password needs it"),
        ({"auth_token": "123456"}, "auth_token is a second factor and needs login"),
        ({"script_name": "robot", "api_key": ""}, "api_key is not set"),
        (
            {"script_name": "robot", "api_key": "k", "login": "ada", "password": "p"},
            r"credentials of more than one kind are given \(script_name, api_key, login, password\): keep one",
        ),
        ({"script_name": "robot", "api_key": "k", "session_token": "t"}, "credentials of more than one kind"),
        ({"login": "ada", "password": "p", "session_token": "t"}, "credentials of more than one kind"),
    ],
)
def test_site_refuses_half_and_double_identities(identity, message):
    """
    Half an identity and two of them are refused; the message names the arguments.
    """
    with pytest.raises(ConfigurationError, match=message):
        Site(url=URL, **identity)


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"script_name": "robot", "api_key": "k"},
        {"login": "ada", "password": "p"},
        {"login": "ada", "password": "p", "auth_token": "123456"},
        {"session_token": "t"},
    ],
)
def test_site_accepts_one_identity_or_none(identity):
    """
    Each way to sign in is accepted, and no identity too: the server's version can be asked without.
    """
    assert Site(url=URL, **identity).url == URL


@pytest.mark.parametrize("name", ["api_key", "password", "auth_token", "session_token", "basic_auth"])
def test_site_refuses_secrets_that_are_no_text_without_quoting_them(name):
    """
    A secret of another type is refused by the name of its type.
    """
    with pytest.raises(ConfigurationError, match="token is a bytes") as caught:
        Site(url=URL, **{name: KEY.encode()})

    assert KEY not in str(caught.value)


def test_site_is_compared_by_value():
    """
    Two sites with the same values are the same to dicts and sets.
    """
    assert {make_site()} == {make_site()}
    assert make_site() != make_site(api_key="other")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_site_copies_are_itself(copied):
    """
    A frozen site needs no copies, so that its secrets stay in one place.
    """
    site = make_site()

    assert copied(site) is site
    assert copied(site.api_key) is site.api_key


# --- The environment


@pytest.mark.parametrize(
    "identity",
    [
        {"SCRIPT_NAME": "robot", "API_KEY": KEY},
        {"LOGIN": "ada", "PASSWORD": KEY},
        {"LOGIN": "ada", "PASSWORD": KEY, "AUTH_TOKEN": "123456"},
        {"SESSION_TOKEN": KEY},
    ],
)
@pytest.mark.parametrize("prefix", ["SHOTGUN_", "SG2_"])
def test_from_env_reads_each_identity(environment, identity, prefix):
    """
    The variables become the arguments of their names, under any prefix.
    """
    environment(prefix, URL=URL, **identity)

    site = Site.from_env(prefix)

    assert site == Site(url=URL, **{name.lower(): value for name, value in identity.items()})


def test_from_env_takes_other_settings(environment):
    """
    Other arguments are given beside the environment.
    """
    environment(URL=URL, SCRIPT_NAME="robot", API_KEY=KEY)

    assert Site.from_env(connections=3, retry=RetryPolicy(attempts=1)) == make_site(
        connections=3, retry=RetryPolicy(attempts=1)
    )


@pytest.mark.parametrize("values", [{}, {"URL": "", "SCRIPT_NAME": "", "API_KEY": ""}])
def test_from_env_names_what_is_missing(environment, values):
    """
    With nothing set, or everything empty, one message names each variable that would do.
    """
    environment(**values)

    with pytest.raises(ConfigurationError) as caught:
        Site.from_env()

    message = str(caught.value)
    assert "SHOTGUN_URL is not set" in message
    for name in ("SCRIPT_NAME", "API_KEY", "LOGIN", "PASSWORD", "SESSION_TOKEN"):
        assert f"SHOTGUN_{name}" in message


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"SCRIPT_NAME": "robot"}, ["MY_URL is not set", "MY_API_KEY is not set, and MY_SCRIPT_NAME"]),
        ({"URL": "studio", "SESSION_TOKEN": "t"}, ["MY_URL: 'studio' is not the address"]),
        ({"URL": URL, "LOGIN": "ada"}, ["MY_PASSWORD is not set, and MY_LOGIN"]),
        ({"URL": URL, "AUTH_TOKEN": "1"}, ["MY_AUTH_TOKEN is a second factor and needs MY_LOGIN"]),
        (
            {"URL": URL, "SCRIPT_NAME": "a", "API_KEY": KEY, "SESSION_TOKEN": KEY},
            ["credentials of more than one kind are given (MY_SCRIPT_NAME, MY_API_KEY, MY_SESSION_TOKEN)"],
        ),
    ],
)
def test_from_env_names_each_problem(environment, values, expected):
    """
    Every problem is listed, each with the names of its variables and without the secrets.
    """
    environment("MY_", **values)

    with pytest.raises(ConfigurationError) as caught:
        Site.from_env("MY_")

    assert all(problem in str(caught.value) for problem in expected)
    assert str(caught.value).count("\n  - ") == len(expected)
    assert KEY not in str(caught.value)


# --- Secrets


def test_secret_shows_nowhere():
    """
    No text of a site holds its key: repr, str, format, asdict, attributes.
    """
    site = make_site(basic_auth=f"web:{KEY}", proxy=f"ada:{KEY}@proxy:3128")

    shown = [repr(site), str(site), f"{site}", repr(attrs.asdict(site)), repr(attrs.astuple(site))]
    shown += [repr(getattr(site, attribute.name)) for attribute in attrs.fields(Site)]
    assert [text for text in shown if KEY in text] == []


def test_secret_shows_in_no_traceback():
    """
    A traceback with the local variables written out does not hold the key.
    """
    site = make_site()
    secret = site.api_key
    try:
        assert secret == site
    except AssertionError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    assert "secret = Secret(...)" in text
    assert KEY not in text


def test_secret_has_no_vars():
    """
    Tools that list attributes find no dict to list.
    """
    with pytest.raises(TypeError):
        vars(Secret(KEY))


def test_secret_reveals_only_when_asked():
    """
    The value is there for who asks by name.
    """
    assert Secret(KEY).reveal() == KEY
    assert repr(Secret(KEY)) == "Secret(...)"
    assert repr(Secret(KEY, variable="SHOTGUN_API_KEY")) == "Secret(from SHOTGUN_API_KEY)"


def test_secret_is_compared_by_value():
    """
    Equal values are equal secrets, and a text is no secret.
    """
    assert Secret(KEY) == Secret(KEY, variable="X")
    assert hash(Secret(KEY)) == hash(Secret(KEY, variable="X"))
    assert Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY
    assert not Secret("")


def test_secret_of_undecodable_bytes_can_be_compared():
    """
    A variable whose bytes are no UTF-8 makes a secret like any other.
    """
    assert Secret("\udcff") != Secret("x")
    assert Secret("\udcff") == Secret("\udcff")


def test_site_pickles_as_the_names_of_its_variables(environment):
    """
    A site from the environment travels without its secrets, and finds them where it arrives.
    """
    environment(URL=URL, SCRIPT_NAME="robot", API_KEY=KEY)
    site = Site.from_env(connections=3)

    pickled = pickle.dumps(site)

    assert KEY.encode() not in pickled
    assert b"SHOTGUN_API_KEY" in pickled
    assert pickle.loads(pickled) == site


def test_site_reads_its_secrets_where_it_arrives(environment):
    """
    The secret is that of the process that unpickles.
    """
    environment(URL=URL, SCRIPT_NAME="robot", API_KEY=KEY)
    pickled = pickle.dumps(Site.from_env())
    environment(API_KEY="rotated")

    assert pickle.loads(pickled).api_key.reveal() == "rotated"


def test_site_names_the_variable_that_a_worker_lacks(environment, monkeypatch):
    """
    Where the variable is missing, unpickling says which, and where to set it.
    """
    environment(URL=URL, SCRIPT_NAME="robot", API_KEY=KEY)
    pickled = pickle.dumps(Site.from_env())
    monkeypatch.delenv("SHOTGUN_API_KEY")

    with pytest.raises(ConfigurationError, match=r"SHOTGUN_API_KEY is not set in this process.*every machine"):
        pickle.loads(pickled)


@pytest.mark.parametrize(
    "settings",
    [
        {"script_name": "robot", "api_key": KEY},
        {"login": "ada", "password": KEY},
        {"session_token": KEY},
        {"basic_auth": KEY},
        {"proxy": f"ada:{KEY}@proxy:3128"},
    ],
)
def test_site_with_a_literal_secret_refuses_to_pickle(settings):
    """
    A key that was written into the code would be written into the pickle; the refusal says what to do.
    """
    with pytest.raises(ConfigurationError, match=r"Site\.from_env\(\).*allow_pickle_secrets=True") as caught:
        pickle.dumps(Site(url=URL, **settings))

    assert KEY not in str(caught.value)


@pytest.mark.leaks
def test_site_pickles_secrets_when_allowed():
    """
    With allow_pickle_secrets a site arrives whole, its proxy included.
    """
    site = make_site(
        proxy=f"ada:{KEY}@proxy:3128", basic_auth="web:x", retry=RetryPolicy(attempts=9), allow_pickle_secrets=True
    )

    assert pickle.loads(pickle.dumps(site)) == site


# --- Proxies


# --- Basic authentication


@pytest.mark.parametrize(
    ("url", "bare", "secret"),
    [
        (URL, URL, None),
        ("https://web:pw@studio.example/x", "https://studio.example/x", "web:pw"),
        ("https://web:p%40%2Fw@studio.example:8", "https://studio.example:8", "web:p@/w"),
        ("https://Web:Pw@studio.example", "https://studio.example", "Web:Pw"),
        ("https://studio.example/a@b", "https://studio.example/a@b", None),
    ],
)
def test_split_basic_auth_takes_the_user_out(url, bare, secret):
    """
    The user's part of an address becomes a secret, percent signs decoded; the rest stays.
    """
    found, who = split_basic_auth(url)

    assert found == bare
    assert (who and who.reveal()) == secret
