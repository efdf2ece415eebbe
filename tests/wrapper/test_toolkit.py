"""
Toolkit: its connection is a subclass that renews its session, of another copy of ``shotgun_api3``.

tk-core is not on the package registry. Its part is played by a second copy of ``shotgun_api3`` under another name, and
by a subclass that renews its session inside ``_call_rpc``, as tk-core's ``ShotgunWrapper`` does.
"""

import importlib.util
import pickle
import sys
import threading
from types import SimpleNamespace

import pytest
import shotgun_api3

from sgextended import BatchesFailed, ConfigurationError, SGExtended, Site
from sgextended.localsite import LocalSite

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def vendored():
    """
    A second copy of ``shotgun_api3``, whose classes are others.
    """
    name = "tank_vendor_shotgun_api3"
    path = shotgun_api3.__path__[0]
    spec = importlib.util.spec_from_file_location(name, f"{path}/__init__.py", submodule_search_locations=[path])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    for each in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[each]


@pytest.fixture(scope="module")
def site():
    with LocalSite(demo=True) as site:
        site.add_user("ada", "pw", role="admin", name="Ada")
        yield site


@pytest.fixture
def connection(vendored, site):
    """
    The connection of a person, which renews its session by itself.
    """

    class ToolkitConnection(vendored.Shotgun):
        def _call_rpc(self, *args, **kwargs):
            try:
                return super()._call_rpc(*args, **kwargs)
            except vendored.AuthenticationFault:
                self.renewed += 1
                self.config.session_token = begin_session(site)
                return super()._call_rpc(*args, **kwargs)

    made = ToolkitConnection(site.url, session_token=begin_session(site))
    made.renewed, made._user = 0, SimpleNamespace(get_login=lambda: "ada")
    made.add_user_agent("tk-maya (v1)")
    return made


def begin_session(site):
    return shotgun_api3.Shotgun(site.url, login="ada", password="pw").get_session_token()


def expire(site):
    with site.store.writing() as tx:
        tx.connection.execute(tx.tables.sessions.update().values(created_at=LONG_AGO))


# --- Another copy of shotgun_api3


def test_faults_of_another_copy_are_caught_as_both(vendored, site):
    """
    A fault of the other copy is a fault of the installed one, too, and keeps its own class.
    """
    sg = SGExtended(vendored.Shotgun(site.url, site.script_name, site.api_key))

    assert vendored.Fault is not shotgun_api3.Fault
    for family in (shotgun_api3.Fault, vendored.Fault):
        with pytest.raises(family, match="nonsense"):
            sg.create("Shot", {"nonsense": 1})


def test_such_a_fault_pickles_as_the_installed_one(vendored, site):
    """
    The error of a worker in another process arrives.
    """
    sg = SGExtended(vendored.Shotgun(site.url, site.script_name, site.api_key))
    with pytest.raises(shotgun_api3.Fault) as caught:
        sg.create("Shot", {"nonsense": 1})

    assert isinstance(pickle.loads(pickle.dumps(caught.value)), shotgun_api3.Fault)


def test_the_report_of_many_writes_is_kept(vendored, site):
    """
    With such a client a batch that is refused is reported, and the others are done.
    """
    sg = SGExtended(vendored.Shotgun(site.url, site.script_name, site.api_key))
    project = {"type": "Project", "id": 1}
    rows = [{"project": project, "code": f"TK_{n:03d}", **({"nonsense": 1} if n == 150 else {})} for n in range(250)]

    report = sg.create_many("Shot", rows, on_error="collect")

    done = sg.count("Shot", [["code", "starts_with", "TK_"]])
    assert 0 < done < 250
    assert str(done) in str(report)
    with pytest.raises(BatchesFailed):
        sg.create_many("Shot", [{"project": project, "nonsense": 1}])


# --- Its connection taken over


@pytest.mark.parametrize("form", ["connection", "user", "engine"])
def test_from_toolkit_takes_over_the_user(connection, form):
    """
    An engine, a user or a connection: the login, the user agents and the session are taken over.
    """
    source = {
        "connection": connection,
        "user": SimpleNamespace(create_sg_connection=lambda: connection, login="ada"),
        "engine": SimpleNamespace(shotgun=connection),
    }[form]
    sg = SGExtended.from_toolkit(source)

    assert sg.me()["login"] == "ada"
    assert "tk-maya (v1)" in sg._user_agents
    assert sg.find_tasks(mine=True) == []


def test_an_expired_session_is_renewed_by_toolkit_once(connection, site):
    """
    Eight threads whose session has expired have Toolkit renew it once, and all get their answer.
    """
    sg = SGExtended.from_toolkit(connection)
    sg.find_one("Project", [])
    expire(site)
    found = []
    threads = [threading.Thread(target=lambda: found.append(sg.find_one("Project", []))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(found) == 8
    assert connection.renewed == 1


def test_from_toolkit_says_what_it_takes():
    """
    Any other object is refused, with the lines to write.
    """
    with pytest.raises(ConfigurationError, match="current_engine"):
        SGExtended.from_toolkit("maya")


# --- Sessions


def test_a_session_says_whose_it_is(site):
    """
    ``Site(session_token=, login=)``: what needs the current user works, and copies keep it.
    """
    sg = SGExtended(site=Site(url=site.url, session_token=begin_session(site), login="ada"))

    assert sg.me()["login"] == sg.clone().me()["login"] == "ada"
    assert sg.site.login == "ada"


def test_a_session_token_is_begun_once(site):
    """
    Ten calls of ``get_session_token`` begin one session.
    """
    sg = SGExtended(site.url, site.script_name, site.api_key)
    before = site.ledger.count("get_session_token")
    tokens = {sg.get_session_token() for _ in range(10)}

    assert len(tokens) == 1
    assert site.ledger.count("get_session_token") - before <= 1


def test_from_shotgun_takes_a_renewal(connection, site):
    """
    ``from_shotgun(sg, renew_session=...)`` is asked when the session has expired.
    """
    sg = SGExtended.from_shotgun(connection, login="ada", renew_session=lambda _site: begin_session(site))
    expire(site)

    assert sg.find_one("Project", [])["type"] == "Project"
    assert connection.renewed == 0
