"""
``sgextended whoami``.
"""

import json


def test_whoami_shows_script_and_site(command, environment, demo_site):
    """
    The output has the script and the address of the site.
    """
    _status, out, _err = command("whoami", "--format", "json")
    me = json.loads(out)

    assert (me["type"], me["firstname"], me["site"]) == ("ApiUser", demo_site.script_name, demo_site.url)


def test_whoami_with_a_session_token(command, environment, sg, monkeypatch):
    """
    A session token is shown as a session, because the site does not report whose it is.
    """
    monkeypatch.delenv("SHOTGUN_SCRIPT_NAME")
    monkeypatch.delenv("SHOTGUN_API_KEY")
    monkeypatch.setenv("SHOTGUN_SESSION_TOKEN", sg.get_session_token())

    assert json.loads(command("whoami", "--format", "json")[1])["type"] == "a session"
