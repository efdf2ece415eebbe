"""
``sg.aio.events``: the same events for asyncio.
"""

import asyncio
import json

import pytest


async def make_shots(sg, project, count):
    for number in range(count):
        await sg.aio.create("Shot", {"project": project, "code": f"s{number}"})


def test_events_are_looped_over(studio, tmp_path):
    """
    ``async for`` yields each event, and the checkpoint advances only when the loop asks for the next one.
    """
    sg, project = studio
    place = tmp_path / "place"
    sg.events(checkpoint=place).close()  # now, and not when the loop begins
    marks = []

    async def work():
        ids = []
        await make_shots(sg, project, 2)
        async for event in sg.aio.events(checkpoint=place, poll_seconds=0.01):
            ids.append(event.id)
            marks.append(json.loads(place.read_text())["position"]["mark"])
            if len(ids) == 5:
                break
        return ids

    ids = asyncio.run(work())

    assert marks == [number - 1 for number in ids]


def test_cancelled_task_ends_the_wait(studio, tmp_path):
    """
    A timeout of asyncio ends a loop in the middle of a wait, and frees the checkpoint.
    """
    sg, _project = studio
    place = tmp_path / "place"

    async def work():
        async for _event in sg.aio.events(checkpoint=place, poll_seconds=3600):
            pass

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(work(), 0.2))
    sg.events(checkpoint=place).close()


def test_waiting_loops_take_no_thread_from_calls(studio):
    """
    More waiting loops than the site has connections leave other calls free to run.
    """
    sg, project = studio

    async def work():
        async def wait():
            async for _event in sg.aio.events("Tool_None", poll_seconds=3600):
                pass

        tasks = [asyncio.ensure_future(wait()) for _ in range(sg.site.connections + 2)]
        found = await asyncio.wait_for(sg.aio.find_one("Project", [["id", "is", project["id"]]]), 20)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found

    assert asyncio.run(work())["id"] == project["id"]
