"""
Entities as attrs classes: the requested fields, conversion, errors and written changes.
"""

import datetime as dt
import enum
import gc
from typing import Any, ClassVar, Dict, List, Literal, Optional, Union

import attrs
import pytest
import shotgun_api3

from sgextended import ConfigurationError, Link, NotFoundError, PartialSuccessError, RecordError
from sgextended.domain.typed.read_write import _ORIGINALS, find_as, find_iter_as
from sgextended.domain.typed.record_classes import record_class_of
from sgextended.localsite import LocalSite


class Status(enum.Enum):
    """
    Statuses of shots.
    """

    WAITING = "wtg"
    IN_PROGRESS = "ip"
    FINAL = "fin"
    ON_HOLD = "hld"
    READY = "rdy"
    OMITTED = "omt"
    CBB = "cbb"


@attrs.define
class Sequence:
    """
    The entity behind a shot's link.
    """

    ENTITY_TYPE: ClassVar[str] = "Sequence"

    id: int
    code: str
    show: Link = attrs.field(metadata={"sg_field": "project"})
    name: Optional[str] = attrs.field(default=None, eq=False)  # comes with a link


@attrs.define
class Shot:
    """
    A studio's shot, with each kind of attribute.
    """

    ENTITY_TYPE: ClassVar[str] = "Shot"

    id: int
    code: str
    status: Status = attrs.field(metadata={"sg_field": "sg_status_list"})
    sequence: Optional[Sequence] = attrs.field(metadata={"sg_field": "sg_sequence"})
    show: str = attrs.field(metadata={"sg_field": "project.Project.name"})
    created_at: dt.datetime
    project: Link
    cut_in: Optional[int] = attrs.field(default=None, metadata={"sg_field": "sg_cut_in"})
    assets: List[Link] = attrs.field(factory=list)
    frames: List[int] = attrs.field(init=False, factory=list)  # not a field of the site


@attrs.frozen
class Asset:
    """
    One type that a task may belong to.
    """

    ENTITY_TYPE: ClassVar[str] = "Asset"

    id: int
    code: str
    kind: Literal["Character", "Environment", "Prop", "Vehicle", "FX", "Matte Painting"] = attrs.field(
        metadata={"sg_field": "sg_asset_type"}
    )


@attrs.define
class Version:
    """
    A version with a float.
    """

    ENTITY_TYPE: ClassVar[str] = "Version"

    id: int
    code: str
    project: Link
    aspect_ratio: Optional[float] = attrs.field(default=None, metadata={"sg_field": "sg_movie_aspect_ratio"})


@attrs.frozen
class SimpleShot:
    """
    Another type that a task may belong to.
    """

    ENTITY_TYPE: ClassVar[str] = "Shot"

    id: int
    sg_cut_in: Optional[int]


@attrs.define
class Task:
    """
    A task whose link may lead to one of several types.
    """

    ENTITY_TYPE: ClassVar[str] = "Task"

    id: int
    content: str
    due_date: Optional[dt.date]
    entity: Union[SimpleShot, Asset, None]
    task_assignees: List[Link]


@pytest.fixture(scope="module")
def site():
    """
    A local site with the demo production; tests write to it.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client on that site.
    """
    return make_sg(site)


def written(site):
    """
    Return the number of writes that the site has received.
    """
    return site.ledger.count("update") + site.ledger.count("create")


def test_rows_become_records(sg):
    """
    Values are converted to the types of the attributes, including linked and dotted fields.
    """
    (shot,) = sg.find_as(Shot, [["code", "is", "FOR_0010"]])
    fields = ["code", "sg_status_list", "sg_sequence", "project.Project.name", "created_at", "project", "sg_cut_in"]
    row = sg.find_one("Shot", [["code", "is", "FOR_0010"]], [*fields, "assets"])

    assert (shot.id, shot.code, shot.cut_in, shot.created_at) == (
        *(row["id"], row["code"], row["sg_cut_in"], row["created_at"]),
    )
    assert shot.status is Status(row["sg_status_list"])
    assert shot.sequence == Sequence(row["sg_sequence"]["id"], "FOR", Link("Project", row["project"]["id"]))
    assert shot.sequence.name == "FOR"
    assert shot.show == row["project.Project.name"] == shot.project.name
    assert [link.id for link in shot.assets] == [link["id"] for link in row["assets"]]
    assert {type(link) for link in shot.assets} == {Link}


def test_fields_are_asked_for_in_one_request(sg, site):
    """
    A find of records is one find, without requests for single records.
    """
    before = site.ledger.count("read")
    sg.find_as(Shot, [], limit=20)

    assert site.ledger.count("read") - before == 1
    assert record_class_of(Shot).fields == (
        *("id", "code", "sg_status_list", "sg_sequence", "sg_sequence.Sequence.code", "sg_sequence.Sequence.project"),
        *("project.Project.name", "created_at", "project", "sg_cut_in", "assets"),
    )


def test_type_of_a_link_chooses_the_class(sg):
    """
    In a Union, the entity type of the link selects the class, and its fields are read.
    """
    tasks = sg.find_as(Task, [], limit=500, order=[{"field_name": "id", "direction": "asc"}])
    about = {type(task.entity): task.entity for task in tasks}

    assert set(about) >= {SimpleShot, Asset}
    assert about[SimpleShot].sg_cut_in == sg.get("Shot", about[SimpleShot].id, fields=["sg_cut_in"])["sg_cut_in"]
    assert {type(task.due_date) for task in tasks} <= {dt.date, type(None)}


def test_other_ways_to_find_are_the_same(sg, site):
    """
    find_iter_as, get_as and the plain functions on a Shotgun return equal records.
    """
    plain = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    found = sg.find_as(Asset, [])

    assert len(found) > 20
    assert list(sg.find_iter_as(Asset, [])) == found
    assert find_as(plain, Asset, []) == found
    assert list(find_iter_as(plain, Asset, [])) == found
    assert sg.get_as(Asset, found[3].id) == sg.get_as(Asset, [["id", "is", found[3].id]]) == found[3]
    with pytest.raises(NotFoundError):
        sg.get_as(Asset, 999_999)


def test_filters_take_records(sg):
    """
    Values of conditions may be records, links, enumerations and dates, also in groups.
    """
    shot = sg.find_as(Shot, [["sg_sequence", "is_not", None]], limit=1)[0]
    in_group = {"filter_operator": "any", "filters": [["sg_status_list", "is", shot.status]]}
    filters = [["sg_sequence", "in", [shot.sequence]], ["project", "is", shot.project], in_group]

    assert shot.id in {each.id for each in sg.find_as(Shot, filters)}
    assert sg.find_as(Task, [["entity", "is", shot], ["due_date", "greater_than", dt.date(2000, 1, 1)]])
    assert sg.get_as(Shot, [["id", "is", shot.id], ["sg_sequence", "is", shot.sequence]]) == shot


@attrs.define
class Wrong:
    """
    A class that does not fit the data.
    """

    ENTITY_TYPE: ClassVar[str] = "Task"

    id: int
    content: int
    entity: Optional[SimpleShot]
    due_date: str = attrs.field(metadata={"sg_field": "task_reviewers"})
    status: Literal["wtg"] = attrs.field(default="wtg", metadata={"sg_field": "step.Step.description"})


def test_error_names_record_field_expected_and_found(sg):
    """
    The error lists every problem of a record with its field, the expected type and the value.
    """
    (task,) = sg.find("Task", [["entity", "type_is", "Asset"]], limit=1)
    name = sg.get("Task", task["id"], fields=["content"])["content"]
    with pytest.raises(RecordError) as caught:
        sg.get_as(Wrong, task["id"])

    first, *problems = str(caught.value).splitlines()
    assert first == f"Task {task['id']} ({name!r}) does not fit Wrong:"
    assert problems[0] == f"  content: expected int, found {name!r}."
    assert problems[1].startswith("  entity: expected Optional[SimpleShot], found {")
    assert problems[2] == "  due_date (field task_reviewers): expected str, found []."
    assert caught.value.entity == {"type": "Task", "id": task["id"]}
    assert len(caught.value.problems) == len(problems)


@attrs.define
class Cuts:
    """
    A class that requires a cut behind a link, which not all shots have.
    """

    ENTITY_TYPE: ClassVar[str] = "Task"

    @attrs.define
    class _Shot:
        ENTITY_TYPE: ClassVar[str] = "Shot"
        id: int
        cut_in: int

    id: int
    entity: _Shot


def test_error_behind_a_link_shows_its_path(sg):
    """
    A problem behind a link is reported with its path. For an empty field, the error suggests Optional.
    """
    message = r"entity\.cut_in: expected int, found None\. Use Optional for a field that may be empty"
    with pytest.raises(RecordError, match=message):
        sg.find_as(Cuts, [["entity.Shot.cut_in", "is", None], ["entity", "type_is", "Shot"]], limit=1)


def describe(**attributes):
    """
    Return a class of shots with attributes of these types.
    """
    fields = {name: attrs.field() for name in attributes}
    space = {"ENTITY_TYPE": "Shot", "__annotations__": {**attributes, "ENTITY_TYPE": ClassVar[str]}}
    return attrs.define(type("Made", (), {**space, **fields}))


class Plain:
    """
    Not an attrs class.
    """


@attrs.define
class Untyped:
    """
    An attrs class without an entity type.
    """

    id: int


@attrs.define
class Endless:
    """
    A class that links to itself.
    """

    ENTITY_TYPE: ClassVar[str] = "Shot"
    id: int
    parent: "Optional[Endless]"


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        (Plain, "is not an attrs class, so it cannot be a record class. Decorate it with attrs.define"),
        (Untyped, 'Add a line such as ENTITY_TYPE: ClassVar[str] = "Shot"'),
        (Endless, "nested without end: Endless > Endless. Use Link as the type of one of the attributes"),
        (describe(assets=List[Asset]), "Made.assets is a list of links, which only has the type, id and name"),
        (describe(sg_sequence=Union[Sequence, str]), "Made.sg_sequence mixes link types with other types"),
    ],
)
def test_class_that_cannot_work_is_refused(sg, site, owner, message):
    """
    An invalid record class raises before a request is sent, and the error says what is missing.
    """
    before = site.ledger.count("read")
    with pytest.raises(ConfigurationError) as caught:
        sg.find_as(owner, [])

    assert message in str(caught.value)
    assert site.ledger.count("read") == before


def test_missing_cattrs_raises(sg, monkeypatch):
    """
    Without the extra, the error says what to install.
    """
    monkeypatch.setitem(__import__("sys").modules, "cattrs", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'sgextended\[typed\]'"):
        sg.find_as(describe(id=int), [])


# --- Writing


def test_update_sends_what_changed(sg, site):
    """
    Only the changed fields are sent. A second update sends nothing.
    """
    shot = sg.find_as(Shot, [["sg_sequence", "is_not", None]], limit=1)[0]
    shot.cut_in, shot.status, shot.assets = 1234, Status.CBB, [Link("Asset", 1)]
    sent = sg.update_as(shot)

    assert sent == {"sg_cut_in": 1234, "sg_status_list": "cbb", "assets": [{"type": "Asset", "id": 1}]}
    assert sg.get_as(Shot, shot.id) == shot
    before = written(site)
    assert sg.update_as(shot) == {}
    assert written(site) == before
    shot.assets.append(Link("Asset", 2))
    assert sg.update_as(shot) == {"assets": [{"type": "Asset", "id": 1}, {"type": "Asset", "id": 2}]}


def test_update_of_a_copy_needs_before(sg):
    """
    A result of attrs.evolve is written with before= and raises without it.
    """
    shot = sg.find_as(Shot, [], limit=1)[0]
    other = attrs.evolve(shot, cut_in=77)

    with pytest.raises(RecordError, match=r"The state of this Shot before the changes is unknown.*before="):
        sg.update_as(other)
    assert sg.update_as(other, before=shot) == {"sg_cut_in": 77}
    with pytest.raises(RecordError, match="but the record has the id"):
        sg.update_as(shot, before=sg.find_as(Shot, [["id", "is_not", shot.id]], limit=1)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shot: setattr(shot, "show", "Other"), r"Shot.show \(field project.Project.name\) cannot be written"),
        (lambda shot: setattr(shot.sequence, "code", "X"), r"fields of that entity were changed.* Read it with get_as"),
        (lambda shot: setattr(shot, "cut_in", "ten"), r"Shot.cut_in: expected Optional\[int\], found 'ten'"),
        (lambda shot: setattr(shot, "project", Link("Shot", 1)), None),
    ],
)
def test_update_of_linked_or_invalid_values_is_refused(sg, site, change, message):
    """
    Changes that would be lost, and invalid values, raise before a request is sent.
    """
    shot = sg.find_as(Shot, [["sg_sequence", "is_not", None]], limit=1)[0]
    change(shot)
    before = written(site)
    if message is None:  # a Link may have any type, so only the schema can refuse it
        with pytest.raises(ValueError, match="links to Project"):
            sg.validated().update_as(shot)
    else:
        with pytest.raises(RecordError, match=message):
            sg.update_as(shot)

    assert written(site) == before


def test_original_state_is_dropped_with_the_record(sg):
    """
    The original state of a record is kept only as long as the record.
    """
    gc.collect()
    before = len(_ORIGINALS._rows)
    shots = sg.find_as(Shot, [], limit=30)
    assert len(_ORIGINALS._rows) == before + 30
    del shots
    gc.collect()

    assert len(_ORIGINALS._rows) == before


def test_create_takes_attributes(sg):
    """
    A record is created from attributes of its class, with links in any form, and returned as an instance.
    """
    sequence = sg.find_as(Sequence, [], limit=1)[0]
    data: Dict[str, Any] = {"code": "NEW_0010", "project": sequence.show, "sequence": sequence, "cut_in": 1001}
    shot = sg.create_as(Shot, {**data, "status": Status.READY, "assets": [{"type": "Asset", "id": 1}]})

    assert (shot.code, shot.cut_in, shot.status, shot.sequence) == ("NEW_0010", 1001, Status.READY, sequence)
    assert shot == sg.get_as(Shot, shot.id)
    shot.cut_in = 1002
    assert sg.update_as(shot) == {"sg_cut_in": 1002}


def test_integer_for_a_float_is_sent_as_a_float(sg):
    """
    Python takes an integer where a float is annotated, and sites refuse it; so a float is sent.
    """
    version = sg.create_as(Version, {"code": "v", "project": Link("Project", 1), "aspect_ratio": 2})
    version.aspect_ratio = 3
    sent = sg.update_as(version)

    assert (sent, type(sent["sg_movie_aspect_ratio"])) == ({"sg_movie_aspect_ratio": 3.0}, float)
    assert sg.get_as(Version, version.id).aspect_ratio == 3.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"cod": "a"}, "Shot has no attribute 'cod'. Did you mean 'code'"),
        ({"code": 5}, "Shot.code: expected str, found 5"),
        ({"status": "inprogress"}, "Shot.status: expected Status, found 'inprogress'"),
        ({"sequence": Link("Asset", 1)}, r"Shot.sequence: expected Optional\[Sequence\], found Link"),
        ({"assets": Link("Asset", 1)}, r"Shot.assets: expected List\[Link\], found Link"),
        ({"show": "a"}, r"Shot.show \(field project.Project.name\) cannot be set"),
        ({"id": 5}, r"Shot.id \(field id\) cannot be set"),
    ],
)
def test_create_refuses_what_the_class_has_not(sg, site, data, message):
    """
    Unknown names and invalid values raise before a request is sent.
    """
    before = written(site)
    with pytest.raises(RecordError, match=message):
        sg.create_as(Shot, data)

    assert written(site) == before


def test_created_entity_that_does_not_fit_is_not_lost(sg):
    """
    If a created entity does not fit the class, the error has the entity.
    """
    show = sg.find_projects()[0]
    with pytest.raises(PartialSuccessError, match="was created, but cannot be read as") as caught:
        sg.create_as(describe(id=int, code=str, description=str, project=Any), {"code": "a", "project": show})

    assert sg.exists("Shot", caught.value.entity["id"])
