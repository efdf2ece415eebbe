"""
``sgextended map`` in processes and on clusters, on a terminal, and after Ctrl-C.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from processes import unmeasured

from sgextended.cli.shared import executors

GUARD = 60  # seconds


# --- Processes and clusters


def test_the_function_runs_in_processes(process, demo_site, sg):
    """
    The function runs in other processes, each with a client of the same site; failures are reported.
    """
    started = process(
        *("map", "tools:process", "Shot", "--limit", "4", "--processes", "--workers", "2", "--format", "json")
    )
    out, err = started.communicate(timeout=GUARD)
    rows = json.loads(out)
    expected = {shot: len(sg.find("Task", [["entity", "is", {"type": "Shot", "id": shot}]])) for shot in (1, 3, 4)}

    assert started.returncode == 1
    assert {row["id"]: row["result"][1] for row in rows if row["result"]} == expected
    assert started.pid not in {row["result"][0] for row in rows if row["result"]}
    assert rows[1]["error"] == "LookupError: not this one"
    assert "LookupError: not this one" in err
    assert " s with 2 processes." in err
    assert "Traceback" not in err


def test_the_function_runs_on_a_cluster(process, folder, demo_site):
    """
    Dask workers in another folder get the file of the function and call it.
    """
    distributed = pytest.importorskip("distributed")
    (folder / "elsewhere").mkdir()
    script = (
        "import distributed, sys\n"
        "if __name__ == '__main__':\n"
        "    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=':0') as cluster:\n"
        "        print(cluster.scheduler_address, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    (folder / "elsewhere" / "cluster.py").write_text(script)
    cluster = subprocess.Popen(
        [sys.executable, "cluster.py"],
        env=unmeasured(**demo_site.environment()),
        cwd=folder / "elsewhere",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = cluster.stdout.readline().strip()
        started = process("map", "tools:process", "Shot", "--limit", "4", "--dask", address, "--format", "json")
        out, err = started.communicate(timeout=GUARD)
    finally:
        cluster.communicate(timeout=GUARD)
    pids = {row["result"][0] for row in json.loads(out) if row["result"]}

    assert distributed
    assert started.returncode == 1
    assert len(pids) == 1, out + err
    assert not pids & {started.pid, cluster.pid}
    assert "3 items done in " in err
    assert " s with 2 Dask workers." in err


def test_an_unreachable_cluster_ends_in_one_message(command, environment, folder, monkeypatch):
    """
    The message names the address without a scheduler.
    """
    pytest.importorskip("distributed")
    from sgextended.cli.shared import executors

    monkeypatch.setattr(executors, "CLUSTER_TIMEOUT", 0.2)
    status, out, err = command("map", "tools:tasks", "Shot", "--dask", "tcp://127.0.0.1:1")

    assert (status, out) == (1, "")
    assert "No Dask scheduler responds at tcp://127.0.0.1:1" in err
    assert "Traceback" not in err


def test_a_missing_extra_is_named(command, environment, folder, monkeypatch):
    """
    Without the package distributed, the message says what to install.
    """
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _out, err = command("map", "tools:tasks", "Shot", "--dask", "tcp://127.0.0.1:1")

    assert status == 1
    assert "pip install 'sgextended[dask]'" in err


# --- Terminals


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are made otherwise there")
def test_a_bar_is_shown_on_a_terminal(process):
    """
    If stderr is a terminal, a bar shows how many items are done, and the summary follows.
    """
    ours, theirs = os.openpty()
    started = process("map", "tools:nothing", "Shot", "--limit", "3", stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)

    assert started.wait(GUARD) == 0
    assert b"3/3" in shown
    assert b"3 items done in " in shown


# --- Ctrl-C


def begun(folder, process):
    """
    Wait until the function was called.
    """
    end = time.monotonic() + GUARD
    while not (folder / "begun").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("words", [[], ["--processes"]], ids=["threads", "processes"])
def test_ctrl_c_finishes_running_calls_and_prints_the_summary(process, folder, words):
    """
    No more calls start; running calls finish and are recorded; the summary says how to resume; status 130.
    """
    started = process("map", "tools:wait", "Shot", "--workers", "2", "--journal", "run.jsonl", *words)
    begun(folder, started)
    started.send_signal(signal.SIGINT)
    lines = [started.stderr.readline(), started.stderr.readline()]
    (folder / "go").touch()
    out, err = started.communicate(timeout=GUARD)
    written = (folder / "run.jsonl").read_text().splitlines()

    assert (started.returncode, out) == (130, "")
    assert lines == ["\n", "Stopping. The calls in progress will finish first. Press Ctrl-C again to exit at once.\n"]
    assert 1 < len(written) < 12
    assert "stopped by Ctrl-C" in err
    assert (
        "run.jsonl records the items that are done. To process the remaining items, run the same command again:" in err
    )
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_second_ctrl_c_exits_at_once(process, folder):
    """
    Running calls are not awaited.
    """
    started = process("map", "tools:wait", "Shot", "--workers", "2")
    begun(folder, started)
    started.send_signal(signal.SIGINT)
    lines = started.stderr.readline() + started.stderr.readline()
    started.send_signal(signal.SIGINT)

    assert started.wait(GUARD) == 130
    assert "Stopping" in lines


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows blocks no signals")
def test_ctrl_c_does_not_reach_processes_that_start():
    """
    A terminal sends SIGINT to all processes. Worker processes start with SIGINT blocked; this process does not change.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with executors.ExecutorKind(processes=True, workers=1).open([max]) as (executor, *_):
        there = executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result(GUARD)

    assert signal.SIGINT in there
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
