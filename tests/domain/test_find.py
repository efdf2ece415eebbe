"""
The find functions of the domain, on a site that breaks naive searches.
"""

import pytest

from sgextended import InvalidArgumentError
from sgextended.domain.tasks import TASK_FIELDS


def codes(rows, field="code"):
    """
    Return the names of rows, in order.
    """
    return [row[field] for row in rows]


class Refusing:
    """
    A client that raises on any request.
    """

    def find(self, *args, **kwargs):
        pytest.fail(f"asked for {args}")


def test_find_projects_leaves_archived_ones_out(sg, show):
    """
    Archived projects are left out unless archived= says otherwise. The order is by name.
    """
    wanted = ["Bird", "Tree", "Old Film"]

    assert codes(sg.find_projects(wanted), "name") == ["Bird", "Tree"]
    assert codes(sg.find_projects(wanted, archived=True), "name") == ["Old Film"]
    assert codes(sg.find_projects(wanted, archived=None), "name") == ["Bird", "Old Film", "Tree"]


def test_find_projects_by_status(sg, show):
    """
    One status or a collection of statuses restricts the result.
    """
    assert codes(sg.find_projects(["Bird", "Tree"], status="Active"), "name") == ["Bird"]
    assert codes(sg.find_projects(["Bird", "Tree"], status=["Active", "Bidding"]), "name") == ["Bird", "Tree"]


def test_find_shots_of_one_project_only(sg, show):
    """
    Of two shots with the same name, the project decides. Retired shots are left out.
    """
    found = sg.find_shots(show["bird"])

    assert sorted(codes(found)) == ["SH020", "sh010", "sh030_größe"]
    assert [row["id"] for row in sg.find_shots(name="sh010", project=show["tree"])] == [show["same"]["id"]]
    assert len(sg.find_shots([show["bird"], show["tree"]], name="sh010")) == 2


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("sh010", {"sh010"}),
        ("sh0?0", {"sh010", "SH020"}),
        ("SH0*", {"sh010", "SH020", "sh030_größe"}),
        ("*größe", {"sh030_größe"}),
        ("*03*", {"sh030_größe"}),
        ("sh*0_*e", {"sh030_größe"}),
        ("sh0[12]0", {"sh010", "SH020"}),
        ("sh0[!1]0*", {"SH020", "sh030_größe"}),
        ("*", {"sh010", "SH020", "sh030_größe"}),
        ("sh01", set()),
        (["*10", "SH02*"], {"sh010", "SH020"}),
        (["sh010", "sh030_größe"], {"sh010", "sh030_größe"}),
    ],
)
def test_find_shots_by_glob(sg, show, glob, expected):
    """
    A glob has the same meaning as in a shell, and case is ignored.
    """
    assert set(codes(sg.find_shots(show["bird"], name=glob))) == expected


def test_find_assets_with_a_bracket_in_the_name(sg, show):
    """
    A quoted bracket in a glob matches a bracket in a name.
    """
    assert codes(sg.find_assets(show["bird"], name="veh_cart[[]1]")) == ["veh_cart[1]"]


def test_find_shots_by_sequence_and_episode(sg, show):
    """
    Shots are found by their sequence, and by the episode of their sequence.
    """
    expected = ["sh010", "sh030_größe"]

    assert codes(sg.find_shots(sequence=show["sequence"])) == expected
    assert codes(sg.find_shots(episode=show["episode"])) == expected
    assert codes(sg.find_shots(episode=show["episode"], status="wtg")) == []


def test_find_sequences_by_episode_and_name(sg, show):
    """
    Sequences are found by episode, and by name without regard to case.
    """
    assert codes(sg.find_sequences(episode=show["episode"])) == ["sq010"]
    assert sorted(codes(sg.find_sequences(show["bird"], name="sq0*"))) == ["SQ020", "sq010"]


def test_find_assets_by_type_and_status(sg, show):
    """
    Type and status must both match.
    """
    assert codes(sg.find_assets(show["bird"], asset_type="Character")) == ["char_hero", "char_villain"]
    assert codes(sg.find_assets(show["bird"], asset_type="Character", status="ip")) == ["char_hero"]


def test_find_tasks_of_an_entity_come_oldest_first(sg, show):
    """
    The tasks of an entity are returned as native dicts with the default fields.
    """
    found = sg.find_tasks(show["sh010"])

    assert codes(found, "content") == ["block", "polish", "key light", "fill light"]
    assert set(found[0]) == {"type", "id", *TASK_FIELDS}
    assert found == sg.find("Task", [["entity", "is", show["sh010"]]], list(TASK_FIELDS))


def test_find_tasks_counts_those_of_a_persons_groups(sg, show):
    """
    A person matches tasks of the person's groups. A group matches only its own tasks.
    """
    assert codes(sg.find_tasks(assignee=show["ana"]), "content") == ["block", "polish"]
    assert codes(sg.find_tasks(assignee=show["crew"]), "content") == ["polish"]
    assert codes(sg.find_tasks(assignee=[show["ana"], show["ben"]]), "content") == ["block", "polish", "key light"]


@pytest.mark.parametrize("step", ["LGT", "Light", "lgt"])
def test_find_tasks_by_step_name(sg, show, step):
    """
    A step is found by its short code or name.
    """
    assert codes(sg.find_tasks(show["sh010"], step=step), "content") == ["key light", "fill light"]


def test_find_tasks_by_step_link_status_and_name(sg, show):
    """
    A step may be a link, and all conditions must match.
    """
    assert codes(sg.find_tasks(step=show["light"], status="ip"), "content") == ["key light"]
    assert codes(sg.find_tasks(step=[show["light"], "LAY"], name="*light"), "content") == ["key light", "fill light"]
    assert codes(sg.find_tasks(project=show["tree"]), "content") == []


def test_find_versions_by_user_task_and_playlist(sg, show):
    """
    Versions are found by artist, task and playlist.
    """
    assert codes(sg.find_versions(show["sh010"])) == ["sh010_v001", "sh010_v002"]
    assert codes(sg.find_versions(user=show["ana"])) == ["sh010_v001"]
    assert codes(sg.find_versions(task=show["t_ben"])) == ["sh010_v002"]
    assert codes(sg.find_versions(playlist=show["dailies"])) == ["sh010_v002"]


def test_find_users_gives_active_people(sg, show):
    """
    People without an active account are left out, unless status says otherwise.
    """
    logins = ["ana", "ben", "gone"]

    assert codes(sg.find_users(login=logins), "login") == ["ana", "ben"]
    assert codes(sg.find_users(login=logins, status=None), "login") == ["ana", "ben", "gone"]
    assert codes(sg.find_users("ana *"), "login") == ["ana"]
    assert codes(sg.find_users(group=show["crew"]), "login") == ["ana"]
    assert codes(sg.find_users(department=show["animation"], login=logins), "login") == ["ana", "ben"]


def test_fields_replace_and_extra_fields_add(sg, show):
    """
    fields= replaces the default fields, extra_fields= adds to them. A field that only a glob needs is not returned.
    """
    only = sg.find_shots(show["bird"], name="sh010*", fields=["sg_status_list"])
    more = sg.find_tasks(show["sh010"], extra_fields=["milestone", "content"])

    assert only == [{"type": "Shot", "id": show["sh010"]["id"], "sg_status_list": "ip"}]
    assert set(more[0]) == {"type", "id", "milestone", *TASK_FIELDS}


def test_filters_are_combined_with_the_others(sg, show):
    """
    Native conditions are combined with the others.
    """
    filters = [["sg_status_list", "is_not", "ip"]]

    assert codes(sg.find_assets(show["bird"], asset_type="Character", filters=filters)) == ["char_villain"]
    assert filters == [["sg_status_list", "is_not", "ip"]]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("find_projects", {"name": []}),
        ("find_assets", {"project": []}),
        ("find_assets", {"status": ()}),
        ("find_shots", {"name": set()}),
        ("find_sequences", {"episode": iter(())}),
        ("find_tasks", {"entity": []}),
        ("find_tasks", {"step": []}),
        ("find_tasks", {"assignee": []}),
        ("find_versions", {"playlist": []}),
        ("find_users", {"login": []}),
    ],
)
def test_an_empty_collection_matches_nothing_without_a_request(method, arguments):
    """
    An empty collection matches nothing and sends no request.
    """
    import sgextended

    function = getattr(sgextended.SGExtended, method)

    assert function(Refusing(), **arguments) == []


@pytest.mark.parametrize("wrong", [12, "Shot", {"type": "Shot"}, [{"id": 3}]])
def test_invalid_link_is_refused(wrong):
    """
    An invalid link raises before a request is sent, and the error shows an example.
    """
    from sgextended.domain.tasks import find_tasks

    with pytest.raises(InvalidArgumentError, match="entity must be a dict with 'type' and 'id'"):
        find_tasks(Refusing(), wrong)
