"""
What each role may write: the refusals, their texts and their order, and that nobody becomes somebody else.
"""

import pytest
import shotgun_api3
from shotgun_api3 import AuthenticationFault, Fault

from sgextended.localsite import LocalSite
from sgextended.localsite.permissions.roles import may_create, may_delete, may_update, role_of_rule_set

# The official client leaves the files that it sends open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module")
def team(make_connection):
    """
    A site with a person of each role, and a client of each.
    """
    with LocalSite() as site:
        made = {"script": make_connection(site)}
        for role in ("admin", "manager", "artist", "read_only"):
            site.add_user(role, "pa55", role=role)
            made[role] = make_connection(site, login=role, password="pa55")
        made["people"] = {
            row["login"]: row["id"] for row in made["script"].find("HumanUser", [], ["login"]) if row["login"]
        }
        made["project"] = made["script"].create("Project", {"name": "team"})
        made["shot"] = made["script"].create("Shot", {"code": "a", "project": made["project"]})
        made["site"] = site
        yield made
        for client in made.values():
            if isinstance(client, shotgun_api3.Shotgun):
                client.close()


def refusal(call, *args):
    """
    Return the text with which a call is refused.
    """
    with pytest.raises(Fault) as caught:
        call(*args)
    return str(caught.value)


def test_nobody_renames_themselves_into_another(team):
    """
    A person cannot take the login of another, nor free it first, nor change who may log in.
    """
    artist, people = team["artist"], team["people"]
    admin, own = people["admin"], people["artist"]
    script = team["script"].find_one("ApiUser", [])["id"]
    tries = [
        (artist.update, "HumanUser", admin, {"login": "x"}),
        (artist.update, "HumanUser", own, {"login": "admin"}),
        (artist.update, "HumanUser", admin, {"password_proxy": "mine"}),
        (artist.update, "HumanUser", admin, {"sg_status_list": "dis"}),
        (artist.update, "ApiUser", script, {"firstname": "gone"}),
        (artist.update, "ApiUser", script, {"generate_event_log_entries": False}),
        (artist.delete, "ApiUser", script),
        (artist.delete, "HumanUser", admin),
        (artist.create, "ApiUser", {"firstname": "backdoor"}),
        (artist.create, "HumanUser", {"login": "second", "name": "Second"}),
        (team["manager"].update, "HumanUser", admin, {"login": "x"}),
        (team["manager"].update, "HumanUser", people["manager"], {"login": "admin"}),
        (team["manager"].update, "HumanUser", admin, {"password_proxy": "mine"}),
        (team["manager"].create, "ApiUser", {"firstname": "backdoor"}),
        (team["manager"].delete, "HumanUser", admin),
    ]
    for call, *args in tries:
        assert "by this user. Role: " in refusal(call, *args), args
    with pytest.raises(AuthenticationFault, match="does not have permission to 'sudo'"):
        shotgun_api3.Shotgun(team["site"].url, login="artist", password="pa55", sudo_as_login="admin").find("Shot", [])
    assert team["script"].find_one("HumanUser", [["login", "is", "admin"]])["id"] == admin


def test_role_may_rename(team):
    """
    An administrator may change logins.
    """
    own = team["people"]["artist"]
    team["admin"].update("HumanUser", own, {"login": "renamed"})

    assert team["admin"].update("HumanUser", own, {"login": "artist"})["login"] == "artist"


def test_read_only_reads(team):
    """
    A reader reads all rows and writes none, in no way.
    """
    reader, shot = team["read_only"], team["shot"]

    assert reader.find_one("Shot", [["id", "is", shot["id"]]], ["code"])["code"] == "a"
    assert "Shot.code is not editable" in refusal(reader.update, "Shot", shot["id"], {"code": "b"})
    assert "Shot cannot be created" in refusal(reader.create, "Shot", {"code": "b", "project": team["project"]})
    assert "cannot be deleted" in refusal(reader.delete, "Shot", shot["id"])
    assert "cannot be revived" in refusal(reader.revive, "Shot", shot["id"])
    assert "Role: Read Only" in refusal(reader.schema_field_create, "Shot", "text", "New")
    assert "Role: Read Only" in refusal(reader.user_subscriptions_create, [{"humanUserId": 1, "subscription": "x"}])
    assert "is not the current user" in refusal(
        reader.update_project_last_accessed, team["project"], {"type": "HumanUser", "id": team["people"]["admin"]}
    )
    assert "Role: Read Only" in refusal(reader.work_schedule_update, "2026-01-05", False)
    batch = [{"request_type": "create", "entity_type": "Note", "data": {"project": team["project"], "subject": "x"}}]
    assert "Note cannot be created" in refusal(reader.batch, batch)
    someone = {"type": "HumanUser", "id": team["people"]["admin"]}
    assert "is not the current user" in refusal(reader.follow, someone, shot)
    assert reader.follow({"type": "HumanUser", "id": team["people"]["read_only"]}, shot)["followed"]


def test_artist_works_on_own_rows_and_assigned_tasks(team):
    """
    Artists create notes and versions, change only their own, and set the status of tasks that they are assigned to.
    """
    artist, project = team["artist"], team["project"]
    version = artist.create("Version", {"code": "v", "project": project, "entity": team["shot"]})
    other = team["script"].create("Version", {"code": "w", "project": project})
    person = {"type": "HumanUser", "id": team["people"]["artist"]}
    mine = team["script"].create("Task", {"content": "m", "project": project, "task_assignees": [person]})
    task = team["script"].create("Task", {"content": "t", "project": project})

    assert artist.update("Version", version["id"], {"description": "new"})["description"] == "new"
    assert artist.update("Task", mine["id"], {"sg_status_list": "ip"})["sg_status_list"] == "ip"
    assert artist.delete("Version", version["id"]) is True
    assert artist.revive("Version", version["id"]) is True
    refused = refusal(artist.update, "Version", other["id"], {"description": "x"})
    assert refused == (
        "API update() Version.description is not editable by this user. Role: Artist. "
        "Rule: created_by is the current user."
    )
    assert "Rule: task_assignees contains" in refusal(artist.update, "Task", task["id"], {"sg_status_list": "ip"})
    assert "Task.content" in refusal(artist.update, "Task", mine["id"], {"content": "x"})
    assert "Version" in refusal(artist.delete, "Version", other["id"])
    assert "LocalStorage" in refusal(artist.create, "LocalStorage", {"code": "s", "linux_path": "/s"})


def test_artists_create_as_nobody_else(team):
    """
    The author of a row or of an entry of the event log is the artist who creates it, also where a caller may name it.
    """
    artist, project = team["artist"], team["project"]
    own, other = ({"type": "HumanUser", "id": team["people"][name]} for name in ("artist", "admin"))

    assert (
        artist.create("Note", {"project": project, "created_by": own}, ["created_by"])["created_by"]["id"] == own["id"]
    )
    assert "Note.created_by" in refusal(artist.create, "Note", {"project": project, "created_by": other})
    entry = {"event_type": "Tool_Done", "user": other}
    assert "EventLogEntry.user" in refusal(artist.create, "EventLogEntry", entry)
    assert team["manager"].create("Note", {"project": project, "created_by": other})


def test_uploads_need_the_same_permission(team, picture):
    """
    Files and thumbnails are attached only to rows that the caller may change.
    """
    artist, project = team["artist"], team["project"]
    artist.BACKOFF = 0
    note = artist.create("Note", {"project": project, "subject": "n"})

    assert artist.upload("Note", note["id"], picture())
    with pytest.raises(shotgun_api3.ShotgunError, match=r"Shot\.image is not editable by this user"):
        artist.upload_thumbnail("Shot", team["shot"]["id"], picture())
    with pytest.raises(shotgun_api3.ShotgunError, match=r"Shot\.attachments is not editable by this user"):
        artist.upload("Shot", team["shot"]["id"], picture())


def test_managers_write_all_but_accounts_and_schema(team):
    """
    A manager creates and changes rows of the production, and no fields.
    """
    manager = team["manager"]

    assert manager.update("Shot", team["shot"]["id"], {"description": "m"})["description"] == "m"
    assert manager.create("Project", {"name": "by a manager"})
    assert "Role: Manager" in refusal(manager.schema_field_create, "Shot", "text", "New")
    assert "LocalStorage" in refusal(manager.create, "LocalStorage", {"code": "s", "linux_path": "/s"})


def test_order_of_faults_is_that_of_live_sites(team):
    """
    Unknown fields and missing rows are reported before permission, permission before values. An empty update passes.
    """
    artist, shot = team["artist"], team["shot"]

    assert "doesn't exist" in refusal(artist.update, "Shot", shot["id"], {"nothing": 1})
    assert "doesn't exist" in refusal(artist.create, "Shot", {"nothing": 1})
    assert "does not exist" in refusal(artist.update, "Shot", 98765, {"code": "x"})
    assert "does not exist" in refusal(artist.delete, "Shot", 98765)
    assert "by this user" in refusal(artist.update, "Shot", shot["id"], {"sg_cut_in": "no number"})
    assert artist.update("Shot", shot["id"], {})["id"] == shot["id"]


def test_refused_batch_writes_nothing(team):
    """
    When one request of a batch is refused, nothing of the batch is written.
    """
    artist, project = team["artist"], team["project"]
    batch = [
        {"request_type": "create", "entity_type": "Note", "data": {"project": project, "subject": "of a batch"}},
        {"request_type": "update", "entity_type": "Shot", "entity_id": team["shot"]["id"], "data": {"code": "x"}},
    ]

    assert "index 1 failed" in refusal(artist.batch, batch)
    assert artist.find("Note", [["subject", "is", "of a batch"]]) == []


def test_schema_is_editable_for_its_reader(team):
    """
    ``editable`` in the schema is false where the caller's role surely refuses a write.
    """

    def editable(role, entity_type, field):
        return team[role].schema_field_read(entity_type, field)[field]["editable"]["value"]

    assert [editable(role, "Shot", "code") for role in ("admin", "manager", "artist", "read_only")] == [
        *(True, True),
        *(False, False),
    ]
    assert editable("artist", "Version", "code")
    assert team["artist"].schema_read()["Shot"]["code"]["editable"]["value"] is False


def test_scripts_are_administrators_unless_they_have_a_role(make_connection):
    """
    A script with a role is limited by it, and keeps it when it is admitted again. The site's own script is not limited.
    """
    with LocalSite() as site:
        site.admit_script("farm", "k", role="read_only")
        site.admit_script("farm", "k2")
        site.admit_script("tool", "k")
        farm = make_connection(site, script_name="farm", api_key="k2")
        tool = make_connection(site, script_name="tool", api_key="k")

        assert tool.create("Project", {"name": "p"})
        assert "Role: Read Only" in refusal(farm.create, "Project", {"name": "q"})
        site.admit_script("farm", "k2", role="admin")
        assert farm.create("Project", {"name": "q"})
        with pytest.raises(ValueError, match="no permission rule set 'boss'"):
            site.admit_script("farm", "k2", role="boss")
        site.admit_user("zoe", "pw", role="manager")
        site.admit_user("zoe", "pw", role="read_only")
        farm.close()
        tool.close()
        zoe = make_connection(site, login="zoe", password="pw")
        assert "Role: Read Only" in refusal(zoe.create, "Project", {"name": "r"})
        zoe.close()


def test_role_is_that_of_the_person_whom_a_script_acts_as(team, make_connection):
    """
    With sudo, a script may write what the person may.
    """
    sg = make_connection(
        team["site"], script_name=team["site"].script_name, api_key=team["site"].api_key, sudo_as_login="artist"
    )

    assert "Shot.code" in refusal(sg.update, "Shot", team["shot"]["id"], {"code": "x"})
    sg.close()


def test_rule_sets_of_another_site_read():
    """
    People and scripts whose rule set is not one of this site's may only read; those without one are as before roles.
    """
    assert role_of_rule_set("vfx_lead_2", "HumanUser") == "read_only"
    assert role_of_rule_set(None, "HumanUser") == "artist"
    assert role_of_rule_set(None, "ApiUser") == "admin"
    assert role_of_rule_set("vendor", "HumanUser") == "artist"


def test_no_role_may_more_than_a_higher_one():
    """
    What a role may without condition, the next higher role may, too.
    """
    order = ("read_only", "artist", "manager", "admin")
    for low, high in zip(order, order[1:]):
        for entity_type in ("Shot", "Note", "Version", "Task", "HumanUser", "ApiUser", "Project", "LocalStorage"):
            assert may_create(low, entity_type) <= may_create(high, entity_type)
            assert may_delete(low, entity_type).allowed <= may_delete(high, entity_type).allowed
            for field in ("code", "login", "sg_status_list", "image"):
                found = may_update(low, entity_type, field).allowed, may_update(high, entity_type, field).allowed
                assert found[0] <= found[1], (low, entity_type, field)


def test_lists_of_links_change_no_rows_of_others(team, make_connection):
    """
    A list of links whose far rows hold the links is a way to write these rows, which an artist may have no right to do.
    """
    artist, script, project = team["artist"], team["script"], team["project"]
    team["site"].add_user("other", "pa55", role="artist")
    other = make_connection(team["site"], login="other", password="pa55")
    task = script.create("Task", {"content": "t", "project": project, "entity": team["shot"]})
    file = script.create("PublishedFile", {"code": "f", "project": project})
    version = artist.create("Version", {"code": "v", "project": project})
    note = artist.create("Note", {"content": "n", "project": project})
    reply = other.create("Reply", {"content": "r", "entity": note})
    mine = artist.create("PublishedFile", {"code": "mine", "project": project})
    taking = {"code": "w", "project": project, "tasks": [task]}
    tries = [
        (artist.create, "Version", taking),
        (artist.update, "Version", version["id"], {"tasks": [task]}),
        (artist.update, "Version", version["id"], {"tasks": [task]}, {"tasks": "add"}),
        (artist.batch, [{"request_type": "create", "entity_type": "Version", "data": taking}]),
        (artist.update, "Version", version["id"], {"published_files": [file]}),
        (artist.update, "Note", note["id"], {"replies": []}),
        (artist.update, "Note", note["id"], {"replies": [reply]}, {"replies": "remove"}),
        (artist.create, "Note", {"content": "m", "project": project, "replies": [reply]}),
    ]

    assert [text for text in (refusal(*each) for each in tries) if "not editable by this user" not in text] == []
    assert script.find_one("Task", [["id", "is", task["id"]]], ["entity"])["entity"]["id"] == team["shot"]["id"]
    assert script.find_one("Reply", [["id", "is", reply["id"]]], ["entity"])["entity"]["id"] == note["id"]
    assert artist.update("Version", version["id"], {"published_files": [mine]})["published_files"]
    assert script.update("Version", version["id"], {"tasks": [task]})["tasks"]
    other.close()


def test_replies_belong_to_their_author(team):
    """
    An artist writes no reply in the name of somebody else, and changes and deletes only their own.
    """
    artist, people = team["artist"], team["people"]
    admin, own = ({"type": "HumanUser", "id": people[login]} for login in ("admin", "artist"))
    note = artist.create("Note", {"content": "n", "project": team["project"]})
    mine = artist.create("Reply", {"content": "mine", "entity": note, "user": own})
    theirs = team["manager"].create("Reply", {"content": "theirs", "entity": note})

    assert "it is the current user" in refusal(artist.create, "Reply", {"content": "x", "entity": note, "user": admin})
    assert "not editable" in refusal(artist.update, "Reply", mine["id"], {"user": admin})
    assert "not editable" in refusal(artist.update, "Reply", theirs["id"], {"content": "x"})
    assert "cannot be deleted" in refusal(artist.delete, "Reply", theirs["id"])
    assert artist.update("Reply", mine["id"], {"content": "better"})["content"] == "better"
    assert artist.delete("Reply", mine["id"])
