"""
How far a map is: the bar on a terminal, with rich and without, and nothing elsewhere.
"""

import io
import sys

import pytest

from sgextended.workers.progress import reporter


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=["rich", "plain"])
def show(request, monkeypatch):
    """
    Runs a function on a terminal, with rich and without it, and returns the output.
    """
    if request.param == "rich":
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)

    def run(function):
        terminal = Terminal()
        with monkeypatch.context() as patch:  # here, since pytest sets stderr anew for each phase of a test
            patch.setattr(sys, "stderr", terminal)
            function()
        return terminal.getvalue()

    return run


def test_a_bar_shows_how_far_it_is(show):
    """
    The bar shows the numbers of done, failed and all items.
    """

    def work():
        with reporter(True, 8) as report:
            for done in range(8):
                report(done, 1 if done else 0)

    shown = show(work)

    assert "8/8" in shown
    assert "1 failed" in shown


def test_a_bar_has_a_label(show):
    """
    The label says what the bar counts. Brackets in it are no markup.
    """

    def work():
        with reporter(True, 8, "Shots [red]") as report:
            report(8, 0)

    assert "Shots [red]" in show(work)


def test_a_bar_needs_no_total(show):
    """
    Without a known number of items it counts.
    """

    def work():
        with reporter(True, None) as report:
            report(3, 0)

    assert "3" in show(work)


@pytest.mark.parametrize("progress", [True, False, None])
def test_nothing_is_shown_where_there_is_no_terminal(monkeypatch, progress):
    """
    A log file gets no bar.
    """
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with reporter(progress, 3) as report:
        report(3, 0)

    assert shown.getvalue() == ""


@pytest.mark.parametrize("stderr", [None, object()])
def test_nothing_is_shown_where_stderr_is_no_stream(monkeypatch, stderr):
    """
    In a program with windows stderr may be None, or an object of the host.
    """
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        with reporter(True, 3) as report:
            report(3, 0)
