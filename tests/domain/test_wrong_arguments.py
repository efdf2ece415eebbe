"""
Every function of the domain refuses invalid arguments, with a readable error and before a request is sent.
"""

import inspect
from typing import ClassVar

import attrs
import pytest

from sgextended import InvalidArgumentError
from sgextended.domain.notes import find_notes
from sgextended.domain.playlists import find_playlist_versions
from sgextended.domain.published_files import find_upstream_files
from sgextended.domain.shots import find_shots
from sgextended.domain.tasks import find_tasks
from sgextended.wrapper.domain_methods import DomainMethods


class Refusing:
    """
    A client that raises on any request.
    """

    base_url = "https://studio.example"

    def __getattr__(self, name):
        if name in {"find", "summarize", "schema_field_read"}:
            pytest.fail(f"{name} was called")
        raise AttributeError(name)


@attrs.define
class Record:
    """
    A record class.
    """

    ENTITY_TYPE: ClassVar[str] = "Shot"
    id: int


#: What must be given beside the argument that is wrong.
SHOT, PLAYLIST, VERSION = ({"type": each, "id": 1} for each in ("Shot", "Playlist", "Version"))
NEEDED = {
    "add_note": {"entity": SHOT, "content": "a"},
    "add_query_fields": {"rows": [{"type": "Shot", "id": 1}]},
    "add_to_playlist": {"playlist": PLAYLIST, "versions": [VERSION]},
    "copy_entity": {"entity": SHOT},
    "copy_structure": {"source": SHOT},
    "count": {"entity_type": "Shot"},
    "create_many": {"entity_type": "Shot", "rows": []},
    "create_version": {"entity": SHOT, "name": "a"},
    "download_many": {"entities": [SHOT], "folder": "nowhere"},
    "ensure": {"entity_type": "Shot", "key": {"code": "a"}},
    "exists": {"entity_type": "Shot"},
    "field_history": {"entity": SHOT},
    "find_as": {"record": Record},
    "find_iter_as": {"record": Record},
    "find_by_ids": {"entity_type": "Shot", "ids": [1]},
    "find_downstream_files": {"published_file": {"type": "PublishedFile", "id": 1}},
    "find_page": {"page_id": 1},
    "find_playlist_versions": {"playlist": {"type": "Playlist", "id": 1}},
    "find_note_threads": {"notes": [{"type": "Note", "id": 1}]},
    "find_upstream_files": {"published_file": {"type": "PublishedFile", "id": 1}},
    "get": {"entity_type": "Shot", "which": 1},
    "group_by": {"field": "code"},
    "log_time": {"entity": SHOT, "minutes": 5},
    "order_playlist": {"playlist": PLAYLIST, "versions": [VERSION]},
    "publish": {"entity": SHOT, "name": "a"},
    "remove_from_playlist": {"playlist": PLAYLIST, "versions": [VERSION]},
    "resolve": {"reference": "Shot:1"},
    "set_status": {"entities": [SHOT], "status": "ip"},
    "update_many": {"rows": []},
}
NO_LINK = [5, 1.5, True, b"x", object(), {"type": "Shot"}, {"type": "Shot", "id": "12"}, {"type": "Shot", "id": None}]
NO_LINK += [{"id": 3}, [None], [[1]], {"type": 5, "id": 5}, {"type": "Shot", "id": 1.5}]
NO_TEXT = [5, 1.5, True, b"x", object(), {"type": "Shot", "id": 1}, [None], ["a", 5], [["a"]]]
WRONG = {
    "fields": [5, b"x", object(), [None], [["code"]], [{"field": "code"}]],
    "filters": ["code", 5, [None], ["code", "is", "sh010"], [["code"]], [[1, "is", 2]], {"path": "code"}, [{"a": 1}]],
    "links": [*NO_LINK, "sh010", {"type": "Bogus", "id": 1}],
    "links of any type": [*NO_LINK, "sh010"],
    "links or names": [*NO_LINK, {"type": "Bogus", "id": 1}],
    "texts": NO_TEXT,
    "days": [5, 1.5, True, "2026-02-30", "soon", [1], {"type": "Shot", "id": 1}],
    "numbers": [1.5, True, "12", [None], ["12"], [[1]], {"type": "Shot", "id": 1}],
    "flags": [5, 0, "no", [True]],
    "rows": [5, "code", [None], [5], object(), b"x"],
}
KINDS = {
    "links": "project sequence episode shot asset assignee task user playlist version published_file notes group",
    "links of any type": "entity",
    "links or names": "step department file_type",
    "texts": "name shot_type asset_type status tank_name login email subject note_type per code final",
    "days": "due_from due_to date_from date_to",
    "numbers": "version_number levels page_id",
    "flags": "archived is_template vacation unread",
    "fields": "fields extra_fields",
    "filters": "filters",
    "rows": "rows",
}
KIND_OF = {argument: kind for kind, arguments in KINDS.items() for argument in arguments.split()}
FUNCTIONS = {
    name: function
    for name, function in vars(DomainMethods).items()
    if inspect.isfunction(function) and function.__module__.startswith("sgextended.domain.")
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_wrong_arguments_are_refused_before_a_request(name):
    """
    Each argument with an invalid value raises InvalidArgumentError, and no request is sent.
    """
    for argument in inspect.signature(FUNCTIONS[name]).parameters:
        for wrong in WRONG.get(KIND_OF.get(argument, ""), ()):
            with pytest.raises(InvalidArgumentError) as refused:
                FUNCTIONS[name](Refusing(), **{**NEEDED.get(name, {}), argument: wrong})
            assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda sg: find_shots(sg, {"type": "Sequence", "id": 7, "code": "sq010"}),
            "project must be of the type Project, and Sequence 7 is not.",
        ),
        (
            lambda sg: find_tasks(sg, assignee={"type": "Shot", "id": 7}),
            "assignee must be of the type HumanUser or ApiUser or ClientUser or Group, and Shot 7 is not.",
        ),
        (lambda sg: find_tasks(sg, step=5), "step, unless it is a name, must be a dict with 'type' and 'id', such as"),
        (lambda sg: find_shots(sg, status=["ip", None]), "sg_status_list must be text, or several texts, not None."),
        (lambda sg: find_shots(sg, filters=["code", "is", "a"]), r"such as \[\['code', 'is', 'sh010'\]\]"),
        (lambda sg: find_shots(sg, fields=[5]), "A field must be text such as 'code', not 5."),
        (lambda sg: find_notes(sg, unread="unread"), "unread must be True, False or None, not 'unread'."),
        (lambda sg: find_playlist_versions(sg, None), "playlist must be a dict with 'type' and 'id', such as"),
        (lambda sg: find_upstream_files(sg, [], levels="all"), "levels='all' is not a whole number"),
    ],
)
def test_error_names_the_argument(call, message):
    """
    The error names the argument, the expected value and the given value.
    """
    with pytest.raises(InvalidArgumentError, match=message):
        call(Refusing())


def test_reversed_days_match_nothing():
    """
    A reversed range of days matches nothing and sends no request, because sites differ in how they read it.
    """
    assert find_tasks(Refusing(), due_from="2026-03-05", due_to="2026-03-04") == []
