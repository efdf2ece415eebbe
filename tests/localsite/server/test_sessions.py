"""
One-time codes, sessions and their expiry, roles that may act as another user, and keys over restarts.
"""

import contextlib
import datetime as dt
import json

import pytest
from shotgun_api3 import AuthenticationFault, MissingTwoFactorAuthenticationFault, ShotgunError

from sgextended.localsite import LocalSite

# The official client leaves its connection open when its constructor fails, and the files that it sends.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def later(site, monkeypatch):
    """
    Moves the shared site's clock.
    """
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)

    def move(**delta):
        moment = now + dt.timedelta(**delta)
        monkeypatch.setattr(site.store, "clock", lambda: moment)

    return move


def test_missing_code_is_fault_106(site, make_client, name):
    """
    A user with a second factor who sends only the password is asked for the code.
    """
    site.add_user(name, "secret", one_time_codes=["123456"])
    sg = make_client(login=name, password="secret")

    with pytest.raises(MissingTwoFactorAuthenticationFault, match=f"code for user '{name}'"):
        sg.find("Project", [])


def test_code_is_good_for_one_session(site, sg, make_client, name):
    """
    With a code, the client starts a session and uses that. The code is used up; another code is not.
    """
    user = site.add_user(name, "secret", one_time_codes=["111111", "222222"])
    first = make_client(login=name, password="secret", auth_token="111111")

    assert first.find_one("HumanUser", [["login", "is", name]])["id"] == user["id"]
    assert first.config.session_token
    for code in ("111111", "333333", ""):
        with pytest.raises(MissingTwoFactorAuthenticationFault):
            make_client(login=name, password="secret", auth_token=code).find("Project", [])
    assert make_client(login=name, password="secret", auth_token="222222").find("Project", [["id", "is", 0]]) == []
    # The sessions of before are not touched.
    assert first.find("Project", [["id", "is", 0]]) == []
    assert sg.find("Project", [["id", "is", 0]]) == []


def test_wrong_password_is_no_question_of_codes(site, make_client, name):
    """
    With a wrong password, no code is requested, and a sent code is not used up.
    """
    site.add_user(name, "secret", one_time_codes=["111111"])
    with pytest.raises(AuthenticationFault) as caught:
        make_client(login=name, password="wrong", auth_token="111111")

    assert not isinstance(caught.value, MissingTwoFactorAuthenticationFault)
    assert make_client(login=name, password="secret", auth_token="111111").config.session_token


def test_code_of_another_person_is_wrong(site, make_client, name):
    """
    A code is valid only for its own user.
    """
    site.add_user(name, "secret", one_time_codes=["111111"])
    site.add_user(f"{name} too", "secret", one_time_codes=["222222"])

    with pytest.raises(MissingTwoFactorAuthenticationFault, match="Invalid"):
        make_client(login=name, password="secret", auth_token="222222")


def test_client_authenticates_a_person_with_a_code(site, sg, name):
    """
    The client's own check of a password takes a code, and uses it up.
    """
    user = site.add_user(name, "secret", one_time_codes=["111111"])

    assert sg.authenticate_human_user(name, "secret", "111111")["id"] == user["id"]
    # Older clients return None where newer ones raise.
    with contextlib.suppress(MissingTwoFactorAuthenticationFault):
        assert sg.authenticate_human_user(name, "secret", "111111") is None


def test_failed_request_leaves_its_code_good(site, make_client, call, post, name):
    """
    A request that is refused for another reason does not use its code up.
    """
    site.add_user(name, "secret", one_time_codes=["111111"])
    auth = {"user_login": name, "user_password": "secret", "auth_token": "111111"}
    body = json.dumps({"method_name": "delete", "params": [auth, {"type": "Shot", "id": 98765}]})

    assert b"does not exist" in post(body.encode())[2]
    assert make_client(login=name, password="secret", auth_token="111111").config.session_token


def test_codes_work_for_forms_too(site, sg, project, name, tmp_path, make_client):
    """
    A form with a password and a code is served once.
    """
    site.add_user(name, "secret", one_time_codes=["111111"], role="manager")
    (tmp_path / "x").write_bytes(b"x")
    form = {"entity_type": "Project", "entity_id": project["id"], "display_name": "x"}
    sg.config.script_name, kept = None, sg.config.script_name
    sg.config.user_login, sg.config.user_password, sg.config.auth_token = name, "secret", "111111"
    try:
        with (tmp_path / "x").open("rb") as file:
            first = sg._send_form(f"{site.url}/upload/upload_file", {**form, "file": file})
            again = sg._send_form(f"{site.url}/upload/upload_file", {**form, "file": file})
    finally:
        sg.config.script_name = kept
        sg.config.user_login = sg.config.user_password = sg.config.auth_token = None

    assert first.startswith("1:")
    assert again == f"0:Invalid two-factor authentication code for user '{name}'.\n"


def test_session_expires(site, make_client, name, later):
    """
    An expired token is refused.
    """
    site.add_user(name, "secret")
    token = make_client(login=name, password="secret").get_session_token()
    client = make_client(session_token=token)
    later(seconds=86399)
    assert client.find("Project", [["id", "is", 0]]) == []
    later(seconds=86402)

    with pytest.raises(AuthenticationFault, match=f"Can't authenticate session token ending with '{token[-4:]}'"):
        client.find("Project", [])


def test_no_flag_prolongs_a_session(site, post, sg, later):
    """
    An expired token is refused also if the request does not set ``reject_if_expired``, as the client does.
    """
    token = sg.get_session_token()
    sg.config.session_token = None
    later(days=2)
    statuses = []
    for flag in ({}, {"reject_if_expired": False}, {"reject_if_expired": True}):
        auth = {"session_token": token, **flag}
        body = json.dumps({"method_name": "preferences_read", "params": [auth, {"prefs": []}]})
        statuses.append(json.loads(post(body.encode())[2]).get("error_code"))

    assert statuses == [102, 102, 102]


def test_lifetime_is_the_sites(make_connection):
    """
    ``session_lifetime`` sets the lifetime of sessions.
    """
    with LocalSite(session_lifetime=0) as site:
        sg = make_connection(site)
        client = make_connection(site, session_token=sg.get_session_token())
        with pytest.raises(AuthenticationFault):
            client.find("Project", [])
        sg.close()
        client.close()


def test_session_ends_with_its_owners_account(site, sg, make_client, name):
    """
    The session of a disabled or retired user is not valid; it is valid again when the user is active again.
    """
    user = site.add_user(name, "secret")
    client = make_client(session_token=make_client(login=name, password="secret").get_session_token())
    assert client.find("Project", [["id", "is", 0]]) == []

    for end, undo in (
        (lambda: sg.update("HumanUser", user["id"], {"sg_status_list": "dis"}),
         lambda: sg.update("HumanUser", user["id"], {"sg_status_list": "act"})),
        (lambda: sg.delete("HumanUser", user["id"]), lambda: sg.revive("HumanUser", user["id"])),
    ):  # fmt: skip
        end()
        with pytest.raises(AuthenticationFault, match="session token"):
            client.find("Project", [])
        undo()
        assert client.find("Project", [["id", "is", 0]]) == []


def test_retired_script_is_refused(site, sg, make_connection):
    """
    The credentials of a deleted script are refused.
    """
    with LocalSite(script_name="tool", api_key="k") as own:
        tool = make_connection(own)
        number = tool.find_one("ApiUser", [["firstname", "is", "tool"]])["id"]
        tool.delete("ApiUser", number)
        with pytest.raises(AuthenticationFault, match="Can't authenticate script 'tool'"):
            tool.find("Project", [])
        tool.close()


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("manager", False), ("artist", False), (None, False)])
def test_role_decides_about_sudo(site, make_client, name, role, may):
    """
    Among users, only an admin may act as another user. A new user is an artist.
    """
    site.add_user(name, "secret", **({} if role is None else {"role": role}))
    other = site.add_user(f"{name} too", "secret")
    client = make_client(login=name, password="secret", sudo_as_login=f"{name} too")

    if may:
        assert client.find_one("HumanUser", [["id", "is", other["id"]]])
    else:
        with pytest.raises(
            AuthenticationFault, match=f"^The user does not have permission to 'sudo': HumanUser '{name}'"
        ):
            client.find("Project", [])


def test_unknown_role_is_refused(site, name):
    """
    An unknown role is refused.
    """
    with pytest.raises(ValueError, match=r"there is no permission rule set 'boss'"):
        site.add_user(name, "secret", role="boss")


def test_new_person_reads_with_their_role(site, sg, name):
    """
    The role is the person's permission group.
    """
    user = site.add_user(name, "secret", role="manager")
    row = sg.find_one("HumanUser", [["id", "is", user["id"]]], ["permission_rule_set"])

    assert row["permission_rule_set"]["name"] == "Manager"


def test_keys_of_a_file_stay_good(tmp_path, make_connection):
    """
    Each start without a key makes a temporary one. The key in the file stays valid until a key is given.
    """
    path, keys = tmp_path / "site.db", []
    for given in (None, None, None, "given", None):
        with LocalSite(db=path, api_key=given) as site:
            keys.append(site.api_key)
            good = []
            for key in keys:
                sg = make_connection(site, api_key=key)
                try:
                    sg.find("Project", [])
                    good.append(True)
                except AuthenticationFault:
                    good.append(False)
                sg.close()
        if len(keys) == 3:
            assert good == [True, False, True]
        if len(keys) == 4:
            assert good == [False, False, False, True]

    assert len(set(keys)) == 5
    assert good == [False, False, False, True, True]


def test_password_needs_its_login(post):
    """
    Credentials of wrong types are refused.
    """
    odd = [{"user_login": None}, {"user_login": [1], "user_password": {}}, {"session_token": 5}, {"script_name": {}}]
    for auth in odd:
        body = json.dumps({"method_name": "read", "params": [auth, {"type": "Shot"}]}).encode()
        assert json.loads(post(body)[2])["error_code"] == 102


def test_upload_by_an_expired_session_is_refused(site, sg, make_client, project, later, tmp_path):
    """
    A form with an expired token is refused by the same text.
    """
    (tmp_path / "x").write_bytes(b"x")
    client = make_client(session_token=make_client().get_session_token())
    client.BACKOFF = 0
    later(days=2)

    with pytest.raises(ShotgunError, match="Can't authenticate session token"):
        client.upload("Project", project["id"], str(tmp_path / "x"))
