"""
`ensure` and `create_version` with other callers at the same moment, in threads and processes, and with lost responses.
"""

import multiprocessing
import threading
from types import SimpleNamespace

import pytest

from sgextended import OutcomeUnknown, RetryPolicy, SGExtended, Site
from sgextended.domain import concurrent_creates
from sgextended.localsite import LocalSite

AT_ONCE = RetryPolicy(attempts=4, first_wait=0.001)
#: 8 % of the responses to creates are lost, half of them before the site has executed the create.
LOST = ("reset-after:rpc=create,rate=0.04", "reset-before:rpc=create,rate=0.04,seed=1")
PROCESSES, THREADS, KEYS = 2, 6, 12  # benchmarks/ensure.py uses 3, 12 and 200


class Ended(BaseException):
    """
    The end of a process.
    """


class Meanwhile(SGExtended):
    """
    A wrapper that runs functions before and after its next create, and does not see some ids in searches.
    """

    before = after = None
    unseen = frozenset()

    def create(self, *args, **options):
        before, self.before = self.before, None
        if before is not None:
            before()
        made = super().create(*args, **options)
        after, self.after = self.after, None
        if after is not None:
            after(made)
        return made

    def find(self, *args, **options):
        return [row for row in super().find(*args, **options) if row["id"] not in self.unseen]


@pytest.fixture(scope="module")
def site():
    """
    A local site for these tests, which make it misbehave.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture
def settings(site, make_site):
    """
    The settings of that site, with short waits; no faults after a test.
    """
    yield make_site(site, retry=AT_ONCE)
    site.faults.clear()


@pytest.fixture
def sg(settings):
    """
    A wrapper for that site.
    """
    return SGExtended(site=settings)


@pytest.fixture
def key(sg, request):
    """
    The key of a shot in a project of the test's own.
    """
    project = sg.create("Project", {"name": request.node.name, "tank_name": request.node.name})
    return {"project": {"type": "Project", "id": project["id"]}, "code": "sh010"}


@pytest.fixture
def shot(sg, key):
    """
    A shot.
    """
    return sg.create("Shot", key)


def shots(sg, key):
    return [row["id"] for row in sg.find("Shot", [["project", "is", key["project"]]], [])]


# --- ensure


@pytest.mark.parametrize("fault", ["reset-after", "reset-before"])
@pytest.mark.parametrize("lost", ["first", "second"])
def test_ensure_with_a_lost_response_leaves_one(site, settings, key, fault, lost):
    """
    Two callers have searched, and the response to one create is lost: both get the same shot, and no other one is left.
    """
    got, both_have_searched, first_is_done = {}, threading.Barrier(2), threading.Event()

    def work(name):
        sg = Meanwhile(site=settings)

        def before():
            both_have_searched.wait(20)
            if name == "second":
                assert first_is_done.wait(20)
            if name == lost:
                site.faults.add(f"{fault}:rpc=create,next=1")

        sg.before = before
        try:
            got[name] = sg.ensure("Shot", key)
        finally:
            first_is_done.set()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert got["first"]["id"] == got["second"]["id"]
    assert shots(SGExtended(site=settings), key) == [got["first"]["id"]]


def test_an_id_that_becomes_visible_late_leaves_one(sg, settings, key):
    """
    A caller whose shot has the lower id, but was not visible to the other caller, retires the other shot.
    """
    early, other = Meanwhile(site=settings), Meanwhile(site=settings)
    given = []

    def ensure_elsewhere(made):
        other.unseen = {made["id"]}
        given.append(other.ensure("Shot", key)["id"])

    early.after = ensure_elsewhere
    kept = early.ensure("Shot", key)["id"]

    assert kept < given[0]
    assert shots(sg, key) == [kept]
    assert sg.ensure("Shot", key)["id"] == kept


def test_what_an_ended_process_has_created_is_retired_by_a_concurrent_call(sg, settings, key):
    """
    A process that ends before it retires its duplicate leaves none if the call that created the first shot goes on.
    """
    early, ended = Meanwhile(site=settings), Meanwhile(site=settings)

    def end(_made):
        raise Ended

    def ensure_elsewhere(made):
        ended.unseen, ended.after = {made["id"]}, end
        with pytest.raises(Ended):
            ended.ensure("Shot", key)
        assert len(shots(sg, key)) == 2

    early.after = ensure_elsewhere

    assert shots(sg, key) == [] != [early.ensure("Shot", key)["id"]] == shots(sg, key)


def test_what_an_ended_process_leaves_is_found(sg, key):
    """
    A later ensure returns the lowest id and retires nothing; the call of docs/reliability.md finds the duplicates.
    """
    first, second = (sg.create("Shot", key) for _ in range(2))
    rows = sg.find("Shot", [["project", "is", key["project"]]], ["code"])
    duplicates = [(code, len(same)) for code, same in sg.group_by(rows, "code") if len(same) > 1]

    assert sg.ensure("Shot", key)["id"] == first["id"]
    assert shots(sg, key) == [first["id"], second["id"]]
    assert duplicates == [("sh010", 2)]


@pytest.mark.parametrize("fault", ["reset-after:rpc=create,next=1", None])
def test_ensure_retires_nothing_of_another_user(site, make_sg, sg, settings, key, fault):
    """
    An equal shot that somebody else creates meanwhile stays.
    """
    login = f"ada-{key['project']['id']}"
    site.add_user(login, "pw", role="manager")
    mine = Meanwhile(site=settings)
    theirs = []

    def create_elsewhere(_made=None):
        theirs.append(make_sg(site, sudo_as_login=login).create("Shot", key)["id"])
        if fault is not None:
            site.faults.add(fault)

    if fault is None:
        mine.after = create_elsewhere
    else:
        mine.before = create_elsewhere
    mine.ensure("Shot", key)

    assert theirs[0] in shots(sg, key)


def ensure_all(address, keys, begin, results):
    """
    Ensure all keys in several threads, in a process of its own.
    """
    url, script_name, api_key = address
    sg = SGExtended(site=Site(url=url, script_name=script_name, api_key=api_key, retry=AT_ONCE))
    together = threading.Barrier(THREADS)
    begin.wait(60)

    def work(number):
        together.wait(60)
        results.put([sg.ensure("Shot", key)["id"] for key in keys])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_many_threads_and_processes_leave_no_duplicate(site, sg, key):
    """
    All threads of all processes get the same shot for each key, and no duplicate is left, with 8 % of responses lost.
    """
    keys = [{**key, "code": f"sh{number:03d}"} for number in range(KEYS)]
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(PROCESSES), context.Queue()
    for fault in LOST:
        site.faults.add(fault)
    work = ((site.url, site.script_name, site.api_key), keys, begin, results)
    processes = [context.Process(target=ensure_all, args=work) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    got = [results.get(timeout=60) for _ in range(PROCESSES * THREADS)]
    for process in processes:
        process.join(60)
    site.faults.clear()

    assert all(ids == got[0] for ids in got)
    assert shots(sg, key) == sorted(got[0])


# --- create_version


@pytest.mark.parametrize("fault", ["reset-after", "reset-before"])
@pytest.mark.parametrize("differs", [{}, {"description": "theirs"}])
def test_the_version_of_another_caller_is_never_taken(site, sg, settings, shot, fault, differs):
    """
    If another caller creates the same version meanwhile and the own response is lost, the own version is returned.
    """
    mine, theirs = Meanwhile(site=settings), []

    def create_elsewhere():
        theirs.append(sg.create_version(shot, "v001", **differs)["id"])
        site.faults.add(f"{fault}:rpc=create,next=1")

    mine.before = create_elsewhere
    made = mine.create_version(shot, "v001")

    assert made["id"] > theirs[0]
    assert [row["id"] for row in sg.find_versions(shot)] == [theirs[0], made["id"]]


def test_equal_versions_of_two_processes_are_not_told_apart(site, sg, settings, shot):
    """
    If an equal version comes from another process, and the response is lost, the call raises and names both versions.
    """
    mine = Meanwhile(site=settings)

    def create_elsewhere():
        sg.create("Version", {"code": "v001", "entity": shot, "project": shot["project"]})  # as another process does
        site.faults.add("reset-after:rpc=create,next=1")

    mine.before = create_elsewhere
    with pytest.raises(OutcomeUnknown) as caught:
        mine.create_version(shot, "v001")

    ids = [row["id"] for row in sg.find_versions(shot)]
    assert len(ids) == 2
    assert f"perhaps by another caller: {ids[0]}, {ids[1]}. " in str(caught.value)


def test_a_version_in_the_making_is_waited_for(site, sg, settings, shot, monkeypatch):
    """
    While a thread waits for the response to an equal create, its version is not taken by a caller of a lost create.
    """
    slow, mine = Meanwhile(site=settings), Meanwhile(site=settings)
    got, is_created, may_return = {}, threading.Event(), threading.Event()

    def hold(_made):
        is_created.set()
        assert may_return.wait(20)

    slow.after = hold
    thread = threading.Thread(target=lambda: got.update(slow=slow.create_version(shot, "v001")))

    def let_it_return(_seconds):
        may_return.set()
        thread.join(20)

    monkeypatch.setattr(concurrent_creates, "time", SimpleNamespace(sleep=let_it_return))

    def create_elsewhere():
        thread.start()
        assert is_created.wait(20)
        site.faults.add("reset-before:rpc=create,next=1")

    mine.before = create_elsewhere
    made = mine.create_version(shot, "v001")

    assert [row["id"] for row in sg.find_versions(shot)] == [got["slow"]["id"], made["id"]]
