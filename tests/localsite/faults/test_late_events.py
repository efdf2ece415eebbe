"""
The fault late-events: entries of the event log that become visible after later ones.
"""

import datetime as dt

import pytest

from sgextended.localsite import LocalSite
from sgextended.localsite.faults.fault_specs import Faults, Mishap


@pytest.fixture
def made(make_connection):
    """
    A site of this test's own with a project, a client and a function that creates a number of shots.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        project = sg.create("Project", {"name": "p"})

        def make_shots(count):
            return [sg.create("Shot", {"project": project, "code": f"s{number}"})["id"] for number in range(count)]

        yield site, sg, make_shots
        sg.close()


def ids(sg, above=0):
    """
    Return the ids of the visible entries above an id, the lowest first.
    """
    order = [{"field_name": "id", "direction": "asc"}]
    return [row["id"] for row in sg.find("EventLogEntry", [["id", "greater_than", above]], [], order)]


def gaps(seen):
    """
    Return the ids that are missing between the lowest and the highest of *seen*.
    """
    return sorted(set(range(min(seen), max(seen))) - set(seen))


def test_follower_of_the_highest_id_loses_entries(made):
    """
    A program that asks for the entries above the highest id that it knows loses late entries; one that asks for the
    missing ids again gets all of them.
    """
    site, sg, make_shots = made
    by_highest, by_gaps = ids(sg), set(ids(sg))
    with site.faults.during("late-events=3600:rate=0.5,seed=1,behind=20"):
        for _poll in range(10):
            make_shots(3)
            by_highest += ids(sg, above=max(by_highest))
            by_gaps |= set(ids(sg, above=min(gaps(by_gaps), default=max(by_gaps) + 1) - 1))
    make_shots(8)  # 24 entries that are visible at once
    by_highest += ids(sg, above=max(by_highest))
    by_gaps |= set(ids(sg, above=min(gaps(by_gaps), default=max(by_gaps) + 1) - 1))
    everything = ids(sg)

    assert gaps(everything) == []
    assert by_gaps == set(everything)
    lost = set(everything) - set(by_highest)
    assert 0 < len(lost) < len(everything) / 2


def test_change_itself_is_visible_at_once(made):
    """
    Only the entries are late; the rows that they are about are not.
    """
    site, sg, make_shots = made
    with site.faults.during("late-events=3600"):
        (shot,) = make_shots(1)

    assert sg.find_one("Shot", [["id", "is", shot]], ["code"])["code"] == "s0"
    assert sg.find("EventLogEntry", [["entity", "is", {"type": "Shot", "id": shot}]]) == []
    site.show_late_events()
    assert len(sg.find("EventLogEntry", [["entity", "is", {"type": "Shot", "id": shot}]])) == 3


def test_delay_is_bounded_in_entries(made):
    """
    An entry is visible at the latest when `behind` later entries have ids.
    """
    site, sg, make_shots = made
    with site.faults.during("late-events=3600:next=1,behind=1") as mishap:
        make_shots(1)
    hidden = ids(sg)
    make_shots(1)

    assert mishap.happened == 1
    assert len(ids(sg)) == len(hidden) + 6
    assert gaps(ids(sg)) == []


def test_delay_is_bounded_in_time(made):
    """
    An entry is visible at the latest when the time has passed, without any later write.
    """
    site, sg, make_shots = made
    now = site.store.clock()
    site.store.clock = lambda: now
    before = ids(sg)
    with site.faults.during("late-events=60"):
        make_shots(1)
    hidden = ids(sg)
    site.store.clock = lambda: now + dt.timedelta(seconds=60)

    assert hidden == before
    assert len(ids(sg)) == len(before) + 3


def test_gaps_that_never_fill(made):
    """
    With never=1 the ids of the affected entries stay unused, also when the site makes late entries visible.
    """
    site, sg, make_shots = made
    with site.faults.during("late-events=0:next=1,never=1"):
        make_shots(3)
    site.show_late_events()

    assert len(gaps(ids(sg))) == 3


def test_ids_are_the_same_in_every_run(make_connection):
    """
    A seed decides which entries are late.
    """

    def hidden(seed):
        with LocalSite(faults=[f"late-events=3600:rate=0.5,seed={seed}"]) as site:
            sg = make_connection(site)
            project = sg.create("Project", {"name": "p"})
            for number in range(12):
                sg.create("Shot", {"project": project, "code": f"s{number}"})
            found = ids(sg)
            sg.close()
        return found

    first, again, other = hidden(1), hidden(1), hidden(2)

    assert first == again
    assert first != other


def test_large_request_is_late_in_blocks(made):
    """
    The entries of a large batch are late in blocks of 33, so that some of its entries are visible and others not.
    """
    site, sg, _make_shots = made
    project = sg.find_one("Project", [["name", "is", "p"]])
    requests = [
        {"request_type": "create", "entity_type": "Shot", "data": {"project": project, "code": f"b{number}"}}
        for number in range(99)
    ]
    before = len(ids(sg))
    with site.faults.during("late-events=3600:rate=0.5,seed=3"):
        sg.batch(requests)
    visible = len(ids(sg)) - before

    assert 0 < visible < 297
    assert visible % 33 == 0


def test_entry_of_a_caller_is_never_late(made):
    """
    An entry that a caller creates is visible at once, and its id follows the ids that are reserved.
    """
    site, sg, make_shots = made
    project = sg.find_one("Project", [["name", "is", "p"]])
    highest = max(ids(sg))
    with site.faults.during("late-events=3600"):
        make_shots(1)
        own = sg.create("EventLogEntry", {"project": project, "event_type": "Tool_Shot_Check"})

    assert own["id"] == highest + 4
    assert max(ids(sg)) == own["id"]


def test_failed_request_leaves_no_late_entry(made):
    """
    A request that is rolled back has no entries, neither now nor later.
    """
    site, sg, make_shots = made
    (shot,) = make_shots(1)
    before = ids(sg)
    requests = [
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot, "data": {"code": "x"}},
        {"request_type": "update", "entity_type": "Shot", "entity_id": 10**6, "data": {"code": "x"}},
    ]
    with site.faults.during("late-events=3600"), pytest.raises(Exception, match="does not exist"):
        sg.batch(requests)
    site.show_late_events()

    assert ids(sg) == before


def test_late_entries_are_in_the_file_after_a_stop(make_connection, tmp_path):
    """
    A site that stops writes the entries that it held back.
    """
    with LocalSite(db=tmp_path / "s.sqlite", api_key="k", faults=["late-events=3600"]) as site:
        sg = make_connection(site)
        sg.create("Project", {"name": "p"})
        assert ids(sg) == []
        sg.close()
    with LocalSite(db=tmp_path / "s.sqlite", api_key="k") as site:
        sg = make_connection(site)
        assert len(ids(sg)) > 1
        sg.close()


def test_restored_site_forgets_late_entries(made):
    """
    Entries that were held back belong to rows that are gone when a snapshot is restored.
    """
    site, sg, make_shots = made
    snapshot = site.store.snapshot()
    before = ids(sg)
    with site.faults.during("late-events=3600"):
        make_shots(2)
    site.store.restore(snapshot)
    site.show_late_events()

    assert ids(sg) == before
    make_shots(1)
    assert gaps(ids(sg)) == []


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("late-events", "late-events must be a number of seconds"),
        ("late-events=1:rpc=create", "rpc and path are not for late-events"),
        ("late-events=1:path=/api3", "rpc and path are not for late-events"),
        ("late-events=1:behind=0", "behind must be a number of entries"),
        ("late-events=1:behind=x", "behind must be a whole number"),
        ("late-events=1:never=2", "never must be a share"),
        ("latency=1:behind=2", "behind and never are only for late-events"),
        ("latency=1:never=1", "behind and never are only for late-events"),
    ],
)
def test_what_is_not_valid_is_refused(spec, reason):
    """
    A specification that cannot be meant is refused with the reason.
    """
    with pytest.raises(ValueError, match=reason):
        Mishap.parse(spec)


def test_requests_are_not_affected():
    """
    late-events is no mishap of a request, and other mishaps delay no entries.
    """
    faults = Faults()
    faults.add("late-events=1")
    assert faults.draw("/api3/json", "create") == (0.0, None)
    faults.clear()
    faults.add("latency=1")
    assert faults.draw_event_delay() is None
