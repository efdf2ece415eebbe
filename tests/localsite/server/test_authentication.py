"""
Authentication of scripts, users and session tokens; sudo; and the secrets that never show.
"""

import pytest
import shotgun_api3
from shotgun_api3 import AuthenticationFault, Fault


def test_wrong_key_is_refused(site, make_client):
    """
    A wrong key of a script is refused with code 102 and the site's text.
    """
    sg = make_client(script_name=site.script_name, api_key="wrong")

    with pytest.raises(AuthenticationFault, match=f"Can't authenticate script '{site.script_name}'$"):
        sg.find("Project", [])


def test_unknown_script_is_refused(make_client):
    """
    A script that the site does not know is refused by its name.
    """
    with pytest.raises(AuthenticationFault, match="Can't authenticate script 'nobody'"):
        make_client(script_name="nobody", api_key="x").find("Project", [])


@pytest.mark.parametrize("auth", [None, [], {"script_name": "x", "script_key": 5}, {}])
def test_malformed_credentials_are_refused(post, auth):
    """
    A request with missing or malformed credentials is refused like one with a wrong key.
    """
    import json

    params = [] if auth is None else [auth]
    _status, _headers, body = post(json.dumps({"method_name": "schema_entity_read", "params": params}).encode())
    reply = json.loads(body)

    assert reply["error_code"] == 102
    assert "Can't authenticate" in reply["message"]


def test_person_logs_in_with_their_password(site, make_client, name):
    """
    A user authenticates with login and password; a wrong password is refused.
    """
    site.add_user(name, "right")
    right, wrong = (make_client(login=name, password=password) for password in ("right", "wrong"))

    assert right.find_one("HumanUser", [["login", "is", name]])["type"] == "HumanUser"
    with pytest.raises(AuthenticationFault, match=rf"Can't authenticate user '{name}'\."):
        wrong.find_one("HumanUser", [])
    # The password that was right before is right still.
    assert right.find_one("HumanUser", [["login", "is", name]], ["login"])["login"] == name


def test_disabled_person_is_refused(site, sg, make_client, name):
    """
    The credentials of a disabled or retired user are refused.
    """
    user = site.add_user(name, "secret")
    client = make_client(login=name, password="secret")
    client.find_one("Project", [])
    sg.update("HumanUser", user["id"], {"sg_status_list": "dis"})
    with pytest.raises(AuthenticationFault):
        client.find_one("Project", [])
    sg.update("HumanUser", user["id"], {"sg_status_list": "act"})
    sg.delete("HumanUser", user["id"])

    with pytest.raises(AuthenticationFault):
        client.find_one("Project", [])


def test_client_authenticates_a_person(site, sg, name):
    """
    The client's own check of a password finds the person, and nobody for a wrong one.
    """
    user = site.add_user(name, "secret")
    try:
        found = sg.authenticate_human_user(name, "wrong")
    except AuthenticationFault:  # older clients make None of it
        found = None

    assert sg.authenticate_human_user(name, "secret") == {"type": "HumanUser", "id": user["id"], "login": name}
    assert found is None


def test_session_token_asks_for_its_owner(site, make_client, post, project, name):
    """
    A token acts as the person who got it, and another token can be had with it.
    """
    import json

    user = site.add_user(name, "secret", role="manager")
    token = make_client(login=name, password="secret").get_session_token()
    client = make_client(session_token=token)
    shot = client.create("Shot", {"project": project}, ["created_by"])

    assert shot["created_by"]["id"] == user["id"]
    request = {"method_name": "get_session_token", "params": [{"session_token": token, "reject_if_expired": True}]}
    another = json.loads(post(json.dumps(request).encode())[2])["results"]["session_id"]
    assert another != token
    assert make_client(session_token=another).find_one("Project", [["id", "is", project["id"]]])


def test_wrong_token_is_refused_by_its_end(make_client):
    """
    An invalid token is refused; the message repeats only its last four characters.
    """
    with pytest.raises(AuthenticationFault) as caught:
        make_client(session_token="0123456789abcdef").find("Project", [])

    assert str(caught.value) == "Can't authenticate session token ending with 'cdef'"


def test_script_acts_as_a_person(site, make_client, project, name):
    """
    With sudo, the rows that a script creates belong to the user.
    """
    user = site.add_user(name, "secret", role="manager")
    row = make_client(sudo_as_login=name).create("Shot", {"project": project}, ["created_by"])

    assert row["created_by"]["id"] == user["id"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (None, "Cannot 'sudo' - unknown or retired user: '{}'"),
        ({"sg_status_list": "dis"}, "Cannot 'sudo' - inactive user account: '{}'"),
        (
            {"can_impersonate_this_user": False},
            "Cannot 'sudo' - user account has 'can_impersonate_this_user' turned off: '{}'",
        ),
    ],
)
def test_refused_sudo_says_why(site, make_client, name, fields, message):
    """
    For a user as whom the caller may not act, the message has the name and the reason.
    """
    if fields is not None:
        user = site.add_user(name, "secret", sg_status_list=fields.pop("sg_status_list", "act"))
        with site.store.writing() as tx:
            people = tx.tables["HumanUser"]
            tx.connection.execute(people.update().where(people.c.id == user["id"]).values(id=user["id"], **fields))

    with pytest.raises(AuthenticationFault) as caught:
        make_client(sudo_as_login=name).find("Project", [])
    assert str(caught.value) == message.format(name)


def test_secrets_are_not_kept_in_the_open(site, name):
    """
    Neither the key nor a password is found anywhere in the database, as text or as bytes.
    """
    password = "a very secret password"
    site.add_user(name, password)
    with site.store.reading() as tx:
        tables = [tx.tables.credentials, tx.tables.sessions, tx.tables["ApiUser"], tx.tables["HumanUser"]]
        rows = [tuple(row) for table in tables for row in tx.connection.execute(table.select())]

    assert site.api_key not in repr(rows)
    assert password not in repr(rows)
    assert "secret" not in repr(site)
    assert site.api_key not in repr(site)


def test_salted_key_reads_as_nothing(sg, site):
    """
    The field that holds a script's key on live sites is empty here.
    """
    row = sg.find_one("ApiUser", [["firstname", "is", site.script_name]], ["salted_password"])

    assert row["salted_password"] is None


def test_connecting_needs_no_credentials(site):
    """
    ``info`` needs no credentials, because the client's constructor calls it first.
    """
    sg = shotgun_api3.Shotgun(site.url, "nobody", "x")
    sg.close()

    assert sg.server_info["api_max_entities_per_page"] == 500


def test_unknown_request_faults(call):
    """
    A request that the protocol does not have is refused by its name.
    """
    assert call("bogus", {})["message"] == "API bogus() doesn't exist."


def test_fault_reaches_the_client_as_such(sg):
    """
    The client raises an ordinary fault for a refused request.
    """
    with pytest.raises(Fault, match="invalid/missing string 'path'"):
        sg.nav_expand(None)
