"""
Values that hold for one ``with`` block: where they are seen, and that nothing leaves them set.
"""

import contextlib
import gc
import threading
from contextvars import copy_context

import pytest
from fix_interrupts import interrupted_everywhere
from fix_servers import GUARD

from sgextended import ReadOnlyError, SGExtended, Site
from sgextended.aio import _is_block
from sgextended.concurrency.scoped_value import NO_BLOCK, ScopedValue
from sgextended.http import cancellation, deadline
from sgextended.http.cancellation import CancelToken
from sgextended.observe import trace
from sgextended.observe.watchers import in_hook, is_in_hook
from sgextended.wrapper.current import set_for
from sgextended.wrapper.hooks_mixin import _is_in_dry_run
from sgextended.writes.write_events import RECORDER


@pytest.fixture
def variable():
    """
    A variable without a value.
    """
    return ScopedValue("test", None)


@pytest.fixture
def sg():
    """
    A wrapper of a site that is not there.
    """
    with SGExtended(site=Site(url="http://127.0.0.1:9", script_name="robot", api_key="key")) as made:
        yield made


def in_thread(function):
    """
    Return what a function returns in a thread of its own.
    """
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join(GUARD)
    return found[0]


# --- Blocks


def test_value_holds_for_the_block(variable):
    """
    Inside the block the value is seen, inside another one the inner value, and outside the default.
    """
    seen = [variable.get()]
    with variable.bind(1):
        seen.append(variable.get())
        with variable.bind(2):
            seen.append(variable.get())
        seen.append(variable.get())
    seen.append(variable.get())

    assert seen == [None, 1, 2, 1, None]


def test_none_is_a_value(variable):
    """
    A block may set None inside another one.
    """
    with variable.bind(1), variable.bind(None):
        assert variable.get() is None


def test_error_ends_the_block(variable):
    """
    An error in the block is raised, and the value is gone.
    """
    with pytest.raises(KeyError), variable.bind(1):
        raise KeyError("x")

    assert variable.get() is None


def test_block_is_for_one_with_statement(variable):
    """
    A block that is used again is refused.
    """
    block = variable.bind(1)
    with block:
        pass
    with pytest.raises(RuntimeError, match="Create another one"):
        block.__enter__()


def test_block_works_in_an_exit_stack(variable):
    """
    An ExitStack begins and ends blocks, as a with statement does.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(variable.bind(1))
        stack.enter_context(NO_BLOCK)
        assert variable.get() == 1

    assert variable.get() is None


def test_block_is_a_decorator():
    """
    Each call of a decorated function has a block, and so a deadline, of its own.
    """

    @deadline.deadline(30)
    def work():
        return deadline.current()

    first, second = work(), work()

    assert (first.seconds, first is second) == (30, False)
    assert deadline.current() is None


def test_public_blocks_are_no_calls(sg):
    """
    asyncio hands out the methods for a with statement as they are.
    """
    methods = [sg.deadline, sg.trace, sg.dry_run, sg.undoable, sg.as_current]

    assert [_is_block(method) for method in methods] == [True] * 5


# --- Blocks whose end never ran


def test_value_is_dead_when_its_block_is_gone(variable):
    """
    A block object that was dropped without its end takes its value along.
    """
    block = variable.bind(1)
    block.__enter__()
    before = variable.get()
    del block

    assert (before, variable.get()) == (1, None)


def test_outer_value_is_in_force_again(variable):
    """
    When an inner block is gone without its end, the value of the outer one holds.
    """
    with variable.bind(1):
        block = variable.bind(2)
        block.__enter__()
        del block
        assert variable.get() == 1
    assert variable.get() is None


def test_dead_blocks_leave_nothing_behind(variable):
    """
    However many blocks are dropped without their end, the context refers to the last one at most.
    """
    for number in range(100):
        variable.bind(number).__enter__()
    gc.collect()

    assert variable._variable.get().outer is None


BLOCKS = {
    "deadline": (lambda sg: sg.deadline(3), lambda sg: deadline.current()),
    "until": (lambda sg: deadline.until(deadline.Deadline.after(3)), lambda sg: deadline.current()),
    "cancel": (lambda sg: cancellation.under(CancelToken()), lambda sg: cancellation.current()),
    "in_hook": (lambda sg: in_hook(), lambda sg: is_in_hook()),
    "trace": (lambda sg: sg.trace(), lambda sg: trace.current()),
    "as_current": (lambda sg: sg.as_current(), lambda sg: set_for(SGExtended)),
    "dry_run": (lambda sg: sg.dry_run(), lambda sg: RECORDER.get() or _is_in_dry_run(sg)),
    "undoable": (lambda sg: sg.undoable(), lambda sg: RECORDER.get()),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_no_interruption_leaves_a_value_set(sg, name):
    """
    Interrupted at whatever instruction, a block sets nothing beyond its with statement; also where the exception, and
    with it every frame that it went through, is kept.
    """
    make, look = BLOCKS[name]
    left = []

    def once():
        with make(sg):
            pass

    def check():
        if look(sg):
            left.append(look(sg))

    assert interrupted_everywhere(once, check) > 30
    assert left == []


@pytest.mark.parametrize("name", BLOCKS)
def test_no_interruption_ends_the_outer_block(sg, variable, name):
    """
    Interrupted at whatever instruction of an inner block, the outer one still holds.
    """
    seen = []

    def once():
        with variable.bind(2):
            pass

    with variable.bind(1):
        count = interrupted_everywhere(once, lambda: seen.append(variable.get()))

    assert seen == [1] * count
    assert variable.get() is None


# --- Copies of the context


def test_child_context_keeps_the_value(variable):
    """
    A context that was copied in the block sees the value after the block has ended, whether well or not.
    """
    with variable.bind(1):
        first = copy_context()
    with contextlib.suppress(KeyError), variable.bind(2):
        second = copy_context()
        raise KeyError

    assert (first.run(variable.get), second.run(variable.get)) == (1, 2)


def test_child_context_may_have_blocks_of_its_own(variable):
    """
    When a block within the child context ends, the value of the block around it holds again, which has ended.
    """
    with variable.bind(1):
        child = copy_context()

    def work():
        with variable.bind(2):
            inner = variable.get()
        return inner, variable.get()

    assert child.run(work) == (2, 1)


def test_block_that_ends_in_another_context_leaves_its_values_alone(variable):
    """
    A generator that is closed in a block of its caller does not end that block.
    """

    def read():
        with variable.bind(1):
            yield variable.get()

    items = read()
    assert copy_context().run(next, items) == 1
    with variable.bind(2):
        items.close()
        assert variable.get() == 2


def test_interrupted_value_is_dead_in_child_contexts(variable):
    """
    After an interruption the child contexts see the value of the outer block.
    """
    block = variable.bind(1)
    block.__enter__()
    child = copy_context()
    del block

    assert child.run(variable.get) is None


def test_other_threads_see_that_a_block_was_interrupted():
    """
    Where a variable says so, the threads that were started in an interrupted block see another value; its own does not.
    """
    variable = ScopedValue("test", None, elsewhere="interrupted")
    block = variable.bind(1)
    block.__enter__()
    child = copy_context()
    before = in_thread(lambda: child.copy().run(variable.get))
    del block

    assert (before, in_thread(lambda: child.run(variable.get)), variable.get()) == (1, "interrupted", None)


# --- Dry runs


def test_task_that_outlives_its_dry_run_does_not_write(sg):
    """
    A thread that was started in a dry run plans its writes, also after the block has ended.
    """
    with sg.dry_run() as plan:
        child = copy_context()
    made = in_thread(lambda: child.run(sg.create, "Shot", {"code": "a"}))

    assert made["id"] < 0
    assert len(plan) == 1


def test_task_of_an_interrupted_dry_run_does_not_write(sg):
    """
    Where the end of a dry run never ran, a thread that was started in it is refused, and its caller may write.
    """
    block = sg.dry_run()
    block.__enter__()
    child = copy_context()
    del block

    def write():
        with pytest.raises(ReadOnlyError, match="interrupted the end of that block"):
            sg.create("Shot", {"code": "a"})
        return True

    assert in_thread(lambda: child.run(write))
    assert RECORDER.get() is None
    assert not _is_in_dry_run(sg)


def test_other_threads_are_refused_in_a_dry_run(sg):
    """
    While a thread is in a dry run, the wrapper knows it, whichever of two dry runs ends first.
    """
    first, second = sg.dry_run(), sg.dry_run()
    seen = [_is_in_dry_run(sg)]
    one, other = copy_context(), copy_context()
    one.run(first.__enter__)
    other.run(second.__enter__)
    seen.append(_is_in_dry_run(sg))
    one.run(first.__exit__, None, None, None)
    seen.append(_is_in_dry_run(sg))
    other.run(second.__exit__, None, None, None)

    assert [*seen, _is_in_dry_run(sg)] == [False, True, True, False]
