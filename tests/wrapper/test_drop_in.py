"""
What is written for ``shotgun_api3.Shotgun`` takes an `SGExtended`.
"""

import copy
import inspect
import pickle
from unittest import mock

import pytest
import shotgun_api3

from sgextended import ConfigurationError, SGExtended, Site, Unreachable
from sgextended.localsite import LocalSite

PUBLIC = sorted(
    name
    for name in dir(shotgun_api3.Shotgun)
    if not name.startswith("_") and callable(getattr(shotgun_api3.Shotgun, name))
)
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def site():
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture
def arguments(site):
    return site.url, site.script_name, site.api_key


# --- The constructor


def test_it_takes_what_shotgun_takes(arguments):
    """
    Address, script name and key by position, by keyword, and mixed.
    """
    url, name, key = arguments
    made = [
        SGExtended(url, name, key),
        SGExtended(base_url=url, script_name=name, api_key=key),
        SGExtended(url, script_name=name, api_key=key),
    ]

    assert [sg.find_one("Project", [])["type"] for sg in made] == ["Project"] * 3


def test_its_parameters_are_those_of_the_installed_client():
    """
    Every parameter of ``Shotgun.__init__`` is there, in the same order.
    """
    native = list(inspect.signature(shotgun_api3.Shotgun.__init__).parameters)
    ours = list(inspect.signature(SGExtended.__init__).parameters)

    assert ours == [*native, "sg", "site", "validate", "read_only"]


@pytest.mark.parametrize("keyword", [False, True])
def test_it_takes_a_client(arguments, keyword):
    """
    A client as the first argument, or as ``sg=``.
    """
    client = shotgun_api3.Shotgun(*arguments)
    sg = SGExtended(sg=client) if keyword else SGExtended(client)

    assert sg.find_one("Project", []) == client.find_one("Project", [])


@pytest.mark.parametrize("given", [{}, {"sg": None}])
def test_without_arguments_the_environment_is_read(arguments, monkeypatch, given):
    """
    ``SGExtended()`` and ``SGExtended(sg=None)`` use SHOTGUN_URL and its kin.
    """
    for name, value in zip(("URL", "SCRIPT_NAME", "API_KEY"), arguments):
        monkeypatch.setenv(f"SHOTGUN_{name}", value)

    assert SGExtended(**given).site.url == arguments[0]


def test_it_connects_as_shotgun_does():
    """
    An address without a server fails at once, and with ``connect=False`` at the first call.
    """
    with pytest.raises(Unreachable):
        SGExtended(NOBODY, "robot", "key")

    sg = SGExtended(NOBODY, "robot", "key", connect=False)
    with pytest.raises(Unreachable):
        sg.find_one("Project", [])


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((NOBODY,), {}, "No credentials"),
        ((NOBODY, "robot"), {}, "api_key"),
        ((NOBODY, "robot", "key"), {"login": "ada", "password": "pw"}, "keep one|only one|more than one"),
        ((NOBODY, "robot", "key"), {"site": Site(url=NOBODY, script_name="a", api_key="b")}, "alone"),
        ((b"http://x", "robot", "key"), {}, "address"),
        ((Site(url=NOBODY, script_name="a", api_key="b"),), {}, "SGExtended\\(site="),
        ((shotgun_api3.Shotgun,), {}, "SGExtended\\(url, script_name, api_key\\)"),
        ((object(),), {}, "SGExtended\\(url, script_name, api_key\\)"),
    ],
)
def test_arguments_that_cannot_work_are_refused(args, kwargs, words):
    """
    The error is a ValueError, as that of ``Shotgun``, and says what to write.
    """
    with pytest.raises(ConfigurationError, match=words) as caught:
        SGExtended(*args, **kwargs)

    assert isinstance(caught.value, ValueError)


def test_an_unknown_argument_is_a_type_error():
    """
    A misspelt parameter is an error of the call, as with ``Shotgun``.
    """
    with pytest.raises(TypeError, match="scriptname"):
        SGExtended(NOBODY, scriptname="robot")


class Native(SGExtended):
    """
    A studio's class that was written for ``Shotgun``.
    """

    def __init__(self, base_url, script_name=None, api_key=None, **kwargs):
        super().__init__(base_url, script_name, api_key, **kwargs)
        self.studio = "mine"


def count_shots(sg, project):
    return type(sg).__name__, sg.studio, len(sg.find("Shot", [["project", "is", project]]))


def test_a_subclass_with_the_constructor_of_shotgun_works_everywhere(arguments):
    """
    Clones, copies and the workers of map are of that class, with its attributes.
    """
    sg = Native(*arguments)
    project = {"type": "Project", "id": 1}
    ours = [sg, sg.clone(), copy.copy(sg), Native.from_shotgun(sg), sg.validated()]
    ours[3].studio = "mine"

    assert {count_shots(each, project) for each in ours} == {
        ("Native", "mine", len(sg.find("Shot", [["project", "is", project]])))
    }
    assert list(sg.map(count_shots, [project] * 3)) == [count_shots(sg, project)] * 3


def test_such_a_subclass_pickles(arguments, monkeypatch):
    """
    A wrapper whose site comes from the environment goes to other processes.
    """
    for name, value in zip(("URL", "SCRIPT_NAME", "API_KEY"), arguments):
        monkeypatch.setenv(f"SHOTGUN_{name}", value)
    sg = SGExtended()

    assert pickle.loads(pickle.dumps(sg)).find_one("Project", []) == sg.find_one("Project", [])


# --- isinstance, and the names on the class


def test_it_is_a_shotgun(arguments):
    """
    ``isinstance`` and ``issubclass`` say so.
    """
    assert isinstance(SGExtended(*arguments), shotgun_api3.Shotgun)
    assert issubclass(Native, shotgun_api3.Shotgun)


@pytest.fixture(scope="module")
def autospec():
    return mock.create_autospec(SGExtended)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_method_stands_on_the_class(arguments, autospec, name):
    """
    So ``super()``, mocks with a spec, ``patch.object`` and ``help()`` find it, with the native parameters first.
    """
    sg = SGExtended(*arguments)
    native = list(inspect.signature(getattr(shotgun_api3.Shotgun, name)).parameters)

    assert callable(getattr(SGExtended, name))
    assert list(inspect.signature(getattr(SGExtended, name)).parameters)[: len(native)] == native
    assert getattr(sg, name).__self__ is sg
    assert hasattr(mock.Mock(spec=SGExtended), name)
    assert callable(getattr(autospec, name))


@pytest.mark.parametrize("name", ["connect", "text_search"])
def test_a_method_called_on_the_class_says_what_to_write(arguments, name):
    """
    A native method that is called on the class, without an instance, is answered with the line to write.
    """
    with pytest.raises(TypeError, match=rf"sg = SGExtended\(url, name, key\), then sg\.{name}"):
        getattr(SGExtended, name)(*arguments)


def test_a_misspelt_name_speaks_of_the_wrapper(arguments):
    """
    The error names the class that the user wrote, and what may have been meant.
    """
    with pytest.raises(
        AttributeError, match=r"'Native' object has no attribute 'find_shot'\. Did you mean: 'find_shots'\?"
    ):
        Native(*arguments).find_shot  # noqa: B018


# --- Overrides and patches


def test_find_one_asks_an_overridden_find(arguments):
    """
    A studio's ``find`` that adds a filter holds for ``find_one``, as it does on the official class.
    """

    class Studio(SGExtended):
        def find(self, entity_type, filters, *args, **kwargs):
            return super().find(entity_type, [*filters, ["code", "is", "nothing"]], *args, **kwargs)

    assert Studio(*arguments).find_one("Shot", []) is None
    assert SGExtended(*arguments).find_one("Shot", []) is not None


@pytest.mark.parametrize("patched", ["class", "instance"])
def test_a_patched_find_counts(arguments, patched):
    """
    What a test patches on the class or the instance is called by the native methods.
    """
    sg = SGExtended(*arguments)
    with mock.patch.object(SGExtended if patched == "class" else sg, "find", return_value=[{"id": 7}]):
        assert sg.find_one("Shot", []) == {"id": 7}

    assert sg.find_one("Shot", [])["id"] == 1


def test_a_logger_of_calls_sees_each_page(arguments):
    """
    ``sg._call_rpc = logged`` is called for every request, and the values stay the same.
    """
    sg, seen = SGExtended(*arguments), []
    expected = sg.find("Shot", [], ["code"])
    native = sg._call_rpc

    def logged(method, *args, **kwargs):
        seen.append(method)
        return native(method, *args, **kwargs)

    sg._call_rpc = logged

    assert sg.find("Shot", [], ["code"]) == expected
    assert sg.find_one("Shot", []) is not None
    assert sg.summarize("Shot", [], [{"field": "id", "type": "count"}])
    assert set(seen) == {"read", "summarize"}


def test_writes_of_overrides_belong_to_the_outer_write(arguments, tmp_path):
    """
    A hook sees one write for ``share_thumbnail``, although the client uploads by way of the studio's override.
    """
    pytest.importorskip("PIL.Image").new("RGB", (64, 48), "red").save(tmp_path / "a.png")
    seen = []

    class Studio(SGExtended):
        def before_write(self, write):
            seen.append(write.method)
            return write

        def upload(self, *args, **kwargs):
            seen.append("override")
            return super().upload(*args, **kwargs)

    Studio(*arguments).upload_thumbnail("Shot", 1, str(tmp_path / "a.png"))

    assert seen == ["upload_thumbnail", "override"]


def test_a_wrong_password_is_refused_through_overrides(site, arguments):
    """
    ``authenticate_human_user`` checks the person's password, also where ``find_one`` is overridden.
    """
    site.add_user("zoe", "p4ssword!", name="Zoe")
    called = []

    class Studio(SGExtended):
        def find_one(self, *args, **kwargs):
            called.append(1)
            return super().find_one(*args, **kwargs)

    sg = Studio(*arguments)

    with pytest.raises(shotgun_api3.AuthenticationFault):
        sg.authenticate_human_user("zoe", "wrong")
    assert sg.authenticate_human_user("zoe", "p4ssword!")["login"] == "zoe"
    assert sg.config.user_login is None
    assert called


def test_a_configuration_that_is_set_holds(site, arguments):
    """
    ``sg.config = copy`` changes the calls after it, as on the official class.
    """
    site.add_user("yan", "p4ssword!", name="Yan", role="admin")
    sg = SGExtended(*arguments)
    new = copy.copy(sg.config)
    new.sudo_as_login = "yan"
    sg.config = new

    assert sg.create("Project", {"name": "config"}, ["created_by"])["created_by"]["name"] == "Yan"


def test_user_agents_can_be_read_and_set(arguments):
    """
    Toolkit reads and sets ``sg._user_agents``.
    """
    sg = SGExtended(*arguments)
    sg._user_agents = [*sg._user_agents, "tk-maya (v1)"]

    assert "tk-maya (v1)" in sg.clone()._user_agents


# --- A foreign client


@pytest.mark.parametrize("base", [shotgun_api3.Shotgun, SGExtended])
def test_a_download_asks_the_same_overrides(arguments, tmp_path, base):
    """
    A download of the site calls the methods that the official client calls, each once, and sends their cookies.
    """
    seen = []

    class Studio(base):
        def get_attachment_download_url(self, *args, **kwargs):
            seen.append("url")
            return super().get_attachment_download_url(*args, **kwargs)

        def get_auth_cookie_handler(self):
            seen.append("cookies")
            return super().get_auth_cookie_handler()

        def get_session_token(self):
            seen.append("token")
            return super().get_session_token()

    sg = Studio(*arguments)  # it uploads nothing: the official client leaves the file open
    (tmp_path / "a.txt").write_text("final")
    number = SGExtended(*arguments).upload("Shot", 1, str(tmp_path / "a.txt"))

    assert sg.download_attachment(number) == b"final"
    assert seen == ["url", "cookies", "token"]


def test_overrides_reach_through_a_foreign_client(arguments):
    """
    A wrapped Shotgun's own ``find_one`` asks the studio's ``find``, too.
    """

    class Studio(SGExtended):
        def find(self, *args, **kwargs):
            return [{"type": "Shot", "id": 9}]

    assert Studio(shotgun_api3.Shotgun(*arguments)).find_one("Shot", []) == {"type": "Shot", "id": 9}
