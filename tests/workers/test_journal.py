"""
The journal of a map: finished items stay finished, however the run before ended.
"""

import concurrent.futures
import datetime
import errno
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgextended import ConfigurationError, Failure, WorkerError
from sgextended.workers.journal import Journal, key_of
from sgextended.workers.map import Options, run
from sgextended.workers.map_results import AHEAD


class Maker:
    """
    Makes the *sg* of a worker: None.
    """

    def __call__(self):
        return self

    def close(self):
        pass


def double(_sg, item):
    DONE.append(item)
    if item in BAD:
        raise KeyError(item)
    return item * 2


def other(_sg, item):
    return item


DONE, BAD = [], set()


@pytest.fixture(autouse=True)
def nothing_done_yet():
    """
    Each test begins with no item done and none bad.
    """
    DONE.clear()
    BAD.clear()


@pytest.fixture
def path(tmp_path):
    """
    Where the journal is.
    """
    return tmp_path / "run.jsonl"


def work(items, path, function=double, **options):
    return run(function, items, make=Maker(), options=Options(workers=2, journal=path, **options))


def test_the_same_call_again_does_nothing_twice(path):
    """
    A second run gives the same results in the same order, and works on no item.
    """
    first = list(work(range(5), path))
    DONE.clear()

    assert list(work(range(5), path)) == first == [0, 2, 4, 6, 8]
    assert DONE == []


def test_what_is_left_is_done(path):
    """
    After a run that ended early the next one does the items that were not done, and gives the results of all.
    """
    BAD.add(3)
    with pytest.raises(WorkerError):
        list(work(range(50), path))
    before = set(DONE)
    DONE.clear()
    BAD.clear()

    assert list(work(range(50), path)) == [item * 2 for item in range(50)]
    assert set(DONE) == set(range(50)) - (before - {3})


def test_leaving_the_loop_loses_nothing_that_is_done(path):
    """
    Items that were done when the loop was left are not repeated, whether or not their result was consumed.
    """
    results = work(range(50), path)
    next(results)
    results.close()
    before = list(DONE)
    list(work(range(50), path))

    assert sorted(DONE) == list(range(50))
    assert DONE[: len(before)] == before


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []
)
def test_signal_at_any_moment_loses_nothing_that_is_done(path, number):
    """
    A signal whose handler raises, while an item is submitted, ends the map, and finished items are in the journal.
    """

    class Interrupted(concurrent.futures.ThreadPoolExecutor):
        def submit(self, *args):
            submitted.append(super().submit(*args))
            if len(submitted) == 3:
                signal.raise_signal(number)
            return submitted[-1]

    def end(*_):
        sys.exit(143)

    submitted = []
    earlier = signal.signal(number, end)
    try:
        with Interrupted(2) as executor, pytest.raises(SystemExit):
            list(work(range(50), path, executor=executor))
        handler = signal.getsignal(number)
    finally:
        signal.signal(number, earlier)
    before = list(DONE)

    assert 3 <= len(submitted) <= 2 * 8 * AHEAD
    assert handler is end
    assert list(work(range(50), path)) == [item * 2 for item in range(50)]
    assert sorted(DONE) == list(range(50))
    assert DONE[: len(before)] == before


def test_failures_are_tried_again(path):
    """
    A failed item is not in the journal; the next run works on it.
    """
    BAD.add(2)
    first = list(work(range(4), path, on_error="collect"))
    BAD.clear()

    assert isinstance(first[2], Failure)
    assert list(work(range(4), path, on_error="collect")) == [0, 2, 4, 6]


@pytest.mark.parametrize("chunksize", [1, 2, 7])
@pytest.mark.parametrize("ordered", [True, False])
def test_known_and_new_items_come_together(path, ordered, chunksize):
    """
    Items from the journal among new ones keep their places, whatever is handed out together.
    """
    list(work([1, 4, 5], path))
    results = list(work(range(8), path, ordered=ordered, chunksize=chunksize))

    assert (results if ordered else sorted(results)) == [item * 2 for item in range(8)]


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(min_value=1, max_value=400))
def test_a_torn_end_is_left_out(tmp_path_factory, cut):
    """
    Wherever the file was cut, the next run resumes; only the item of the incomplete line is repeated.
    """
    path = tmp_path_factory.mktemp("journal") / "run.jsonl"
    DONE.clear()
    list(work([f"item {n}" for n in range(8)], path))
    whole = path.read_bytes()
    cut = min(cut, len(whole))
    path.write_bytes(whole[:-cut])
    kept = max(0, whole[:-cut].count(b"\n") - 1)
    DONE.clear()

    assert list(work([f"item {n}" for n in range(8)], path)) == [f"item {n}" * 2 for n in range(8)]
    assert len(DONE) == 8 - kept
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_broken_line_in_the_middle_is_no_journal(path):
    """
    An invalid line that is not the last is refused with its number; the file is not changed.
    """
    list(work(range(3), path))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"\x00\x01\n", *lines[2:]]))
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="line 3 cannot be read"):
        work(range(3), path)
    assert path.read_bytes() == before


def test_another_file_is_no_journal(path):
    """
    A file with other content is refused, and not written to.
    """
    path.write_text("shot,status\nsh010,ip\n")

    with pytest.raises(ConfigurationError, match="is not a journal"):
        work(range(3), path)
    assert path.read_text() == "shot,status\nsh010,ip\n"


def test_the_journal_of_another_function_is_refused(path):
    """
    A journal of another function is refused.
    """
    list(work(range(3), path))

    with pytest.raises(ConfigurationError, match=r"journal of .*:double, not of .*:other"):
        work(range(3), path, other)


def test_a_second_run_at_the_same_time_is_refused(path):
    """
    Two runs that write into one journal would do items twice.
    """
    pytest.importorskip("fcntl")
    first = work(range(50), path)
    next(first)

    with pytest.raises(ConfigurationError, match="Another run is writing"):
        list(work(range(50), path))
    first.close()
    assert len(list(work(range(50), path))) == 50


def test_entities_are_told_apart_by_type_and_id(path):
    """
    An entity with other fields is the same item.
    """
    seen = []

    def name(_sg, item):
        seen.append(item["id"])
        return item["code"]

    list(work([{"type": "Shot", "id": 1, "code": "a"}, {"type": "Asset", "id": 1, "code": "b"}], path, name))
    again = list(
        work([{"type": "Asset", "id": 1, "code": "new"}, {"type": "Shot", "id": 1, "code": "new"}], path, name)
    )

    assert again == ["b", "a"]
    assert seen == [1, 1]


def test_other_items_need_a_key(path):
    """
    Items other than entities, texts and whole numbers need a key function, or are refused.
    """
    items = [(1, "a"), (2, "b")]

    with pytest.raises(ConfigurationError, match="Pass key="):
        list(work(items, path, other))
    assert list(work(items, path, other, key=lambda item: item[1])) == items
    assert [json.loads(line).get("key") for line in path.read_bytes().splitlines()] == [None, "a", "b"]


def test_what_json_has_no_form_for_comes_back_as_its_text(path):
    """
    A datetime is kept as its text rather than lost.
    """
    at = datetime.datetime(2026, 11, 24, 9, 30, tzinfo=datetime.timezone.utc)

    def when(_sg, _item):
        return {"at": at}

    assert list(work([1], path, when)) == [{"at": at}]
    assert list(work([1], path, when)) == [{"at": str(at)}]


@pytest.mark.parametrize(("item", "key"), [({"type": "Shot", "id": 7}, "Shot:7"), ("sh010", "sh010"), (7, "7")])
def test_key_of_items(item, key):
    """
    Keys are what people would write.
    """
    assert key_of(item) == key


def test_unicode_survives(path):
    """
    Names are kept as they are written.
    """
    list(work(["Ünïcödé 漢字"], path))

    assert Journal(path, double).result("Ünïcödé 漢字") == "Ünïcödé 漢字" * 2
    assert "漢字" in path.read_text(encoding="utf-8")


def test_a_run_that_was_made_earlier_keeps_what_another_has_done_meanwhile(path):
    """
    The journal is read again when the work begins: items appended in between are neither repeated nor cut off.
    """
    late = work(range(6), path)
    list(work(range(4), path))
    DONE.clear()

    assert list(late) == [item * 2 for item in range(6)]
    assert sorted(DONE) == [4, 5]
    assert path.read_bytes().count(b"\n") == 7


def test_a_journal_that_was_deleted_before_the_work_is_begun_anew(path):
    """
    If the file was deleted, all its items are processed again.
    """
    list(work(range(3), path))
    results = work(range(3), path)
    path.unlink()

    assert list(results) == [0, 2, 4]
    assert list(work(range(3), path)) == [0, 2, 4]
    assert sorted(DONE) == [0, 0, 1, 1, 2, 2]


def test_processes_that_outlive_a_run_do_not_keep_its_journal(path):
    """
    A process that was forked during a run has the file open too; the next run may write into it nevertheless.
    """
    pytest.importorskip("fcntl")
    results = work(range(50), path)
    next(results)
    until, leave = os.pipe()
    child = os.fork()
    if not child:
        os.close(leave)
        os.read(until, 1)
        os._exit(0)
    try:
        results.close()
        assert len(list(work(range(50), path))) == 50
    finally:
        os.close(leave)
        os.waitpid(child, 0)
        os.close(until)


def in_a_circle(_sg, item):
    result = [item]
    result.append(result)
    return result if item == 1 else item


def with_pairs_as_keys(_sg, item):
    return {(1, 2): item} if item == 1 else item


@pytest.mark.parametrize("function", [in_a_circle, with_pairs_as_keys])
def test_a_result_that_json_cannot_hold_is_a_failure_of_its_item(path, function, caplog):
    """
    It says that the item was done; the others are kept, and nothing is logged.
    """
    results = list(work(range(3), path, function, on_error="collect", chunksize=3))

    assert [results[0], results[2]] == [0, 2]
    assert "The work was done, but the journal cannot store its result" in str(results[1].error)
    assert caplog.records == []
    with pytest.raises(WorkerError, match="The work on 1 failed: WorkerError: The work was done"):
        list(work(range(3), path, function))


def test_names_that_are_no_utf8_survive(path):
    """
    A file whose name has other bytes is an item, and a result, like any other.
    """
    name = os.fsdecode(b"sh010_\xff.exr")

    assert list(work([name], path)) == list(work([name], path)) == [name * 2]
    assert [name] == DONE


@pytest.mark.parametrize("key", [None, 7, ("a", 1), b"a"])
def test_a_key_that_is_no_text_is_refused(path, key):
    """
    A key that is not a text is refused before an item is begun, because JSON would change it.
    """
    with pytest.raises(ConfigurationError, match="must return a text"):
        list(work([1, 2], path, key=lambda _item: key))
    assert DONE == []


def test_the_work_may_change_its_item(path):
    """
    An item is known by the key that it had before the work.
    """

    def empty(_sg, item):
        item.clear()
        return "emptied"

    assert list(work([{"type": "Shot", "id": 1}], path, empty)) == ["emptied"]
    assert list(work([{"type": "Shot", "id": 1}], path, empty)) == ["emptied"]
    assert '"key": "Shot:1"' in path.read_text()


@pytest.mark.parametrize(("place", "reason"), [("missing/run.jsonl", "The folder"), (".", "Is a directory")])
def test_a_place_for_no_journal_is_refused_at_once(tmp_path, place, reason):
    """
    The call refuses a path where no file can be created.
    """
    with pytest.raises(ConfigurationError, match=reason):
        work([1], tmp_path / place)


def test_a_text_of_one_line_is_no_journal(path):
    """
    A file of one incomplete line that is not the beginning of a journal is refused, and not written to.
    """
    path.write_text("notes of mine")

    with pytest.raises(ConfigurationError, match="is not a journal"):
        work([1], path)
    assert path.read_text() == "notes of mine"


def test_a_full_disk_ends_the_work_and_tears_no_line(path):
    """
    A write error ends the map, also if failures are collected; the file can be resumed.
    """
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    taken = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))  # no file grows beyond it
    try:
        with pytest.raises(OSError, match="too large"):
            taken.extend(work(range(100), path, on_error="collect"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = path.read_bytes()

    assert kept.endswith(b"\n")
    assert taken == [item * 2 for item in range(len(taken))]
    assert len(taken) <= len(DONE) < 20
    assert list(work(range(100), path)) == [item * 2 for item in range(100)]


def test_a_drive_without_locks_is_no_other_run(path, monkeypatch):
    """
    Where the system cannot lock a file the work is done without.
    """
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)

    assert list(work(range(3), path)) == [0, 2, 4]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs this device")
@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_journal_is_no_device(device):
    """
    A device that can be read without end is not read.
    """
    with pytest.raises(ConfigurationError, match="cannot be a device"):
        Journal(device, key_of)
