"""
A small production that breaks naive searches: equal names in two projects, groups, retired records, Unicode.
"""

from typing import Any, Dict, Iterator

import pytest

from sgextended import SGExtended
from sgextended.localsite import LocalSite


@pytest.fixture(scope="session")
def sg(make_sg) -> Iterator[SGExtended]:
    """
    A client on an empty site for these tests.
    """
    with LocalSite() as site:
        yield make_sg(site)


@pytest.fixture(scope="session")
def show(sg) -> Dict[str, Any]:
    """
    The records by the names that the tests use.
    """
    made: Dict[str, Any] = {}

    def make(key, kind, **data):
        made[key] = sg.create(kind, data)
        return made[key]

    department = make("animation", "Department", name="Animation", code="ANIM")
    for key, name, status in (("ana", "Ana Núñez", "act"), ("ben", "Ben Okri", "act"), ("gone", "Gus Left", "dis")):
        first, last = name.split()
        make(
            key,
            "HumanUser",
            firstname=first,
            lastname=last,
            login=key,
            email=f"{key}@studio.example",
            sg_status_list=status,
            department=department,
        )
    make("crew", "Group", code="crew", users=[made["ana"], made["gone"]])
    make("others", "Group", code="others", users=[made["ben"]])
    layout = make("layout", "Step", code="Layout", short_name="LAY", entity_type="Shot")
    light = make("light", "Step", code="Light", short_name="LGT", entity_type="Shot")

    for key, name, archived in (("bird", "Bird", False), ("tree", "Tree", False), ("old", "Old Film", True)):
        make(key, "Project", name=name, sg_status="Active" if key == "bird" else "Bidding", archived=archived)
    episode = make("episode", "Episode", code="ep01", project=made["bird"])
    sequence = make("sequence", "Sequence", code="sq010", project=made["bird"], episode=episode)
    make("sequence2", "Sequence", code="SQ020", project=made["bird"])
    for key, code, project, status, parent in (
        ("sh010", "sh010", "bird", "ip", sequence),
        ("sh020", "SH020", "bird", "wtg", made["sequence2"]),
        ("sh030", "sh030_größe", "bird", "ip", sequence),
        ("same", "sh010", "tree", "ip", None),
        ("retired", "sh040", "bird", "ip", sequence),
    ):
        make(key, "Shot", code=code, project=made[project], sg_status_list=status, sg_sequence=parent)
    sg.delete("Shot", made["retired"]["id"])
    for key, code, asset_type, status in (
        ("hero", "char_hero", "Character", "ip"),
        ("villain", "char_villain", "Character", "fin"),
        ("cart", "veh_cart[1]", "Vehicle", "ip"),
    ):
        make(key, "Asset", code=code, project=made["bird"], sg_asset_type=asset_type, sg_status_list=status)

    for key, content, step, assignees, status in (
        ("t_ana", "block", layout, ["ana"], "ip"),
        ("t_crew", "polish", layout, ["crew"], "wtg"),
        ("t_ben", "key light", light, ["ben"], "ip"),
        ("t_none", "fill light", light, [], "wtg"),
    ):
        make(
            key,
            "Task",
            content=content,
            entity=made["sh010"],
            project=made["bird"],
            step=step,
            task_assignees=[made[name] for name in assignees],
            sg_status_list=status,
        )
    for key, code, user, task in (("v1", "sh010_v001", "ana", "t_ana"), ("v2", "sh010_v002", "ben", "t_ben")):
        make(key, "Version", code=code, project=made["bird"], entity=made["sh010"], user=made[user], sg_task=made[task])
    make("dailies", "Playlist", code="dailies", project=made["bird"], versions=[made["v2"]])
    return made


@pytest.fixture(scope="module")
def own_sg(make_sg) -> Iterator[SGExtended]:
    """
    A client of a site that no other module uses, with the person Ana.
    """
    with LocalSite() as site:
        site.add_user("ana", "a password")
        yield make_sg(site)


@pytest.fixture(scope="module")
def ana(own_sg) -> Dict[str, Any]:
    """
    That person.
    """
    return own_sg.find_one("HumanUser", [["login", "is", "ana"]])
