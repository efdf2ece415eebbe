"""
Running a function over many items: the caller's own executor, and a map that a worker garbage-collects.
"""

import concurrent.futures
import gc
import threading

from fix_workers import GUARD, work


def test_an_executor_of_ones_own_is_used_and_left_open():
    """
    The caller's own executor does the work, and can be used afterwards.
    """
    with concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix="mine") as executor:
        names = set(work(lambda _sg, _item: threading.current_thread().name[:4], range(9), executor=executor))

        assert names == {"mine"}
        assert executor.submit(int, "7").result() == 7


def test_leaving_early_cancels_what_an_executor_has_not_begun():
    """
    With an executor that is left open nothing of the map is begun after the loop was left.
    """
    begun, go = [], threading.Event()

    def function(_sg, item):
        begun.append(item)
        assert item == 0 or go.wait(GUARD)
        return item

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        results = work(function, range(50), 1, executor=executor)
        next(results)
        go.set()
        results.close()
        before = len(begun)
        executor.submit(int).result()

    assert len(begun) == before <= 3


def test_a_map_that_a_worker_of_its_own_collects_ends_too():
    """
    If a worker's own thread garbage-collects the map, it does not wait for itself, and the map ends.
    """
    left, collected = threading.Event(), threading.Event()
    before = set(threading.enumerate())

    def function(_sg, item):
        if item:
            assert left.wait(GUARD)
            gc.collect()
            collected.set()

    holder = {"results": work(function, range(9), 1)}
    holder["itself"] = holder
    next(holder["results"])
    gc.disable()
    try:
        del holder
        left.set()
        assert collected.wait(GUARD)
    finally:
        gc.enable()
    own = {thread for thread in threading.enumerate() if thread.name.startswith("sgextended-")} - before
    for thread in own:
        thread.join(GUARD)

    assert not [thread for thread in own if thread.is_alive()]
