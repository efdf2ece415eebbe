"""
Running a function over many items: order, laziness, bounds and failures.
"""

import concurrent.futures
import signal
import threading

import pytest
from fix_workers import GUARD, Source, fails_at_odd, work
from hypothesis import given, settings
from hypothesis import strategies as st

from sgextended import ConfigurationError, Failure, SGExtendedError, WorkerError
from sgextended.workers.map_results import AHEAD


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(), max_size=30), st.integers(min_value=1, max_value=6))
def test_results_are_those_of_the_items_in_order(items, workers):
    """
    The results are those of the builtin map, for any number of items and workers.
    """
    assert list(work(lambda _sg, item: (item, item * 2), items, workers)) == [(item, item * 2) for item in items]


def test_results_keep_the_order_of_the_items_when_the_first_is_slow():
    """
    A result that is ready early waits for those before it.
    """
    second_done = threading.Event()

    def function(_sg, item):
        if item == 0:
            assert second_done.wait(GUARD)
        else:
            second_done.set()
        return item

    assert list(work(function, range(4))) == [0, 1, 2, 3]


def test_nothing_happens_before_the_first_result_is_asked_for():
    """
    Creating the iterator takes no item and starts no thread.
    """
    source = Source()
    before = threading.active_count()

    results = work(lambda _sg, item: item, source)

    assert source.taken == 0
    assert threading.active_count() == before
    results.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_endless_items_are_taken_as_results_are(workers):
    """
    From an endless generator only a bounded number of items is taken ahead.
    """
    source = Source()
    results = work(lambda _sg, item: item, source, workers)
    taken = []
    for expected in range(20):
        assert next(results) == expected
        taken.append(source.taken - expected)
    results.close()

    assert max(taken) <= 2 * workers * AHEAD


def test_workers_work_at_the_same_time():
    """
    As many items are worked on at once as there are workers.
    """
    barrier = threading.Barrier(3)

    def function(_sg, item):
        barrier.wait(GUARD)
        return item

    assert list(work(function, range(6), workers=3)) == list(range(6))


def test_each_worker_has_a_wrapper_of_its_own():
    """
    A worker makes its wrapper in its own thread, once, and uses it for all its items.
    """
    barrier = threading.Barrier(3)

    def function(sg, _item):
        barrier.wait(GUARD)
        return sg, threading.current_thread()

    seen = list(work(function, range(9), workers=3))

    assert len({sg for sg, _thread in seen}) == 3
    assert all(sg.thread is thread for sg, thread in seen)


def test_no_more_wrappers_are_made_than_needed():
    """
    A worker that never got an item makes none.
    """
    made = []

    def make():
        made.append(None)

    list(work(lambda _sg, item: item, [1], workers=8, make=make))

    assert len(made) == 1


def test_wrapper_may_be_false():
    """
    A wrapper that is false, such as an empty list, is made once like any other.
    """
    made = []

    def make():
        made.append(None)
        return []

    list(work(lambda _sg, item: item, range(5), workers=1, make=make))

    assert len(made) == 1


def test_failure_names_its_item():
    """
    The error names the item, and has the original error as its cause.
    """

    def function(_sg, item):
        if item == 2:
            raise KeyError("no such shot")
        return item

    results = work(function, range(5))

    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(WorkerError, match=r"The work on 2 failed: KeyError: 'no such shot'") as caught:
        next(results)
    assert caught.value.item == 2
    assert isinstance(caught.value.__cause__, KeyError)
    assert isinstance(caught.value, SGExtendedError)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"type": "Shot", "id": 12, "code": "sh010"}, r"Shot 12 \(sh010\)"),
        ({"type": "Project", "id": 3, "name": "Alpha"}, r"Project 3 \(Alpha\)"),
        ({"type": "Task", "id": 4, "content": "Anim"}, r"Task 4 \(Anim\)"),
        ({"type": "Task", "id": 4}, "Task 4"),
        ({"id": 4}, r"\{'id': 4\}"),
        ("x" * 500, "'x{79}"),
    ],
)
def test_items_have_short_names(item, name):
    """
    An entity is named by type, id and name, anything else by the beginning of its repr.
    """
    with pytest.raises(WorkerError, match=f"^The work on {name} failed: ZeroDivisionError"):
        list(work(lambda _sg, _item: 1 / 0, [item]))


def test_failure_ends_the_work():
    """
    After a failure nothing more is taken, begun or returned, and no thread stays.
    """
    source = Source()
    begun = []

    def function(_sg, item):
        begun.append(item)
        if item == 0:
            raise KeyError("x")

    before = threading.active_count()
    results = work(function, source)
    with pytest.raises(WorkerError):
        next(results)

    assert source.taken <= 2 * 2 * AHEAD
    assert len(begun) <= source.taken
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(results)


def test_stop_iteration_in_the_work_is_a_failure():
    """
    A StopIteration that escapes from the work does not end the results silently.
    """
    with pytest.raises(WorkerError, match="StopIteration"):
        list(work(lambda _sg, _item: next(iter(())), [1]))


def test_failure_to_make_a_wrapper_is_a_failure_of_the_item():
    """
    If a worker cannot create its wrapper, the reason is in the message.
    """

    def make():
        raise ConfigurationError("SHOTGUN_URL is not set")

    with pytest.raises(WorkerError, match="ConfigurationError: SHOTGUN_URL is not set"):
        list(work(lambda _sg, item: item, [1], make=make))


def test_failure_of_the_items_is_raised_as_it_is():
    """
    An error of the generator of items is not one of the work.
    """

    def items():
        yield 1
        raise LookupError("items")

    with pytest.raises(LookupError, match="items"):
        list(work(lambda _sg, item: item, items()))


@pytest.mark.parametrize("chunksize", [1, 4])
def test_failure_of_the_items_comes_after_the_results_before_it(chunksize):
    """
    Items taken before the generator failed are processed, and their results come first.
    """

    def items():
        yield from range(10)
        raise LookupError("items")

    taken = []
    with pytest.raises(LookupError, match="items"):
        taken.extend(work(lambda _sg, item: item, items(), chunksize=chunksize))

    assert taken == list(range(10))


@pytest.mark.parametrize(("ordered", "on_error"), [(True, "raise"), (True, "collect"), (False, "collect")])
def test_what_its_executor_has_cancelled_is_a_failure(ordered, on_error):
    """
    If the executor is shut down, each remaining item is a failure, and the map does not wait for ever.
    """
    begun, submitted, go = threading.Event(), threading.Event(), threading.Event()
    futures = []

    class Executor(concurrent.futures.ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            futures.append(super().submit(*args, **kwargs))
            if len(futures) == 3:
                submitted.set()
            return futures[-1]

    executor = Executor(1)

    def function(_sg, item):
        begun.set()
        assert go.wait(GUARD)
        return item

    def shut_down():
        assert begun.wait(GUARD)
        assert submitted.wait(GUARD)
        executor.shutdown(wait=False, cancel_futures=True)
        go.set()

    thread = threading.Thread(target=shut_down)
    thread.start()
    results = work(function, range(3), 2, executor=executor, ordered=ordered, on_error=on_error)
    if on_error == "raise":
        assert next(results) == 0
        with pytest.raises(WorkerError, match="The work on 1 failed: CancelledError: The executor was shut down"):
            next(results)
    else:
        failures = [each for each in results if isinstance(each, Failure)]
        assert sorted(each.item for each in failures) == [1, 2]
    thread.join(GUARD)


def test_leaving_early_begins_nothing_more():
    """
    Leaving the loop waits for running items; no other item is begun.
    """
    first_runs, leave = threading.Event(), threading.Event()
    begun = []

    def function(_sg, item):
        begun.append(item)
        if item == 1:
            first_runs.set()
            leave.wait(GUARD)
        return item

    results = work(function, Source(), workers=1)
    assert next(results) == 0
    assert first_runs.wait(GUARD)
    closer = threading.Thread(target=results.close)
    closer.start()
    closer.join(0.05)
    waited = closer.is_alive()
    leave.set()
    closer.join(GUARD)

    assert waited
    assert begun == [0, 1]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows sends signals to processes only")
def test_ctrl_c_is_seen_though_it_ends_no_wait():
    """
    A signal just before a wait, or delivered to another thread, is handled before the next item is done.
    """
    pressed = [threading.Event(), threading.Event()]

    def press(_number, _frame):
        is_first = not pressed[0].is_set()
        pressed[not is_first].set()
        if is_first:
            raise KeyboardInterrupt

    def function(_sg, _item):
        seen = []
        for each in pressed:  # once while the caller waits for the result, once while it waits for the end
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            seen.append(each.wait(GUARD))
        saw.append(seen)

    saw = []
    before = signal.signal(signal.SIGINT, press)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(work(function, [0], 1))
    finally:
        signal.signal(signal.SIGINT, before)

    assert saw == [[True, True]]


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", None, True])
def test_bad_number_of_workers_is_refused_at_once(workers):
    """
    Less than one worker is refused by the call itself, not by the first result.
    """
    with pytest.raises(ConfigurationError, match=r"workers=.* at least 1"):
        work(lambda _sg, item: item, [], workers)


def test_threads_are_named():
    """
    The names of the worker threads say what they belong to.
    """
    (name,) = work(lambda _sg, _item: threading.current_thread().name, [1])

    assert name.startswith("sgextended-worker")


# --- The order, and failures


def test_results_come_as_they_are_ready():
    """
    Without order, a result that is ready does not wait for a slow one before it.
    """
    others_done = threading.Event()

    def function(_sg, item):
        if item == 0:
            assert others_done.wait(GUARD)
        return item

    results = work(function, range(4), ordered=False)
    found = [next(results) for _ in range(3)]
    others_done.set()

    assert sorted(found) == [1, 2, 3]
    assert list(results) == [0]


@pytest.mark.parametrize("chunksize", [None, 1, 3, 100])
@pytest.mark.parametrize("ordered", [True, False])
def test_failures_can_be_collected(ordered, chunksize):
    """
    Each failure is in the place of its result, with item and error, and the other items are processed.
    """
    results = list(work(fails_at_odd, range(7), on_error="collect", ordered=ordered, chunksize=chunksize))
    failures = [each for each in results if isinstance(each, Failure)]

    assert sorted(each for each in results if not isinstance(each, Failure)) == [0, 2, 4, 6]
    assert sorted((each.item, type(each.error), each.error.args) for each in failures) == [
        (item, KeyError, (f"odd {item}",)) for item in (1, 3, 5)
    ]
    assert not any(failures)
    assert not ordered or [isinstance(each, Failure) for each in results] == [bool(item % 2) for item in range(7)]


@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_chunks_change_no_result(chunksize):
    """
    However many items a worker takes at a time, each one has its result, in order.
    """
    assert list(work(lambda _sg, item: item * 2, range(10), chunksize=chunksize)) == list(range(0, 20, 2))


def test_a_failure_in_a_chunk_ends_it():
    """
    Items after a failed item in its chunk are not begun; those before it have their results.
    """
    begun = []

    def function(_sg, item):
        begun.append(item)
        return fails_at_odd(_sg, item)

    results = work(function, [0, 2, 3, 4], 1, chunksize=4)

    assert [next(results), next(results)] == [0, 2]
    with pytest.raises(WorkerError, match="The work on 3 failed: KeyError: 'odd 3'") as caught:
        next(results)
    assert caught.value.item == 3
    assert begun == [0, 2, 3]


def test_a_failure_stops_the_feeding_before_its_turn():
    """
    When a later item fails while an earlier one still runs, no more items are begun.
    """
    failed, source = threading.Event(), Source()

    def function(_sg, item):
        if item == 0:
            assert failed.wait(GUARD)
        if item == 1:
            failed.set()
            raise KeyError(item)
        return item

    results = work(function, source, 2)
    assert next(results) == 0
    with pytest.raises(WorkerError, match="The work on 1 failed"):
        list(results)
    assert source.taken <= 2 * 2 * AHEAD


def test_an_sg_that_cannot_be_made_is_the_failure_of_its_item():
    """
    If the *sg* of a worker cannot be created, the item that the worker had taken fails.
    """

    def make():
        raise ConfigurationError("no site")

    with pytest.raises(WorkerError, match="The work on 7 failed: ConfigurationError: no site"):
        list(work(lambda _sg, item: item, [7], make=make))
