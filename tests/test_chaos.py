"""
Everything goes wrong now and then: what many threads do on one wrapper then is done once, or said to be uncertain.

Each create has a code of its own, each thread has shots of its own, and so each knows what is true of them. At the end
the site's rows and its ledger are held against what the threads noted (`fix_chaos_notes.judge`). A failure names the
shot with all that was noted and done to it; the seed is `SEED`, though which request meets which mishap depends on the
threads as well. `benchmarks/chaos.py` runs the same longer, and with the official client.
"""

import contextlib
import itertools
import logging
import multiprocessing
import threading
import time
from pathlib import Path

import pytest
import shotgun_api3
from attrs import asdict
from fix_chaos import resources, work, work_elsewhere
from fix_chaos_notes import Notes, judge
from fix_chaos_site import PLAN, ChaosSite

import sgextended
from sgextended import OutcomeUnknown, RetryPolicy, SGExtended, TransportError
from sgextended.errors import CallError
from sgextended.http import retry
from sgextended.localsite.faults.fault_specs import KINDS, Mishap

pytestmark = pytest.mark.slow

SEED = 20261124
GUARD = 10  # seconds
MANY = 50  # files: more than what the tests before may have left to be closed by other threads
QUICK = RetryPolicy(attempts=6, first_wait=0.01, longest_wait=0.1)
#: Seconds in which the site of a busy machine answers, too. With the limit of the other tests all calls of a broken
#: client may fail there: nothing is done then, and no fault is found.
PATIENT = 60.0
LOSING = ("reset-after:rpc=create,rate=0.3",)

_names = itertools.count()

#: The kinds of mishaps that requests have; the other one is about the event log, which no call of the chaos reads.
OF_REQUESTS = [kind for kind in KINDS if kind != "late-events"]


@pytest.fixture(autouse=True)
def quiet(caplog):
    """
    Thousands of calls are not logged one by one.
    """
    caplog.set_level(logging.INFO, logger="sgextended")


@pytest.fixture(scope="module")
def chaos_site():
    """
    A site that can be told to misbehave, in a process of its own.
    """
    with ChaosSite() as site:
        yield site


@pytest.fixture
def name(chaos_site):
    """
    What the codes of a test's shots begin with; when it is over, nothing goes wrong any more.
    """
    yield f"run{next(_names)}-"
    chaos_site.misbehave(SEED, ())


def amiss(notes, harvest, name):
    """
    Return all that is wrong with a run, by what it is; empty when all is well.
    """
    harvest = {**harvest, "rows": [row for row in harvest["rows"] if row["code"].startswith(name)]}
    found = {**asdict(judge(notes, harvest)), "wrong": notes.wrong, "hung": notes.hung}
    return {what: items for what, items in found.items() if items}


def told(found):
    """
    Return what is wrong as text, five of a kind; pytest would shorten it.
    """
    lines = [f"{what} ({len(items)}): {item}" for what, items in found.items() for item in items[:5]]
    return "\n".join([f"seed {SEED}", *lines])


def summary(notes):
    """
    Return in a few lines what the threads of a broken client met, for when its fault is not found.
    """
    done = (
        f"{notes.calls} calls in {notes.seconds:.1f} s, the longest {notes.longest:.1f} s, {len(notes.writes)} writes"
    )
    errors = {note.error for note in notes.writes if note.error}
    return "\n".join([done, str(dict(notes.errors)), str(dict(notes.answered)), *sorted(errors)[:9], *notes.hung[:3]])


def unfounded(notes, harvest):
    """
    Return the names of reads that were answered more often than the site carried them out.
    """
    rpcs = {"find": "read", "find_one": "read"}
    answered = {}
    for call, count in notes.answered.items():
        answered[rpcs.get(call, call)] = answered.get(rpcs.get(call, call), 0) + count
    return [rpc for rpc, count in answered.items() if count > harvest["executed"][rpc]]


def is_told(class_name):
    """
    Tell whether a class of that name is what a call may raise: one of sgextended's, or what the site says.
    """
    found = getattr(sgextended, class_name, getattr(shotgun_api3, class_name, object))
    return issubclass(found, CallError)


def leased(sg):
    """
    Return how many connections did not come back to their pool.
    """
    return sg._sg._transport._pool.lent


def settled(before):
    """
    Return the files and threads that are open beyond those of *before*, once they have had time to end.
    """
    deadline = time.monotonic() + GUARD
    while time.monotonic() < deadline:
        more = {what: count - before[what] for what, count in resources().items() if count > before[what]}
        if not more:
            return {}
        time.sleep(0.1)
    return {**more, "names": [thread.name for thread in threading.enumerate()]}


def test_plan_has_every_kind_of_mishap():
    """
    Every kind that the local site knows is among what goes wrong, and statuses come with and without a time to wait.
    """
    mishaps = [Mishap.parse(spec) for spec in PLAN]
    asked = {(int(each.value), each.retry_after is not None) for each in mishaps if each.kind == "status"}

    assert {mishap.kind for mishap in mishaps} == set(OF_REQUESTS)
    assert {(429, True), (429, False), (502, False), (503, True), (504, False)} <= asked


def test_chaos_does_nothing_twice_and_loses_nothing():
    """
    3 000 calls by 16 threads on one wrapper: nothing is done twice or lost, every uncertain write says so, no answer is
    another call's, nothing hangs or stays open, and the site's ledger agrees with the threads' notes.
    """
    with ChaosSite() as site:
        before = resources()
        sg = SGExtended(site=site.site(retry=QUICK))
        site.misbehave(SEED)
        notes = work(lambda _: sg, site.world, seed=SEED, calls=3000)
        harvest = site.harvest()
        kept = leased(sg)
        sg.close()
        left = settled(before)

    found = amiss(notes, harvest, "t")
    assert not found, told(found)
    assert (kept, left) == (0, {})
    assert unfounded(notes, harvest) == []
    assert [error for error in notes.errors if not is_told(error)] == []
    assert notes.calls == 2992  # 187 of each thread
    assert [kind for kind in OF_REQUESTS if not harvest["happened"][kind]] == []
    assert notes.errors["OutcomeUnknown"] > 30


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_chaos_in_three_processes(chaos_site, name, method, monkeypatch):
    """
    Two more processes that are given a wrapper in use do no harm to it, nor it to them.
    """
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"there is no {method} here")
    for variable, value in chaos_site.environment.items():
        monkeypatch.setenv(variable, value)
    sg = SGExtended(site=sgextended.Site.from_env(retry=QUICK, read_timeout=2.0))
    sg.find_one("Project", [])
    chaos_site.misbehave(SEED)
    context = multiprocessing.get_context(method)
    pipes, processes = [], []
    for number in range(2):
        ours, theirs = context.Pipe(duplex=False)
        options = {"seed": SEED, "calls": 400, "threads": 4, "name": f"{name}{number}-"}
        process = context.Process(target=work_elsewhere, args=(theirs, sg, chaos_site.world, options))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    notes = work(lambda _: sg, chaos_site.world, seed=SEED, calls=400, threads=4, name=name)
    for pipe, process in zip(pipes, processes):
        assert pipe.poll(120)
        notes.add(Notes.from_json(pipe.recv()))
        process.join(GUARD)
        pipe.close()
    sg.close()

    found = amiss(notes, chaos_site.harvest(), name)
    assert not found, told(found)
    assert notes.calls == 1200


# --- The judge finds what is wrong


class Swapping(SGExtended):
    """
    Answers a question with the answer to the one before, now and then.
    """

    number, last = 0, None

    def find_one(self, *args, **kwargs):
        row, self.last = self.last, super().find_one(*args, **kwargs)
        self.number += 1
        return row if self.number % 10 == 0 else self.last


class Forgetting(SGExtended):
    """
    Says that it has updated what it has not, now and then.
    """

    number = 0

    def update(self, entity_type, entity_id, data, *args, **kwargs):
        self.number += 1
        if self.number % 5 == 0:
            return {"type": entity_type, "id": entity_id, **data}
        return super().update(entity_type, entity_id, data, *args, **kwargs)


class Denying(SGExtended):
    """
    Says that what is uncertain has failed.
    """

    def create(self, *args, **kwargs):
        try:
            return super().create(*args, **kwargs)
        except OutcomeUnknown as error:
            raise TransportError("It did not work.") from error


class Meddling(SGExtended):
    """
    Does more than it was asked for.
    """

    def delete(self, entity_type, entity_id):
        done = super().delete(entity_type, entity_id)
        super().revive(entity_type, entity_id)
        super().delete(entity_type, entity_id)
        return done


@pytest.mark.parametrize(
    ("broken", "plan", "finding"),
    [
        (Swapping, (), "wrong"),
        (Forgetting, (), "lost"),
        (Forgetting, (), "unexplained"),
        (Denying, LOSING, "denied"),
        (Meddling, (), "unexplained"),
    ],
)
def test_chaos_finds_a_broken_client(chaos_site, name, broken, plan, finding):
    """
    A client that is broken on purpose is found out, each in its way.
    """
    chaos_site.misbehave(SEED, plan)
    with broken(site=chaos_site.site(retry=QUICK, read_timeout=PATIENT)) as sg:
        notes = work(lambda _: sg, chaos_site.world, seed=SEED, calls=600, threads=8, name=name)

    assert finding in amiss(notes, chaos_site.harvest(), name), summary(notes)


def test_chaos_finds_a_client_that_repeats_creates(chaos_site, name, monkeypatch):
    """
    A client that takes creates for repeatable makes duplicates, and they are found.
    """
    monkeypatch.setitem(retry._REQUEST_KINDS, "create", retry.RequestKind.IDEMPOTENT)
    chaos_site.misbehave(SEED, LOSING)
    with SGExtended(site=chaos_site.site(retry=QUICK, read_timeout=PATIENT)) as sg:
        notes = work(lambda _: sg, chaos_site.world, seed=SEED, calls=400, threads=8, name=name)

    assert "duplicates" in amiss(notes, chaos_site.harvest(), name), summary(notes)


def test_chaos_finds_a_client_that_hangs(chaos_site, name):
    """
    A call that does not end is found, with what it was and where it stands.
    """
    go_on = threading.Event()

    class Hanging(SGExtended):
        def create(self, *args, **kwargs):
            go_on.wait(GUARD)
            return super().create(*args, **kwargs)

    with Hanging(site=chaos_site.site(retry=QUICK, read_timeout=PATIENT)) as sg:
        options = {"seed": SEED, "calls": 400, "threads": 2, "limit": 2.0, "grace": 0.5, "name": name}
        notes = work(lambda _: sg, chaos_site.world, **options)
        go_on.set()
        for thread in threading.enumerate():
            if thread.name.startswith(name):
                thread.join(GUARD)

    # Where the machine is slow, the other thread may be in a call as well.
    assert any("go_on.wait" in each for each in notes.hung), summary(notes)


def test_chaos_finds_what_stays_open(chaos_site):
    """
    A connection that is not given back, files and a thread are seen as long as they are open.
    """
    before = resources()
    go_on = threading.Event()
    with contextlib.ExitStack() as files, SGExtended(site=chaos_site.site()) as sg:
        sg.find_one("Project", [])
        pool = sg._sg._transport._pool
        connection = pool.lend()
        kept = leased(sg)
        pool.give_back(connection)
        del pool, connection
        thread = threading.Thread(target=go_on.wait, args=(GUARD,))
        thread.start()
        for _ in range(MANY):
            files.enter_context(Path(__file__).open("rb"))
        during = resources()
        go_on.set()
        thread.join()

    assert (kept, during["threads"] - before["threads"]) == (1, 1)
    assert during["files"] > before["files"] or not before["files"]
    assert settled(before) == {}
