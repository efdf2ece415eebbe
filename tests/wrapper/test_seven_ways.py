"""
The seven ways that users work, and the shared ``sg``, as a user's script has them.

Each runs against a local site over real HTTP and HTTPS. The barriers only make sure that threads meet.
"""

import functools
import queue
import threading

import pytest
import shotgun_api3
from shotgun_api3.lib.mockgun import Shotgun as Mockgun

import sgextended
from sgextended import SGExtended, SGPool, SGWorker
from sgextended.domain.tasks import find_tasks

GUARD = 30  # seconds after which a thread that hangs fails its test


@pytest.fixture(autouse=True)
def environment(any_site, monkeypatch):
    """
    The environment of a user's script: the site, the script and its key.
    """
    for name, value in any_site.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def project(any_site):
    """
    A project of this test's own.
    """
    with SGExtended() as sg:
        return sg.create("Project", {"name": f"Project {_next()}"})


@pytest.fixture
def shot(project):
    """
    A shot with three tasks, one of them late.
    """
    sg = SGExtended()
    shot = sg.create("Shot", {"code": "sh010", "project": project})
    for name, due in (("layout", "2026-01-10"), ("animation", "2026-12-24"), ("light", None)):
        sg.create("Task", {"content": name, "due_date": due, "entity": shot, "project": project})
    return shot


def _next(numbers=iter(range(1, 10_000))):  # noqa: B008 - one counter for the whole module is what is meant
    return next(numbers)


def run_in_threads(*targets):
    """
    Run each target in a thread of its own and return what it returned, in order; what one raises is raised here.
    """
    outcomes = [None] * len(targets)

    def work(index, target):
        try:
            outcomes[index] = (target(), None)
        except BaseException as error:  # noqa: BLE001 - raised again below
            outcomes[index] = (None, error)

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(targets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    for _result, error in outcomes:
        if error is not None:
            raise error
    return [result for result, _error in outcomes]


class Studio(SGExtended):
    """
    A studio's class: methods that use the wrapper, its client, and each other.
    """

    def find_late_tasks(self, entity, today="2026-11-22"):
        return [task for task in self.find_tasks(entity) if (task["due_date"] or today) < today]

    def count_tasks(self, entity):
        return len(self._sg.find("Task", [["entity", "is", entity]]))

    def report(self, entity):
        return f"{len(self.find_late_tasks(entity))} of {self.count_tasks(entity)} are late"


def test_way_1_each_thread_makes_its_own(shot):
    """
    A function run by a thread makes its own instance, from the environment.
    """

    def worker():
        sg = SGExtended()
        return len(sg.find_tasks(shot)), len(sg.find("Task", [["entity", "is", shot]]))

    assert run_in_threads(*[worker] * 4) == [(3, 3)] * 4


def test_way_2_a_subclass_over_its_own_client(shot):
    """
    A subclass's methods call find, the wrapped client and each other.
    """
    studio = Studio()

    assert studio.report(shot) == "1 of 3 are late"


def test_way_2_a_subclass_over_a_given_client(any_site, shot):
    """
    The same subclass wraps an official client that the script already has.
    """
    official = shotgun_api3.Shotgun(any_site.url, any_site.script_name, any_site.api_key, ca_certs=any_site.ca_file)
    studio = Studio(official)

    assert studio.report(shot) == "1 of 3 are late"
    assert run_in_threads(*[lambda: studio.report(shot)] * 4) == ["1 of 3 are late"] * 4
    official.close()


def test_way_3_the_wrapper_is_the_worker(shot):
    """
    A wrapper with the work in its call is what a thread runs.
    """
    found = queue.Queue()

    class Report(SGWorker):
        def __call__(self):
            found.put([task["content"] for task in self.find_tasks(shot)])

    thread = threading.Thread(target=Report())
    thread.start()
    thread.join(GUARD)

    assert found.get(timeout=GUARD) == ["layout", "animation", "light"]


def test_way_4_a_plain_function_bound_to_any_client(any_site, shot, tmp_path):
    """
    The domain's functions accept an SGExtended, an official client and a Mockgun.
    """
    official = shotgun_api3.Shotgun(any_site.url, any_site.script_name, any_site.api_key, ca_certs=any_site.ca_file)
    bound_to_ours = functools.partial(find_tasks, SGExtended())
    bound_to_official = functools.partial(find_tasks, official)

    assert bound_to_ours(shot) == bound_to_official(shot)
    assert [task["content"] for task in bound_to_ours(shot, name="l*")] == ["layout", "light"]
    official.close()


def test_way_4_a_mockgun(any_site, tmp_path):
    """
    find_tasks works with a Mockgun that has the site's schema, as a function and as a method.
    """
    from shotgun_api3.lib.mockgun import generate_schema

    paths = [str(tmp_path / "schema"), str(tmp_path / "entities")]
    generate_schema(SGExtended(), *paths)
    Mockgun.set_schema_paths(*paths)
    mockgun = Mockgun("https://studio.example", "script", "key")
    project = mockgun.create("Project", {"name": "Mock"})
    shot = mockgun.create("Shot", {"code": "sh010", "project": project})
    mockgun.create("Task", {"content": "layout", "entity": shot, "project": project})

    assert [task["content"] for task in find_tasks(mockgun, shot)] == ["layout"]
    assert [task["content"] for task in SGExtended(mockgun).find_tasks(shot)] == ["layout"]


def test_way_5_one_per_thread_behind_a_function(shot):
    """
    current() is the same object within a thread, another in the next thread, and the class that it was asked of.
    """

    def worker():
        assert Studio.current() is Studio.current()
        assert sgextended.current() is SGExtended.current()
        return Studio.current(), sgextended.current(), Studio.current().report(shot)

    results = run_in_threads(worker, worker)

    assert len({id(wrapper) for studio, base, _report in results for wrapper in (studio, base)}) == 4
    assert [report for _studio, _base, report in results] == ["1 of 3 are late"] * 2


def test_way_6_a_queue_of_projects(project):
    """
    Workers take projects, each with its own wrapper, and count their assets; results come in order.
    """
    sg = Studio()
    projects = [project, *(sg.create("Project", {"name": f"Project {_next()}"}) for _ in range(5))]
    for count, each in enumerate(projects):
        sg.batch(
            [
                {"request_type": "create", "entity_type": "Asset", "data": {"code": f"a{n}", "project": each}}
                for n in range(count)
            ]
        ) if count else None
    wrappers = set()

    def count_assets(sg, project):
        wrappers.add(sg)
        return type(sg), len(sg.find_assets(project))

    assert list(sg.map(count_assets, projects, workers=4)) == [(Studio, count) for count in range(6)]
    assert sg not in wrappers
    assert len(wrappers) <= 4


def test_way_6_as_objects(project):
    """
    An SGWorker does the same: one instance for each worker, the work in its call.
    """

    class CountAssets(SGWorker):
        def __call__(self, project):
            return len(self.find_assets(project))

    SGExtended().create("Asset", {"code": "tree", "project": project})

    assert list(CountAssets.map([project, project], workers=2)) == [1, 1]


def test_way_7_a_pool_that_lends(shot):
    """
    A pool leases instances of the studio's class to one caller at a time, and creates at most max_size.
    """
    made = []

    class Counted(Studio):
        def __attrs_post_init__(self):
            made.append(self)

    inside = threading.Semaphore(2)

    with SGPool(Counted, max_size=2) as pool:

        def worker():
            with pool.lease() as sg:
                assert inside.acquire(blocking=False), "more than two leased at once"
                report = sg.report(shot)
                inside.release()
                return report

        assert run_in_threads(*[worker] * 6) == ["1 of 3 are late"] * 6
        assert len(made) <= 2


def test_one_shared_sg_creates_each_record_once(any_site, project):
    """
    Eight threads create fifty records each on one wrapper: 400 records, each with the data of its creator.
    """
    sg = SGExtended()
    barrier = threading.Barrier(8)

    def worker(number):
        barrier.wait(GUARD)
        codes = [f"shot_{number}_{n:02}" for n in range(50)]
        return [(code, sg.create("Shot", {"code": code, "project": project}, ["code", "project"])) for code in codes]

    results = run_in_threads(*[functools.partial(worker, number) for number in range(8)])
    created = [pair for result in results for pair in result]
    on_site = sg.find("Shot", [["project", "is", project]], ["code"])

    assert all(record["code"] == code and record["project"]["id"] == project["id"] for code, record in created)
    assert len({record["id"] for _code, record in created}) == 400
    assert sorted((row["id"], row["code"]) for row in on_site) == sorted((r["id"], code) for code, r in created)
