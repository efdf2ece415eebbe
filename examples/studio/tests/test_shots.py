"""
Tests that create shots on an empty site. They also run on a live site.
"""

import pytest
from pipeline.studio import StudioSG

NAMES = [f"BRG_{number:04d}" for number in range(10, 310, 10)]


def test_sg_is_the_studios_own(sg):
    """
    The fixture ``sg`` is an instance of the class that pytest.ini names.
    """
    assert type(sg) is StudioSG
    assert StudioSG.current() is sg


@pytest.mark.parametrize("name", NAMES)
def test_shot_has_a_task_for_each_step(sg, sg_project, name):
    """
    A new shot has one task for each pipeline step.
    """
    shot = sg.add_shot(sg_project, name)

    assert sorted(task["content"] for task in sg.find_tasks(shot)) == ["anm", "cmp", "lay", "lgt"]
    assert len(sg.find_shots(sg_project)) == 1  # no shot of another test


@pytest.mark.parametrize("name", ["", "brg_0010", "BRG0010", "BRG_10", "BRG_0010 ", "BRG_00100", "XX_0010", "BRG-0010"])
def test_bad_name_is_refused(sg, sg_project, name):
    """
    An invalid name raises an error, and no shot is created.
    """
    with pytest.raises(ValueError, match="not a valid shot name"):
        sg.add_shot(sg_project, name)
    assert sg.find_shots(sg_project) == []


def test_second_shot_of_a_name_is_refused(sg, sg_project):
    """
    A project cannot have two shots of the same name.
    """
    sg.add_shot(sg_project, "BRG_0010")

    with pytest.raises(ValueError, match="already"):
        sg.add_shot(sg_project, "BRG_0010")


@pytest.mark.parametrize("count", range(1, 21))
def test_versions_are_counted(sg, sg_project, count):
    """
    The number of a version is one more than the number of versions before it.
    """
    shot = sg.add_shot(sg_project, "BRG_0010", steps=["ANM"])
    (task,) = sg.find_tasks(shot)
    sg.batch(
        [
            {"request_type": "create", "entity_type": "Version", "data": data}
            for data in [{"project": sg_project, "entity": shot, "sg_task": task, "code": "old"}] * (count - 1)
        ]
    )

    assert sg.publish(shot, "anm", frames="/shows/brg/%04d.exr")["code"] == f"BRG_0010_anm_v{count:03d}"
    assert sg.open_tasks(sg_project) == []
