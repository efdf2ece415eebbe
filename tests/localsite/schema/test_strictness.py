"""
The strict and the lenient mood: a strict site refuses what a live site may refuse, a lenient one accepts it.
"""

import contextlib

import pytest
from shotgun_api3 import Fault

from sgextended.localsite import LocalSite
from sgextended.localsite.schema.strictness import Doubt


def bare_link(make):
    return "Shot", {"assets": make("Asset")}, [{"type": "Asset"}]


def unlisted_type_in_a_list(make):
    return "Task", {"task_assignees": [make("Shot")]}, [{"type": "Shot"}]


def unlisted_type_of_a_link(make):
    return "PublishedFile", {"task": make("Shot")}, {"type": "Shot"}


def field_of_unknown_editability(make):
    return "Shot", {"smart_cut_in": 1001}, 1001


def field_that_the_schema_calls_fixed(make):
    return "Note", {"suppress_email_notif": True}, True


def attachment_without_a_project(make):
    return "Attachment", {"project": None, "description": "x"}, None


def address_with_a_rare_character(make):
    return "Version", {"sg_uploaded_movie": {"url": "https://x.example/a|b", "name": "x"}}, {"name": "x"}


#: A request for each doubt: makes what it needs, and returns type, fields and what the first field then reads as.
REQUESTS = {
    bare_link: Doubt.BARE_LINK,
    unlisted_type_in_a_list: Doubt.LISTED_TYPES,
    unlisted_type_of_a_link: Doubt.ONLY_TYPE,
    field_of_unknown_editability: Doubt.FIELD,
    field_that_the_schema_calls_fixed: Doubt.FIELD,
    attachment_without_a_project: Doubt.NO_PROJECT,
    address_with_a_rare_character: Doubt.ADDRESS,
}
cases = pytest.mark.parametrize(
    ("request_of", "doubt"), REQUESTS.items(), ids=lambda each: getattr(each, "__name__", "")
)


@contextlib.contextmanager
def served(make_connection, **options):
    with LocalSite(**options) as site, contextlib.closing(make_connection(site)) as sg:
        project = {"type": "Project", "id": sg.create("Project", {"name": "moods"})["id"]}

        def make(entity_type, **data):
            return {"type": entity_type, "id": sg.create(entity_type, {"project": project, **data})["id"]}

        yield sg, make


@pytest.fixture(scope="module")
def strict_site(make_connection):
    """
    The client of a site with the default mood, and a function that makes rows in its project.
    """
    with served(make_connection) as found:
        yield found


@pytest.fixture(scope="module")
def lenient_site(make_connection):
    """
    The same for a lenient site.
    """
    with served(make_connection, strict=False) as found:
        yield found


def parts_of(value, like):
    """
    Return of a value what an expected one names.
    """
    if isinstance(like, list):
        return [parts_of(*pair) for pair in zip(value, like)]
    return {name: value[name] for name in like} if isinstance(like, dict) else value


@cases
def test_strict_site_says_why_and_how_to_accept(strict_site, request_of, doubt):
    """
    The fault has the reason, and each way to switch the strict mood off.
    """
    _sg, make = strict_site
    entity_type, data, _expected = request_of(make)

    with pytest.raises(Fault) as refused:
        make(entity_type, **data)
    text = str(refused.value)
    assert doubt.value in text
    assert all(way in text for way in ("LocalSite(strict=False)", "sgextended site --lenient", "sg_strict = false"))


@pytest.mark.parametrize("request_of", REQUESTS)
def test_lenient_site_accepts(lenient_site, request_of):
    """
    A lenient site stores the value.
    """
    sg, make = lenient_site
    entity_type, data, expected = request_of(make)
    row = make(entity_type, **data)
    field = next(iter(data))

    assert parts_of(sg.find_one(entity_type, [["id", "is", row["id"]]], [field])[field], expected) == expected


def test_every_doubt_has_a_request():
    """
    No doubt is without a test in both moods.
    """
    assert set(REQUESTS.values()) == set(Doubt)


@pytest.mark.parametrize(
    ("entity_type", "data"),
    [
        ("Shot", {"open_notes_count": 5}),
        ("Version", {"project": {"type": "Shot", "id": 1}}),
        ("Version", {"sg_uploaded_movie": {"url": "https://x.example/a b", "name": "x"}}),
    ],
)
def test_lenient_site_refuses_what_live_sites_refuse(lenient_site, entity_type, data):
    """
    The mood changes nothing where it is known that a live site refuses.
    """
    _sg, make = lenient_site

    with pytest.raises(Fault) as refused:
        make(entity_type, **data)
    assert "This local site is strict" not in str(refused.value)
