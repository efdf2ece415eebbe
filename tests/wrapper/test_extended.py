"""
`SGExtended`: forwarding, subclassing and construction.
"""

import copy
import inspect
import threading
from unittest import mock

import pytest
import shotgun_api3
from fix_extended import KEY, SHOT, Studio
from fix_servers import GUARD, page, results

import sgextended
from sgextended import ConfigurationError, NativeClient, SGExtended, Site
from sgextended.wrapper.native_overrides import NativeOverrides
from sgextended.wrapper.transfer_overrides import TransferOverrides

# --- Forwarding of native names


def test_native_names_are_forwarded(site, shot_server):
    """
    A name that the wrapper does not define is the client's.
    """
    sg = SGExtended(site=site)
    shot_server.answers["followers"] = [SHOT]

    assert sg.followers(SHOT) == [SHOT]
    assert sg.base_url == site.url
    assert sg.config.script_name == "robot"


def test_names_newer_than_the_stub_are_forwarded(site, monkeypatch):
    """
    A method that only a newer shotgun_api3 has can be called.
    """
    monkeypatch.setattr(shotgun_api3.Shotgun, "brand_new", lambda self, x: (self.config.script_name, x), raising=False)

    assert SGExtended(site=site).brand_new(3) == ("robot", 3)


def test_missing_names_are_missing(site):
    """
    A name that neither wrapper nor client has raises AttributeError.
    """
    with pytest.raises(AttributeError, match="no_such_name"):
        SGExtended(site=site).no_such_name  # noqa: B018 - reading is the point


def test_unknown_private_names_are_not_forwarded(site):
    """
    Private names that a Shotgun does not have stay private to the client.
    """
    with pytest.raises(AttributeError, match="'SGExtended' object has no attribute '_transport'"):
        SGExtended(site=site)._transport  # noqa: B018 - reading is the point


def test_half_built_wrapper_does_not_recurse():
    """
    An instance whose __init__ never ran has no attributes, and says so instead of recursing.
    """
    sg = SGExtended.__new__(SGExtended)

    with pytest.raises(AttributeError, match="config"):
        sg.config  # noqa: B018 - reading is the point
    assert repr(sg) == "<SGExtended over 'nothing yet'>"
    assert "find_tasks" in dir(sg)


@pytest.mark.parametrize("name", ["broken", "very_broken"])
def test_broken_property_is_named(site, name):
    """
    An AttributeError inside a studio's property is not reported as a missing native name.
    """
    with pytest.raises(AttributeError, match=f"Studio.{name} raised AttributeError while being computed"):
        getattr(Studio(site=site), name)


def test_looking_costs_no_request(site, shot_server):
    """
    dir, repr, hasattr of methods, and copying send nothing.
    """
    sg = Studio(site=site)
    assert hasattr(sg, "find_tasks")
    assert hasattr(sg, "follow")
    assert not hasattr(sg, "no_such_name")
    dir(sg)
    repr(sg)
    copy.copy(sg)
    copy.deepcopy(sg)

    assert (shot_server.connections, shot_server.requests) == (0, [])


def test_dir_has_native_names_and_reads_no_property(site):
    """
    Completion shows what is forwarded, the subclass's own names and the domain.
    """

    class Tempting(Studio):
        @property
        def expensive(self):
            raise ZeroDivisionError

    names = dir(Tempting(site=site))

    assert {"follow", "server_info", "find_tasks", "count", "expensive", "find"} <= set(names)
    assert names == sorted(set(names))


# --- Subclasses


def test_super_find_works(site):
    """
    An override reaches the native method with super(), and the domain uses the override.
    """
    sg = Studio(site=site)

    assert sg.count("Shot") == 1
    sg.find_shots()

    assert sg.asked == ["Shot", "Shot"]


@pytest.mark.parametrize(
    "name",
    ["find", "find_one", "summarize", "create", "update", "delete", "revive", "batch", "upload", "upload_thumbnail",
     "download_attachment", "schema_read", "schema_entity_read", "schema_field_read", "close"],
)  # fmt: skip
def test_overridable_methods_are_real_methods(name):
    """
    The native methods that studios override are methods of a class above the studio's, so that super() finds them.
    """
    assert callable({**vars(TransferOverrides), **vars(NativeOverrides)}[name])


def test_overridable_methods_pass_their_arguments_on(site):
    """
    Every overridden method passes each argument to the client at its native position.
    """
    sg = SGExtended(site=site)
    created_at = ["now"] if "created_at" in inspect.signature(shotgun_api3.Shotgun.upload).parameters else []
    client = sg._sg = mock.create_autospec(shotgun_api3.Shotgun, instance=True)

    sg.find("Shot", ["f"], ["code"], [{"field_name": "id"}], "any", 5, True, 2, False, ["preset"])
    sg.find_one("Shot", ["f"], ["code"], [{"field_name": "id"}], "any", True, False, ["preset"])
    sg.summarize("Shot", ["f"], ["s"], "any", ["g"], False)
    sg.create("Shot", {"code": "a"}, ["code"])
    sg.update("Shot", 1, {"code": "a"}, {"tags": "add"})
    sg.delete("Shot", 1)
    sg.revive("Shot", 1)
    sg.batch(["r"])
    sg.upload("Shot", 1, "/a", "sg_f", "A", "t", *created_at)
    sg.upload_thumbnail("Shot", 1, "/a", filmstrip_thumbnail=True)
    sg.download_attachment({"id": 1}, "/a", 1)
    sg.schema_read(SHOT)
    sg.schema_entity_read(SHOT)
    sg.schema_field_read("Shot", "code", SHOT)
    sg.close()

    call = mock.call
    presets = {"include_archived_projects": False, "additional_filter_presets": ["preset"]}
    assert client.mock_calls == [
        call.find("Shot", ["f"], ["code"], [{"field_name": "id"}], "any", 5, True, 2, **presets),
        call.find_one("Shot", ["f"], ["code"], [{"field_name": "id"}], "any", True, **presets),
        call.summarize("Shot", ["f"], ["s"], "any", ["g"], False),
        call.create("Shot", {"code": "a"}, ["code"]),
        call.update("Shot", 1, {"code": "a"}, {"tags": "add"}),
        call.delete("Shot", 1),
        call.revive("Shot", 1),
        call.batch(["r"]),
        call.upload("Shot", 1, "/a", "sg_f", "A", "t", *created_at),
        call.upload_thumbnail("Shot", 1, "/a", filmstrip_thumbnail=True),
        call.download_attachment({"id": 1}, "/a", 1),
        call.schema_read(SHOT),
        call.schema_entity_read(SHOT),
        call.schema_field_read("Shot", "code", SHOT),
        call.close(),
    ]


# --- Making


def test_environment_is_read_without_arguments(environment, shot_server):
    """
    SGExtended() uses the site of the environment, and sends no request until it is used.
    """
    sg = SGExtended()
    before = len(shot_server.requests)

    assert before == 0
    assert sg.find("Shot", []) == [SHOT]
    assert shot_server.sent("read")[0].auth["script_key"] == KEY


def test_missing_environment_is_explained(monkeypatch):
    """
    Without a site in the environment the message names the variables.
    """
    for name in ("URL", "SCRIPT_NAME", "API_KEY", "LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN"):
        monkeypatch.delenv(f"SHOTGUN_{name}", raising=False)

    with pytest.raises(ConfigurationError, match="SHOTGUN_URL is not set"):
        SGExtended()


def test_client_and_site_together_are_refused(site):
    """
    Two sources are one too many.
    """
    with pytest.raises(ConfigurationError, match="both a client and a site"):
        SGExtended(NativeClient(site), site=make_site_like(site))


def make_site_like(site):
    return Site(url=site.url, session_token="t")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("https://studio.example", "No credentials"),
        (b"x", "base_url is a bytes"),
        (7, r"SGExtended\(url, script_name, api_key\) or SGExtended\(site="),
        (object(), r"SGExtended\(url, script_name, api_key\) or SGExtended\(site="),
        ({}, r"SGExtended\(url, script_name, api_key\) or SGExtended\(site="),
        (shotgun_api3.Shotgun, r"SGExtended\(url, script_name, api_key\) or SGExtended\(site="),
        (SGExtended, r"SGExtended\(url, script_name, api_key\) or SGExtended\(site="),
    ],
)
def test_what_is_no_client_is_refused(wrong, words):
    """
    A URL, a class or any other object without ``find`` is refused; the message shows two valid calls.
    """
    with pytest.raises(ConfigurationError, match=words):
        SGExtended(wrong)


def test_site_by_position_is_refused(site):
    """
    A site is given by its name.
    """
    with pytest.raises(ConfigurationError, match=r"site=Site"):
        SGExtended(site)


def test_plain_shotgun_is_wrapped(shot_server):
    """
    A Shotgun is used as it is, one call at a time.
    """
    native = shotgun_api3.Shotgun(shot_server.url, "robot", KEY)
    with Studio(native) as sg:
        assert sg.count("Shot") == 1
        assert sg.follow is not None
        assert sg.config is native.config
        assert repr(sg) == "<Studio over <Shotgun, one call at a time>>"


def test_plain_shotgun_is_safe_to_share(shot_server):
    """
    Threads that share a wrapped Shotgun, directly and through clones, each receive their own response.
    """
    shot_server.answers["read"] = lambda request: results(
        page({"type": "Shot", "id": request.payload["params"][1]["filters"]["conditions"][0]["values"][0]})
    )
    native = shotgun_api3.Shotgun(shot_server.url, "robot", KEY)
    sg = SGExtended(native)

    found = list(sg.map(lambda sg, i: sg.find("Shot", [["id", "is", i]])[0]["id"], range(60), workers=6))
    native.close()

    assert found == list(range(60))


def test_site_of_a_plain_shotgun_is_explained(shot_server):
    """
    A Shotgun has no Site; the message says how to get one.
    """
    sg = Studio(shotgun_api3.Shotgun(shot_server.url, "robot", KEY, connect=False))

    with pytest.raises(ConfigurationError, match=r"Use Studio\.from_shotgun\(sg\)"):
        sg.site  # noqa: B018 - reading is the point


def test_wrapper_around_a_wrapper_shares_its_client(site):
    """
    Wrapping once more changes the class and nothing else.
    """
    sg = SGExtended(site=site)

    assert Studio(sg)._client is sg._client


@pytest.mark.parametrize("wrapped", [False, True])
def test_from_shotgun_makes_a_safe_client(shot_server, wrapped):
    """
    A Shotgun, or a wrapper around one, is adopted without being used.
    """
    native = shotgun_api3.Shotgun(shot_server.url, "robot", KEY, connect=False)

    sg = Studio.from_shotgun(SGExtended(native) if wrapped else native)

    assert type(sg) is Studio
    assert isinstance(sg._sg, NativeClient)
    assert sg.site.api_key.reveal() == KEY
    assert sg.count("Shot") == 1
    assert native._connection is None


def test_from_shotgun_refuses_a_mockgun(make_mockgun):
    """
    A Mockgun has no site, so from_shotgun refuses it.
    """
    with pytest.raises(ConfigurationError, match="has no site and credentials"):
        SGExtended.from_shotgun(make_mockgun())


# --- connect


def test_connect_on_the_class_takes_native_arguments(shot_server):
    """
    connect takes the arguments of Shotgun, returns a wrapper of the class, and sends a request to the site.
    """
    sg = Studio(shot_server.url, "robot", KEY)

    assert type(sg) is Studio
    assert [request.rpc for request in shot_server.requests] == ["info"]
    assert sg.count("Shot") == 1


def test_connect_without_connecting_sends_nothing(shot_server):
    """
    connect=False sends no request, as native.
    """
    sg = SGExtended(shot_server.url, "robot", KEY, connect=False)

    assert shot_server.requests == []
    assert sg.find("Shot", []) == [SHOT]


def test_connect_on_an_instance_is_native(site, shot_server):
    """
    On an instance connect sends a request, and returns None.
    """
    assert SGExtended(site=site).connect() is None
    assert [request.rpc for request in shot_server.requests] == ["info"]


def test_connect_refuses_as_native():
    """
    Arguments that cannot work are a ValueError, as native.
    """
    with pytest.raises(ValueError, match="api_key is not set"):
        SGExtended("https://studio.example", "robot", connect=False)


def test_connect_takes_an_empty_proxy(shot_server):
    """
    An empty http_proxy is none, as native.
    """
    assert SGExtended(shot_server.url, "robot", KEY, http_proxy="").find("Shot", []) == [SHOT]


# --- current


def test_current_is_one_for_each_thread_and_class(environment):
    """
    A thread gets the same wrapper each time, another thread and another class another one.
    """
    found = {}

    def work(name):
        found[name] = (Studio.current(), Studio.current(), SGExtended.current(), sgextended.current())

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)

    for first, second, other, function in found.values():
        assert first is second
        assert type(first) is Studio
        assert type(other) is SGExtended
        assert function is other
    assert found["a"][0] is not found["b"][0]


def test_current_failure_is_not_kept(environment, monkeypatch):
    """
    Where the environment was incomplete the next call looks again.
    """
    outcomes = []

    def work():
        with monkeypatch.context() as patch:
            patch.delenv("SHOTGUN_URL")
            try:
                Studio.current()
            except ConfigurationError as error:
                outcomes.append(error)
        outcomes.append(Studio.current())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(GUARD)

    assert isinstance(outcomes[0], ConfigurationError)
    assert isinstance(outcomes[1], Studio)
