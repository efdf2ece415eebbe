"""
Pages, preferences and the work schedule.
"""
# ruff: noqa: E501
# fmt: off

import contextlib
import json

import shotgun_api3

from live_facts.fact import Facts, Says

fact = Facts()


@contextlib.contextmanager
def person(live, role="artist"):
    """
    Yield the official client of a new person.
    """
    login = live.name("login")
    live.site.add_user(login, "pw", role=role)
    sg = shotgun_api3.Shotgun(live.site.url, login=login, password="pw")
    try:
        yield sg
    finally:
        sg.close()


def page(live):
    """
    Return a page that a person made.
    """
    with person(live) as sg:
        made = sg.create("Page", {"name": live.name("page"), "project": live.project, "entity_type": "Shot"})
    return {"type": "Page", "id": made["id"]}


def settings(live, link, *fields):
    """
    Return the settings of a page, oldest first.
    """
    return live.sg.find("PageSetting", [["page", "is", link]], ["settings_json", "user", *fields])


def schedule(live, start, end, **owner):
    """
    Return the work schedule of some days.
    """
    return live.sg.work_schedule_read(start, end, **owner)


def writes_of_settings(live):
    """
    Return the fault of settings that are no text, and what settings read that are written as a text.
    """
    setting = live.make("PageSetting", page=page(live))
    return live.fault(live.update, setting, settings_json={"a": 1}), live.update(setting, settings_json=json.dumps({"a": [1]})) and live.get(setting, "settings_json")


fact("F588", "078", "M S", "a script creates no page", lambda live: (live.fault(live.make, "Page", name="x"), Says(r"Create failed for \[Page\]: HumanUser\(.*\) expected, got ApiUser\(.*\)")))


@fact("F589", "078", "M S", "a person creates a page: page_type is canvas, and it has shared settings")
def pages_are_created(live):
    """
    Compare the type and the settings.
    """
    made = page(live)
    return (live.get(made, "page_type"), [each["user"] for each in settings(live, made)]), ("canvas", [None])


fact("F590", "078", "M S", "Page.page_type is read only", lambda live: (live.fault(live.update, page(live), page_type="entity_query"), Says("Page.page_type is read only")))


@fact("F590a", "078", "M S", "so it is on a create")
def page_types_are_not_created(live):
    """
    Compare the fault that a person gets.
    """
    with person(live) as sg:
        return live.fault(sg.create, "Page", {"name": "x", "project": live.project, "page_type": "canvas"}), Says("Page.page_type is read only")


fact("F591", "078/023", "M S", "settings are written as a text, and read decoded", lambda live: (writes_of_settings(live), (Says(r"expected \[String, NilClass\].*got Hash"), {"a": [1]})))
fact("F593", "078", "M S", "settings are not deleted", lambda live: (live.fault(live.sg.delete, "PageSetting", settings(live, page(live))[0]["id"]), Says("Entity type PageSetting doesn't respond to retirement")))


@fact("F594", "078", "M S", "the settings of a deleted page stay, with page null")
def settings_stay(live):
    """
    Compare the page of the settings after the page was deleted.
    """
    made = page(live)
    (setting,) = settings(live, made)
    live.sg.delete("Page", made["id"])
    return live.row(setting, "page"), {"type": "PageSetting", "id": setting["id"], "page": None}


fact("F595", "048", "M S", "neither a page that is not exportable nor a missing one is exported", lambda live: ([live.fault(live.sg.export_page, number, "csv") is None for number in (page(live)["id"], 10**8)], [False, False]))
fact("F596", "002/duration", "M S", "hours_per_day is 8.0, duration_units days; unknown names are left out; two settings are JSON in a text", lambda live: ((live.sg.preferences_read(["hours_per_day", "duration_units", "bogus"]), [type(json.loads(text)) for text in live.sg.preferences_read(["view_master_settings", "creative_review_settings"]).values()]), ({"hours_per_day": 8.0, "duration_units": "days"}, [dict, dict])))
fact("F597", "002", "M X", "preferences are 17 names", lambda live: (len(live.sg.preferences_read()), 17))


@fact("F598", "047", "M S", "the schedule has one entry a day, with both ends, for two years at once; Monday to Friday are worked")
def days_are_shown(live):
    """
    Compare the number of days and one week.
    """
    days, week = schedule(live, "2026-01-01", "2027-12-31"), schedule(live, "2026-03-02", "2026-03-08")
    return (len(days), [week[day]["working"] for day in sorted(week)], {each["reason"] for each in week.values()}), (730, [True] * 5 + [False] * 2, {"STUDIO_WORK_WEEK"})


fact("F599", "047", "M S", "a missing project or person has the schedule of the studio", lambda live: ([schedule(live, "2026-03-02", "2026-03-02", **{key: {"type": kind, "id": 10**8}})["2026-03-02"]["reason"] for key, kind in (("project", "Project"), ("user", "HumanUser"))], ["STUDIO_WORK_WEEK"] * 2))
fact("F600", "047", "M S", "an end before the start is refused", lambda live: (live.fault(schedule, live, "2026-03-03", "2026-03-02") is None, False))
fact("F601", "047", "M R", "a subscription of an id that is no person is refused", lambda live: (live.fault(live.sg.user_subscriptions_create, [{"humanUserId": 10**8, "subscription": None}]) is None, False))
