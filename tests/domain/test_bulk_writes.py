"""
Bulk writes: batches, their reports, lost responses, and resuming an interrupted run.
"""

import datetime
import json
import pickle

import pytest

from sgextended import BatchesFailed, ConfigurationError, InvalidArgumentError, OutcomeUnknown, RetryPolicy, SGExtended
from sgextended.domain.bulk_writes import create_many
from sgextended.localsite import LocalSite

#: Faults that lose responses: before and after the site has applied the request.
LOST = ("reset-after:rpc=batch,rate=0.3", "status=502:rpc=batch,rate=0.1,when=after", "reset-before:rate=0.1")


@pytest.fixture(scope="module")
def tls_site():
    """
    A local site over HTTPS for these tests.
    """
    with LocalSite(tls=True) as site:
        yield site


@pytest.fixture
def faults(tls_site):
    """
    The faults of that site; none before and after a test.
    """
    yield tls_site.faults
    tls_site.faults.clear()


@pytest.fixture
def sg(tls_site, make_sg):
    """
    A client on that site with short waits.
    """
    return make_sg(tls_site, retry=RetryPolicy(attempts=8, first_wait=0.001))


@pytest.fixture
def show(sg, request):
    """
    A project without shots.
    """
    return sg.create("Project", {"name": request.node.name})


def rows_for(show, count):
    return [{"project": show, "code": f"sh{number:04d}"} for number in range(count)]


def codes(sg, show):
    return sorted(row["code"] for row in sg.find("Shot", [["project", "is", show]], ["code"]))


def test_lost_responses_create_each_row_once(sg, show, faults):
    """
    Although responses are lost before and after the site applies a batch, each row is created once, and the report is
    in order.
    """
    for mishap in LOST:
        faults.add(mishap)
    rows = rows_for(show, 1000)
    report = sg.create_many("Shot", rows, unique_by=["project", "code"], batch_size=50)
    faults.clear()

    assert report
    assert [row["code"] for row in report.results] == [row["code"] for row in rows]
    assert len({row["id"] for row in report.results}) == 1000
    assert codes(sg, show) == [row["code"] for row in rows]
    assert str(report) == "1000 of 1000 done, 0 failed, 0 uncertain."


def test_report_separates_failed_and_uncertain_batches(sg, show, faults):
    """
    Without unique_by, a batch whose response was lost is uncertain, and a batch that the site refused is failed.
    """
    rows = rows_for(show, 40)
    rows[25] = {**rows[25], "no_such_field": 1}
    faults.add("reset-after:rpc=batch,next=1")
    report = sg.create_many("Shot", rows, batch_size=10, workers=1, on_error="collect")

    (lost,), (refused,) = report.uncertain, report.failed
    assert (lost.first, refused.first) == (0, 20)
    assert isinstance(lost.error, OutcomeUnknown)
    assert len(report.results) == 20
    assert not report
    assert str(report).splitlines()[0] == "20 of 40 done, 10 failed, 10 uncertain."
    assert len(codes(sg, show)) == 30


def test_failed_batch_raises_at_the_end(sg, show):
    """
    By default, a failure raises BatchesFailed at the end, with the report of all batches.
    """
    rows = rows_for(show, 4)
    rows[0] = {"no_such_field": 1}
    with pytest.raises(BatchesFailed, match="2 of 4 done, 2 failed, 0 uncertain") as caught:
        sg.create_many("Shot", rows, batch_size=2)

    assert len(caught.value.report.results) == 2
    assert len(pickle.loads(pickle.dumps(caught.value)).report.results) == 2  # as from a worker process


def test_journal_resumes_a_run(sg, show, faults, tmp_path):
    """
    The same call with its journal sends only the remaining batches. A batch that was in flight is not applied twice.
    """
    rows, journal = rows_for(show, 60), tmp_path / "journal"
    options = {"unique_by": ["project", "code"], "batch_size": 10, "workers": 1, "journal": journal}
    first = sg.create_many("Shot", rows, **options)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]))  # as if it had died after two batches, and the others were under way
    for row in first.results[40:]:
        sg.delete("Shot", row["id"])

    sent = sg.requests_sent
    second = sg.create_many("Shot", rows, **options)
    sent = sg.requests_sent - sent

    assert [row["id"] for row in second.results[:40]] == [row["id"] for row in first.results[:40]]
    assert codes(sg, show) == [row["code"] for row in rows]
    assert sent == 4 + 2  # looks, and batches


def test_progress_function_is_called(sg, show):
    """
    The progress function is called with numbers of batches.
    """
    told = []
    sg.create_many("Shot", rows_for(show, 5), batch_size=2, progress=lambda *numbers: told.append(numbers))

    assert told[-1] == (3, 0, 3)


def test_updates_and_deletes_are_batches_too(sg, show, faults):
    """
    Changed rows are updated and then retired, although every third response is lost.
    """
    rows = sg.create_many("Shot", rows_for(show, 60)).results
    faults.add("reset-after:rpc=batch,rate=0.3")
    for row in rows:
        row["description"] = row["code"].upper()
    updated = sg.update_many(rows, fields=["description"], batch_size=7).results
    statuses = sg.set_status(rows, "ip")
    deleted = sg.delete_many(rows, batch_size=7).results
    faults.clear()

    assert [row["description"] for row in updated] == [row["code"].upper() for row in rows]
    assert [row["sg_status_list"] for row in statuses] == ["ip"] * 60
    assert len(deleted) == 60
    assert codes(sg, show) == []


def test_deletes_of_retired_entities_do_not_stop_the_others(sg, show):
    """
    The site refuses a batch that deletes a retired entity. The entities that are live are retired all the same.
    """
    rows = sg.create_many("Shot", rows_for(show, 5)).results
    sg.delete("Shot", rows[1]["id"])
    sg.delete("Shot", rows[4]["id"])

    assert sg.delete_many(rows, batch_size=3).results == [True, False, True, True, False]
    assert codes(sg, show) == []


def test_a_delete_of_an_entity_that_never_existed_fails(sg, show):
    """
    An entity that is not among the retired ones was never there, so its batch fails and nothing of it is deleted.
    """
    rows = sg.create_many("Shot", rows_for(show, 2)).results

    with pytest.raises(BatchesFailed, match="does not exist"):
        sg.delete_many([*rows, {"type": "Shot", "id": 10**7}])
    assert len(codes(sg, show)) == 2


def test_the_status_of_a_project_is_another_field(sg, show):
    """
    set_status uses sg_status for projects.
    """
    assert sg.set_status(show, "Active") == [{"type": "Project", "id": show["id"], "sg_status": "Active"}]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sg: sg.create_many("Shot", ["sh010"]), "must be a dict of fields"),
        (lambda sg: sg.create_many("Shot", [{"code": "a"}], unique_by=["project"]), "that have a value"),
        (lambda sg: sg.create_many("Shot", [{"code": "a"}] * 2, unique_by=["code"]), "rows 0 and 1 have equal values"),
        (lambda sg: sg.create_many("Shot", [{"code": "a"}], journal="x"), "without unique_by="),
        (lambda sg: sg.create_many("Shot", [{"code": "a"}], batch_size=0), "batch_size=0"),
        (lambda sg: sg.create_many("Shot", [{"code": "a"}], on_error="ignore"), "on_error='ignore'"),
        (lambda sg: sg.update_many([{"type": "Shot", "id": 1}]), "no field to set"),
        (lambda sg: sg.update_many([{"type": "Shot", "id": 1, "code": "a"}], fields=["name"]), "lacks 'name'"),
        (lambda sg: sg.delete_many([1]), "must be dicts"),
        (lambda sg: sg.ensure("Shot", {}), "that have a value"),
    ],
)
def test_wrong_arguments_are_refused(sg, call, message):
    """
    Invalid arguments raise before a request is sent.
    """
    sent = sg.requests_sent
    with pytest.raises((InvalidArgumentError, ConfigurationError), match=message):
        call(sg)
    assert sg.requests_sent == sent


def test_a_lost_batch_is_not_taken_for_an_older_one(sg, show, faults):
    """
    A shot with the same key that existed long before is not returned as one of the lost batch.
    """
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    rows = [{"project": show, "code": f"v{number:03d}"} for number in range(3)]
    older = [sg.create("Version", {**row, "created_at": before})["id"] for row in rows]
    faults.add("reset-before:rpc=batch,next=1")
    made = sg.create_many("Version", rows, unique_by=["project", "code"]).results

    assert not {row["id"] for row in made} & set(older)
    assert sg.count("Version", [["project", "is", show]]) == 6


def test_a_lost_batch_with_rivals_is_uncertain(sg, show, faults):
    """
    If another caller has created one of the rows meanwhile, the lost batch is reported as uncertain.
    """
    sg.create("Shot", rows_for(show, 1)[0])
    faults.add("reset-after:rpc=batch,next=1")
    report = sg.create_many("Shot", rows_for(show, 2), unique_by=["project", "code"], on_error="collect")

    assert len(report.uncertain) == 1
    assert codes(sg, show) == ["sh0000", "sh0000", "sh0001"]


def test_a_lost_batch_with_blanks_is_created_once(sg, show, faults):
    """
    The site stores texts without blanks around them. Such rows are recognized, alone and among others.
    """
    rows = [{"project": show, "code": f" sh{number} "} for number in range(3)]
    for count in (1, 3):
        faults.add("reset-after:rpc=batch,next=1")
        sg.create_many("Shot", rows[:count], unique_by=["project", "code"])

        assert codes(sg, show) == [f"sh{number}" for number in range(count)]
        sg.delete_many(sg.find("Shot", [["project", "is", show]]))


def test_no_rows_send_no_request(sg):
    """
    Without rows, no request is sent.
    """
    sent = sg.requests_sent

    assert sg.create_many("Shot", []).results == sg.update_many([]).results == sg.delete_many([]).results == []
    assert sg.set_status([], "ip") == []
    assert sg.requests_sent == sent


def test_hooks_see_each_write(sg, show):
    """
    before_write is called for each write of a bulk call, also in the clones of the workers.
    """

    class Upper(SGExtended):
        def before_write(self, write):
            write.data["code"] = write.data["code"].upper()
            return write

    Upper(sg).create_many("Shot", rows_for(show, 5), batch_size=2)

    assert codes(sg, show) == [f"SH{number:04d}" for number in range(5)]


def test_a_mockgun_is_written_to(make_mockgun):
    """
    The plain function accepts a Mockgun.
    """
    report = create_many(make_mockgun(), "Shot", [{"code": "a"}, {"code": "b"}], batch_size=1)

    assert [row["code"] for row in report.results] == ["a", "b"]
    assert json.dumps(str(report)) == '"2 of 2 done, 0 failed, 0 uncertain."'


# --- ensure and copy_entity


def test_ensure_finds_or_creates(sg, show, faults):
    """
    The first call creates the entity with all data, the second finds it. Lost responses create no duplicate.
    """
    faults.add("reset-after:rpc=create,next=1")
    key = {"project": show, "code": "sh010"}
    made = sg.ensure("Shot", key, data={"description": "new"}, fields=["description"])
    again = sg.ensure("Shot", key, data={"description": "newer"}, fields=["description"])

    assert made == again == {"type": "Shot", "id": made["id"], "description": "new"}
    assert codes(sg, show) == ["sh010"]


def test_concurrent_ensure_returns_one_entity(sg, show):
    """
    Several threads that ensure the same entity at once get one entity, and the duplicates are retired.
    """
    key = {"project": show, "code": "sh010"}
    found = list(sg.map(lambda sg, _number: sg.ensure("Shot", key)["id"], range(16), workers=8))

    assert len(set(found)) == 1
    assert codes(sg, show) == ["sh010"]


def test_ensure_finds_what_the_site_keeps_unique(sg, show):
    """
    If the site refuses a second project with the name, ensure returns the first one.
    """
    blind = [True]

    class Late(SGExtended):
        def find(self, *args, **kwargs):
            return [] if blind and blind.pop() else super().find(*args, **kwargs)

    assert Late(sg).ensure("Project", {"name": show["name"]})["id"] == show["id"]


def test_copy_leaves_out_lists_of_links(sg, show):
    """
    A copy has the fields and links of the original except its tasks, and the given data.
    """
    shot = sg.create("Shot", {"project": show, "code": "a", "description": "d", "sg_cut_in": 7})
    task = sg.create("Task", {"project": show, "content": "anim", "entity": shot})
    copy = sg.copy_entity(shot, {"code": "b"})

    row = sg.get("Shot", copy, fields=["code", "description", "sg_cut_in", "project"])
    assert (row["code"], row["description"], row["sg_cut_in"], row["project"]["id"]) == ("b", "d", 7, show["id"])
    assert sg.find_tasks(shot)[0]["id"] == task["id"]
    named = sg.copy_entity(shot, fields=["code", "project"])
    assert sg.get("Shot", named, fields=["description"])["description"] is None
