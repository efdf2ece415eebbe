"""
Statuses, list values, steps, departments and file types that do not exist are found out; labels are taken for codes.
"""

import pytest
import shotgun_api3
from shotgun_api3.lib.mockgun import Shotgun as Mockgun
from shotgun_api3.lib.mockgun import generate_schema

from sgextended import InvalidArgumentError, SGExtended
from sgextended.domain import tasks
from sgextended.localsite import LocalSite


@pytest.fixture(scope="module")
def site():
    """
    A demo production.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client of that site.
    """
    return make_sg(site)


@pytest.mark.parametrize(
    ("name", "arguments", "hint"),
    [
        ("find_tasks", {"step": "Animatiom"}, "'Animation'"),
        ("find_tasks", {"step": "AMN"}, "'ANM'"),
        ("find_versions", {"step": ["Animatiom"]}, "'Animation'"),
        ("latest_versions", {"step": "Animatiom"}, "'Animation'"),
        ("find_time_logs", {"step": "Animatiom"}, "'Animation'"),
        ("find_published_files", {"step": "Animatiom"}, "'Animation'"),
        ("find_tasks", {"status": "In Progrezz"}, "'In Progress'"),
        ("find_tasks", {"status": "ipp"}, "'ip'"),
        ("find_shots", {"status": ["Finnall"]}, "'Final'"),
        ("find_assets", {"status": "fni"}, "'fin'"),
        ("find_episodes", {"status": "fni"}, "'fin'"),
        ("find_sequences", {"status": "fni"}, "'fin'"),
        ("find_versions", {"status": "Viewd"}, "'Viewed'"),
        ("latest_versions", {"status": "vwdd"}, "'vwd'"),
        ("find_notes", {"status": "Closd"}, "'Closed'"),
        ("find_bookings", {"status": "Confirmett"}, "'Confirmed'"),
        ("find_playlists", {"status": "Closd"}, "'Closed'"),
        ("find_published_files", {"status": "Completex"}, "'Complete'"),
        ("find_users", {"status": "Disabledd"}, "'Disabled'"),
        ("find_projects", {"status": "Actiffe"}, "'Active'"),
        ("find_assets", {"asset_type": "Karacter"}, "'Character'"),
        ("find_notes", {"note_type": "Cliient"}, "'Client'"),
        ("find_published_files", {"file_type": "Maya Scen"}, "'Maya Scene'"),
        ("find_users", {"department": "Animatiom"}, "'Animation'"),
        ("find_steps", {"department": "Animatiom"}, "'Animation'"),
        ("find_steps", {"entity_type": "Shto"}, "'Shot'"),
    ],
)
def test_a_name_that_does_not_exist(sg, name, arguments, hint):
    """
    The error names the value, the one that is meant and those that exist.
    """
    ((value,),) = [[each] if isinstance(each, str) else each for each in arguments.values()]

    with pytest.raises(InvalidArgumentError, match=f"'{value}' is not .*Did you mean {hint}.*Known names: ") as raised:
        getattr(sg, name)(**arguments)
    assert hint.strip("'") in str(raised.value).partition("Known names: ")[2]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("find_tasks", {"step": "anm", "name": "no such task"}),
        ("find_tasks", {"step": "MDL", "filters": [["entity", "type_is", "Shot"]]}),
        ("find_tasks", {"status": "ip", "name": "no such task"}),
        ("find_assets", {"asset_type": "character", "name": "no such asset"}),
        ("find_users", {"name": "nobody"}),
        ("find_steps", {"entity_type": "Version"}),
        ("find_shots", {"shot_type": "a list without any values"}),
    ],
)
def test_names_that_exist_may_find_nothing(sg, name, arguments):
    """
    An empty result is no error if the names exist. Letter case does not matter.
    """
    assert getattr(sg, name)(**arguments) == []


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("In Progress", "ip"),
        ("in progress", "ip"),
        ("Final", "fin"),
        ("final", "fin"),
        (["Final", "ip"], ["fin", "ip"]),
    ],
)
def test_labels_are_taken_for_codes(sg, label, code):
    """
    The name of a status finds what its code finds.
    """
    found = sg.find_tasks(status=label)

    assert found
    assert found == sg.find_tasks(status=code)


def test_one_of_several_labels_does_not_exist(sg):
    """
    A label that does not exist is found out also if another value finds something.
    """
    with pytest.raises(InvalidArgumentError, match="'Finished' is not a valid value of Task"):
        sg.find_tasks(status=["ip", "Finished"])


def test_a_label_of_two_statuses(make_sg):
    """
    A label that two statuses of the field have is refused, and the error names the codes.
    """
    with LocalSite() as site:
        sg = make_sg(site)
        sg.create("Status", {"code": "ipx", "name": "In Progress"})
        codes = sg.schema_field_read("Task", "sg_status_list")["sg_status_list"]["properties"]["valid_values"]["value"]
        sg.schema_field_update("Task", "sg_status_list", {"valid_values": [*codes, "ipx"]})

        with pytest.raises(InvalidArgumentError, match=r"name of several statuses of Task\. Pass a code: ip, ipx"):
            sg.find_tasks(status="In Progress")
        assert sg.find_tasks(status="ipx") == []


def test_requests(site):
    """
    A search that finds something costs one request. The names are looked up once, for a label or an empty result.
    """
    sg = SGExtended(site.url, site.script_name, site.api_key)
    sg.site_schema().refresh()

    def cost(**arguments):
        before = sg.requests_sent
        sg.find_tasks(**arguments, limit=5)
        return sg.requests_sent - before

    assert cost(step="ANM", status=["ip", "wtg"]) == 1
    assert cost(status="In Progress") == 2  # the schema of Task
    assert cost(status="In Progress") == 1
    assert cost(step="ANM", name="no such task") == 2  # the steps
    assert cost(step="ANM", status="ip", name="no such task") == 1


def test_a_new_name_is_known_at_once(sg):
    """
    A step that was created after the steps were looked up is not taken for one that does not exist.
    """
    assert sg.find_tasks(step="ANM", name="no such task") == []
    sg.create("Step", {"code": "Crowd", "short_name": "CRD", "entity_type": "Shot"})

    assert sg.find_tasks(step="Crowd") == []


def test_a_plain_client(site):
    """
    A plain client finds out names and takes labels too.
    """
    official = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)

    assert len(tasks.find_tasks(official, status="In Progress", limit=5)) == 5
    with pytest.raises(InvalidArgumentError, match="Did you mean 'Animation'"):
        tasks.find_tasks(official, step="Animatiom")
    official.close()


def test_a_mockgun_has_no_names_to_look_up(site, make_sg, tmp_path):
    """
    With a Mockgun, whose rows are only those of a test, a name that does not exist finds nothing.
    """
    paths = [str(tmp_path / "schema"), str(tmp_path / "entities")]
    generate_schema(make_sg(site), *paths)
    Mockgun.set_schema_paths(*paths)
    mockgun = Mockgun("https://studio.example", script_name="mock", api_key="key")
    mockgun.create("Task", {"content": "anim", "sg_status_list": "ip"})

    for client in (mockgun, SGExtended(mockgun)):
        assert len(tasks.find_tasks(client, status="ip")) == 1
        assert tasks.find_tasks(client, status="In Progrezz", step="Animatiom") == []
