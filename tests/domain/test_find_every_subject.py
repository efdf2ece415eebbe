"""
The find functions of notes, playlists, people and others, on data that breaks naive searches.
"""

import datetime as dt

import pytest

from sgextended import ConfigurationError, InvalidArgumentError, NotFoundError, SGExtended, Site
from sgextended.localsite import LocalSite

MARCH = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)


def names(rows, field="code"):
    """
    Return the names of rows, in order.
    """
    return [row[field] for row in rows]


@pytest.fixture(scope="module")
def site():
    """
    A site for these tests, because they count people and steps.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client on that site, as a script.
    """
    return make_sg(site)


def make_people(sg, made, make):
    """
    Add people in several groups, and projects.
    """
    for key, people in (("lighters", ["ana"]), ("leads", ["ana", "ben"]), ("nobody", [])):
        make(key, "Group", code=key, users=[made[name] for name in people])
    anim = make("anim", "Department", name="Animation", code="ANIM", users=[made["ben"]])
    sg.update("Step", sg.find_one("Step", [["short_name", "is", "ANM"]])["id"], {"department": anim})
    make("film", "Project", name="Größe ☃", tank_name="groesse", sg_status="Active", users=[made["ana"]])
    make("other", "Project", name="Other", tank_name="other", sg_status="Active")
    make("archived", "Project", name="Größe", sg_status="Active", archived=True)


def make_structure(made, make):
    """
    Add assets that are linked to sequences in every way.
    """
    film, other = made["film"], made["other"]
    for project, key in ((film, "ep1"), (film, "ep2"), (other, "ep1 other")):
        make(key, "Episode", code=key[:3], project=project)
    for key, episode in (("sq1", "ep1"), ("sq2", "ep2"), ("sq3", None)):
        make(key, "Sequence", code=key, project=film, episode=made.get(episode))
    make("sh1", "Shot", code="sh1", project=film, sg_sequence=made["sq1"])
    make("sh2", "Shot", code="sh2", project=film, sg_sequence=made["sq2"])
    make("by_shot", "Asset", code="by_shot", project=film, shots=[made["sh1"]])
    make("by_sequence", "Asset", code="by_sequence", project=film, sequences=[made["sq1"]])
    make("by_episode", "Asset", code="by_episode", project=film, episodes=[made["ep1"]])
    make("by_all", "Asset", code="by_all", project=film, shots=[made["sh1"], made["sh2"]], sequences=[made["sq1"]])
    make("unused", "Asset", code="unused", project=film)


def make_tasks(made, make):
    """
    Add tasks of people, of groups and without assignees.
    """
    film = made["film"]
    for key, entity, people, due in (
        ("t_ana", "sh1", ["ana"], "2026-03-02"),
        ("t_group", "sh1", ["lighters", "leads"], "2026-03-03"),
        ("t_leads", "sh2", ["leads"], "2026-03-04"),
        ("t_ben", "sh2", ["ben"], None),
        ("t_none", "sh2", [], "2026-03-04"),
    ):
        assignees = [made[name] for name in people]
        make(key, "Task", content=key, project=film, entity=made[entity], due_date=due, task_assignees=assignees)


def make_playlists(sg, made, make):
    """
    Add a playlist whose order differs from that of its versions.
    """
    film, other = made["film"], made["other"]
    for number in range(1, 6):
        make(f"v{number}", "Version", code=f"v{number}", project=film, entity=made["sh1"])
    make("dailies", "Playlist", code="Dailies", project=film, created_at=MARCH, versions=[made["v5"]])
    make("later", "Playlist", code="Später", project=film, created_at=MARCH + dt.timedelta(days=1), sg_status="clsd")
    make("empty", "Playlist", code="empty", project=other, created_at=MARCH - dt.timedelta(days=1))
    for version, order in (("v4", 1), ("v1", 3), ("v3", 2), ("v2", None)):
        sg.create(
            "PlaylistVersionConnection",
            {"playlist": made["dailies"], "version": made[version], "sg_sort_order": order},
        )
    sg.delete("Version", made["v3"]["id"])


def make_notes(sg, made, make):
    """
    Add notes with replies.
    """
    film = made["film"]
    for key, to, cc in (("n_ana", ["ana"], []), ("n_group", ["lighters"], []), ("n_cc", ["ben"], ["leads"])):
        make(
            key,
            "Note",
            project=film,
            subject=key,
            content="größer ☃",
            note_links=[made["v1"]],
            tasks=[made["t_ana"]],
            addressings_to=[made[name] for name in to],
            addressings_cc=[made[name] for name in cc],
            user=made["ben"],
        )
    for number, (note, content) in enumerate((("n_ana", "first"), ("n_cc", "other"), ("n_ana", "second"))):
        moment = MARCH + dt.timedelta(days=number)
        sg.create("Reply", {"entity": made[note], "content": content, "created_at": moment})
    gone = sg.create("Reply", {"entity": made["n_ana"], "content": "taken back"})
    sg.delete("Reply", gone["id"])


def make_times(made, make):
    """
    Add time logs and bookings.
    """
    film = made["film"]
    for key, entity, user, day in (
        ("l1", "t_ana", "ana", "2026-03-02"),
        ("l2", "t_ana", "ben", "2026-03-01"),
        ("l3", "t_leads", "ana", "2026-03-05"),
    ):
        make(
            key,
            "TimeLog",
            project=film,
            entity=made[entity],
            user=made[user],
            date=day,
            duration=60,
            description=key,
        )
    for key, user, first, last, vacation in (
        ("march", "ana", "2026-03-01", "2026-03-31", False),
        ("a week", "ana", "2026-03-09", "2026-03-15", True),
        ("april", "ben", "2026-04-01", "2026-04-02", False),
    ):
        make(
            key,
            "Booking",
            user=made[user],
            project=None if vacation else film,
            start_date=first,
            end_date=last,
            vacation=vacation,
            note=key,
        )


@pytest.fixture(scope="module")
def film(site, sg):
    """
    Two projects with sequences, people in several groups, notes with threads, playlists and time logs.
    """
    made = {name: site.add_user(name, "a password") for name in ("ana", "ben")}

    def make(key, kind, **data):
        made[key] = sg.create(kind, data)
        return made[key]

    make_people(sg, made, make)
    make_structure(made, make)
    make_tasks(made, make)
    make_playlists(sg, made, make)
    make_notes(sg, made, make)
    make_times(made, make)
    return made


def test_find_projects_by_tank_name_id_and_person(sg, film):
    """
    Projects are found by tank name, ids, people and the template flag.
    """
    assert names(sg.find_projects(tank_name="groesse"), "name") == ["Größe ☃"]
    assert names(sg.find_projects(ids=[film["film"]["id"], film["archived"]["id"]]), "name") == ["Größe ☃"]
    assert names(sg.find_projects(user=film["ana"]), "name") == ["Größe ☃"]
    assert names(sg.find_projects(status="Active"), "name") == ["Größe ☃", "Other"]
    assert names(sg.find_projects("größe*", is_template=False), "name") == ["Größe ☃"]
    assert names(sg.find_projects("größe*", is_template=True), "name") == []
    assert names(sg.find_projects("größe*", archived=None), "name") == ["Größe", "Größe ☃"]


def test_find_episodes_of_one_project(sg, film):
    """
    Of two episodes with the same name, the project decides.
    """
    assert names(sg.find_episodes(film["film"])) == ["ep1", "ep2"]
    assert len(sg.find_episodes(name="EP1")) == 2
    assert names(sg.find_episodes(film["film"], name="*2", status=None)) == ["ep2"]


def test_find_assets_in_a_sequence_however_they_are_linked(sg, film):
    """
    An asset belongs to a sequence or episode directly or through a shot or sequence. It is returned once.
    """
    assert names(sg.find_assets(sequence=film["sq1"])) == ["by_all", "by_sequence", "by_shot"]
    assert names(sg.find_assets(episode=film["ep1"])) == ["by_all", "by_episode", "by_sequence", "by_shot"]
    assert names(sg.find_assets(sequence=[film["sq2"], film["sq3"]])) == ["by_all"]
    assert names(sg.find_assets(shot=film["sh2"])) == ["by_all"]
    assert sg.find_assets(sequence=[]) == []


def test_find_shots_of_an_asset(sg, film):
    """
    Shots are found by the assets in them.
    """
    assert names(sg.find_shots(asset=film["by_all"])) == ["sh1", "sh2"]
    assert names(sg.find_shots(asset=film["unused"])) == []


def test_find_tasks_of_a_person_in_several_groups(sg, film):
    """
    A task that is assigned to two groups of a person is returned once. A task without assignees matches no person.
    """
    assert names(sg.find_tasks(assignee=film["ana"]), "content") == ["t_ana", "t_group", "t_leads"]
    assert names(sg.find_tasks(assignee=film["nobody"]), "content") == []
    assert names(sg.find_tasks(assignee=[film["ben"], film["lighters"]]), "content") == ["t_group", "t_leads", "t_ben"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-03-03", None, ["t_group", "t_leads", "t_none"]),
        (None, dt.date(2026, 3, 3), ["t_ana", "t_group"]),
        ("2026-03-03", dt.datetime(2026, 3, 3, 23, tzinfo=dt.timezone.utc), ["t_group"]),
        ("2026-03-05", None, []),
    ],
)
def test_find_tasks_by_due_date(sg, film, first, last, expected):
    """
    Both days are included. Tasks without a due date do not match.
    """
    assert names(sg.find_tasks(project=film["film"], due_from=first, due_to=last), "content") == expected


@pytest.mark.parametrize("wrong", ["2026-02-30", "tomorrow", 20260303])
def test_invalid_day_is_refused(sg, wrong):
    """
    An invalid day raises before a request is sent.
    """
    with pytest.raises(InvalidArgumentError, match="A day must be a date, or text such as '2026-03-10', not"):
        sg.find_tasks(due_to=wrong)


def test_find_my_tasks(site, make_sg, sg, film):
    """
    mine= uses the login or the person for whom a script acts, with groups. It combines with assignee=.
    """
    login = SGExtended(site=Site(url=site.url, login="ben", password="a password"))
    acting = make_sg(site, sudo_as_login="ana")

    assert names(login.find_tasks(mine=True), "content") == ["t_group", "t_leads", "t_ben"]
    assert names(acting.find_tasks(mine=True), "content") == ["t_ana", "t_group", "t_leads"]
    assert names(acting.find_tasks(mine=True, assignee=film["lighters"]), "content") == ["t_group"]
    assert sg.find_tasks(mine=True) == []


def test_me_is_the_current_user(site, make_sg, sg, film):
    """
    The current user is a person, the person for whom a script acts, or the script.
    """
    login = SGExtended(site=Site(url=site.url, login="ben", password="a password"))

    assert login.me(fields=["login"]) == {"type": "HumanUser", "id": film["ben"]["id"], "login": "ben"}
    assert make_sg(site, sudo_as_login="ana").me()["login"] == "ana"
    assert sg.me() == {"type": "ApiUser", "id": 1, "firstname": site.script_name}


def test_me_without_a_name(site, sg):
    """
    A session token does not name its user, so me() raises instead of returning a wrong user.
    """
    with pytest.raises(ConfigurationError, match="does not name its user"):
        SGExtended(site=Site(url=site.url, session_token=sg.get_session_token())).me()


def test_find_groups_and_departments(sg, film):
    """
    Groups and departments are found by name and by members.
    """
    assert names(sg.find_groups(user=film["ana"])) == ["leads", "lighters"]
    assert names(sg.find_groups("l*"), "users")[1][0]["id"] == film["ana"]["id"]
    assert names(sg.find_departments(user=film["ben"])) == ["ANIM"]
    assert names(sg.find_departments("anim*"), "name") == ["Animation"]
    assert names(sg.find_users(department="anim"), "login") == ["ben"]
    assert names(sg.find_users(department=[film["anim"]]), "login") == ["ben"]
    assert names(sg.find_users(project=film["film"], email=None), "login") == ["ana"]
    assert sg.find_users(email=[]) == []


def test_find_steps_by_type_name_and_department(sg, film):
    """
    Steps are in the site's list order. A glob matches the name or the short code.
    """
    assert names(sg.find_steps("Shot"), "short_name")[:3] == ["LAY", "ANM", "FX"]
    assert names(sg.find_steps(name=["anm", "Model"]), "short_name") == ["MDL", "ANM"]
    assert names(sg.find_steps("Shot", name="L*"), "short_name") == ["LAY", "LGT"]
    assert names(sg.find_steps(department="ANIM"), "short_name") == ["ANM"]
    assert sg.find_steps(name="*", fields=["color"], entity_type=[]) == []


def test_find_statuses_in_the_order_of_the_field(sg, film):
    """
    Statuses are in the field's order with name and color. Statuses that a project hides are left out for it.
    """
    offered = sg.schema_field_read("Task", "sg_status_list")["sg_status_list"]["properties"]["valid_values"]["value"]
    sg.schema_field_update("Task", "sg_status_list", {"hidden_values": ["hld"]}, film["film"])
    found = sg.find_statuses("Task")

    assert names(found) == offered
    assert {"type": "Status", "id": 2, "code": "ip", "name": "In Progress", "bg_color": "202,225,202"} in found
    assert names(sg.find_statuses("Task", project=film["film"])) == [code for code in offered if code != "hld"]
    assert names(sg.find_statuses("Task", project=film["other"])) == offered
    assert names(sg.find_statuses("Task", code=["wtg", "fin", "apr"])) == ["fin", "wtg"]
    assert sg.find_statuses("Task", code="ip", fields=["name"], extra_fields=["system"]) == [
        {"type": "Status", "id": 2, "name": "In Progress", "system": True}
    ]
    assert names(sg.find_statuses("Playlist", field="sg_status")) == ["clsd", "ip", "opn"]


def test_find_statuses_that_the_site_does_not_describe(sg, film):
    """
    A code that a field offers is returned even without a Status entity.
    """
    codes = {row["code"] for row in sg.find_statuses()}
    strays = [row for row in sg.find_statuses("Task") if row["code"] not in codes]

    assert all((row["id"], row["name"], row["bg_color"]) == (None, row["code"], None) for row in strays)
    assert [row["code"] for row in sg.find_statuses(code="ip")] == ["ip"]
    assert sg.find_statuses("Task", code=()) == []


def test_find_statuses_of_a_field_that_has_none(sg):
    """
    A field of another type raises.
    """
    with pytest.raises(NotFoundError, match=r"Shot.code offers no statuses"):
        sg.find_statuses("Shot", field="code")


def test_find_playlists_come_newest_first(sg, film):
    """
    The newest playlist comes first. Name, version, status and creator restrict the result.
    """
    assert names(sg.find_playlists([film["film"], film["other"]])) == ["Später", "Dailies", "empty"]
    assert names(sg.find_playlists(name="SPÄT*")) == ["Später"]
    assert names(sg.find_playlists(version=film["v1"])) == ["Dailies"]
    assert names(sg.find_playlists(status="clsd")) == ["Später"]
    assert names(sg.find_playlists(user=sg.me(), name="empty")) == ["empty"]


def test_find_playlist_versions_in_order(sg, film):
    """
    Versions are in the playlist's order. Unsorted versions come last in the order of adding; retired ones are left out.
    """
    found = sg.find_playlist_versions(film["dailies"])

    assert names(found) == ["v4", "v1", "v5", "v2"]
    assert found[0]["entity"]["id"] == film["sh1"]["id"]
    assert sg.find_playlist_versions(film["empty"]) == []
    assert names(sg.find_playlist_versions(film["dailies"], filters=[["code", "in", ["v1", "v2"]]])) == ["v1", "v2"]


def test_find_notes_by_what_they_are_about(sg, film):
    """
    Notes are found by entity, task, author and subject.
    """
    assert names(sg.find_notes(film["v1"]), "subject") == ["n_ana", "n_group", "n_cc"]
    assert names(sg.find_notes(task=film["t_ana"], subject="*_c*"), "subject") == ["n_cc"]
    assert names(sg.find_notes(user=film["ana"]), "subject") == []
    assert names(sg.find_notes(film["v2"]), "subject") == []


def test_find_notes_to_a_person(sg, film):
    """
    A note to a group, also in copy, matches its members.
    """
    assert names(sg.find_notes(addressed_to=film["ana"]), "subject") == ["n_ana", "n_group", "n_cc"]
    assert names(sg.find_notes(addressed_to=film["lighters"]), "subject") == ["n_group"]
    assert names(sg.find_notes(addressed_to=film["nobody"]), "subject") == []
    assert sg.find_notes(addressed_to=[]) == []
    assert sg.find_notes(status=(), addressed_to=film["ana"]) == []


def test_find_notes_unread(site, sg, film):
    """
    unread= refers to the current user only.
    """
    ana = SGExtended(site=Site(url=site.url, login="ana", password="a password"))
    ana.update("Note", film["n_cc"]["id"], {"read_by_current_user": "read"})

    assert names(ana.find_notes(film["v1"], unread=True), "subject") == ["n_ana", "n_group"]
    assert names(ana.find_notes(film["v1"], unread=False), "subject") == ["n_cc"]
    assert len(sg.find_notes(film["v1"], unread=True)) == 3


def test_find_notes_with_replies(sg, film, tmp_path):
    """
    Each note has its own replies and files, oldest first. Any number of notes costs three more requests.
    """
    picture = tmp_path / "größe.txt"
    picture.write_text("x")
    sg.upload("Note", film["n_ana"]["id"], str(picture), "attachments")
    before = sg.requests_sent
    notes = {note["subject"]: note["thread"] for note in sg.find_notes(film["v1"], include_replies=True)}
    sent = sg.requests_sent - before

    assert [row.get("content", row.get("display_name")) for row in notes["n_ana"]] == ["first", "second", "größe.txt"]
    assert [row["content"] for row in notes["n_cc"]] == ["other"]
    assert notes["n_group"] == []
    assert sent == 4
    assert {row["type"] for row in notes["n_ana"]} == {"Reply", "Attachment"}


def test_find_note_threads_in_the_order_of_the_notes(sg, film):
    """
    Threads are in the order of the notes, also for a note that is given twice or has none. No notes send no request.
    """
    threads = sg.find_note_threads([film["n_cc"], film["n_group"], film["n_cc"]])

    assert [[row["content"] for row in thread] for thread in threads] == [["other"], [], ["other"]]
    before = sg.requests_sent
    assert sg.find_note_threads([]) == []
    assert sg.requests_sent == before


def test_find_time_logs_of_a_task_or_its_shot(sg, film):
    """
    Time is logged on tasks. A shot matches the time logs of its tasks.
    """
    assert names(sg.find_time_logs(film["t_ana"]), "description") == ["l2", "l1"]
    assert names(sg.find_time_logs(film["sh1"]), "description") == ["l2", "l1"]
    assert names(sg.find_time_logs([film["sh2"], film["t_ana"]]), "description") == ["l2", "l1", "l3"]
    assert names(sg.find_time_logs(film["sh1"], user=film["ana"]), "description") == ["l1"]
    assert names(sg.find_time_logs(date_from="2026-03-02", date_to="2026-03-04"), "description") == ["l1"]
    assert sg.find_time_logs([]) == []


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-03-10", "2026-03-10", ["march", "a week"]),
        ("2026-03-15", "2026-03-15", ["march", "a week"]),
        ("2026-03-16", None, ["march", "april"]),
        (None, "2026-03-08", ["march"]),
        ("2026-05-01", None, []),
    ],
)
def test_find_bookings_of_a_time(sg, film, first, last, expected):
    """
    Bookings that overlap the period match, also those that begin before it.
    """
    assert names(sg.find_bookings(date_from=first, date_to=last), "note") == expected


def test_find_bookings_by_person_and_vacation(sg, film):
    """
    Vacations can be returned alone or left out.
    """
    assert names(sg.find_bookings(film["ana"], vacation=False), "note") == ["march"]
    assert names(sg.find_bookings([film["ana"], film["ben"]], vacation=True), "note") == ["a week"]
    assert names(sg.find_bookings(project=film["film"]), "note") == ["march", "april"]


def test_many_links_are_one_condition(sg, film):
    """
    Thousands of links become one condition and match the same entities.
    """
    links = [{"type": "Shot", "id": number} for number in range(1, 3000)]

    assert names(sg.find_tasks(links), "content") == names(sg.find_tasks([film["sh1"], film["sh2"]]), "content")
    people = [{"type": "Group", "id": number} for number in range(1, 3000)]
    assert names(sg.find_tasks(assignee=people), "content") == ["t_group", "t_leads"]
    assert len(sg.find_assets(sequence=[{"type": "Sequence", "id": number} for number in range(1, 3000)])) == 3
    assert len(sg.find_time_logs(links)) == 3
