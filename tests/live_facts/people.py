"""
Sudo, scripts and permission rule sets.
"""
# ruff: noqa: E501
# fmt: off

import shotgun_api3

from live_facts.fact import Facts, Says
from live_facts.pages import person

fact = Facts()


def sudo(live, login):
    """
    Return the fault of a read as a person, None when it was answered.
    """
    site = live.site
    sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key, sudo_as_login=login)
    try:
        return live.fault(sg.find_one, "Project", [])
    finally:
        sg.close()


def named(live):
    """
    Return a person with a login and another e-mail.
    """
    login = live.name("login")
    live.site.add_user(login, "pw", email=f"{login}@example.com")
    return login


def inactive(live):
    """
    Return the login of a person who is not active.
    """
    login = live.name("login")
    live.update(live.site.add_user(login, "pw"), sg_status_list="dis")
    return login


def rule_sets(live):
    """
    Return the entity types of the rule sets by code.
    """
    return {row["code"]: row["entity_type"] for row in live.sg.find("PermissionRuleSet", [], ["code", "entity_type"])}


KINDS = {"admin": "HumanUser", "manager": "HumanUser", "artist": "HumanUser", "vendor": "HumanUser", "api_admin": "ApiUser", "client_user": "ClientUser"}

fact("F602", "027/HumanUser", "M S", "sudo takes a login, no e-mail", lambda live: ((sudo(live, named(live)), sudo(live, f"{named(live)}@example.com")), (None, Says("Cannot 'sudo' - unknown or retired user: '.*@example.com'"))))
fact("F603", "027", "M S", "there is no sudo as a person who is not active", lambda live: (sudo(live, inactive(live)), Says("Cannot 'sudo' - inactive user account: '")))
fact("F604", "027", "M S", "a script is the ApiUser whose firstname is its name, with the rule set api_admin", lambda live: (live.sg.find_one("ApiUser", [["firstname", "is", live.site.script_name]], ["permission_rule_set.PermissionRuleSet.code"])["permission_rule_set.PermissionRuleSet.code"], "api_admin"))
fact("F605", "027", "M S", "each rule set has a row for its type, and one with the defaults of the system", lambda live: (rule_sets(live), {**KINDS, **{f"{code}_system_default": f"PermissionRuleSet.{kind}" for code, kind in KINDS.items()}}))


@fact("F606", "027/094", "M S", "lower levels read fewer rows", differs="Every role reads all rows.")
def artists_read_less(live):
    """
    Compare the scripts that an artist reads.
    """
    with person(live) as sg:
        return sg.find("ApiUser", []), []


@fact("F607", "LocalStorage", "M S", "an artist reads storages and writes none")
def artists_write_no_storages(live):
    """
    Compare whether an artist creates a storage.
    """
    with person(live) as sg:
        return live.fault(sg.create, "LocalStorage", {"code": live.name("storage")}) is None, False
