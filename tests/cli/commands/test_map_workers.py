"""
``sgextended map`` on processes and clusters, on a terminal, and what Ctrl-C does to it.
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

from sgextended.cli.commands import map as map_command

GUARD = 60  # seconds


# --- Who does it


def test_processes_do_the_work(process, demo_site, sg):
    """
    The function runs in other processes, each with a wrapper on the same site; failures come back.
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


def test_a_cluster_does_the_work(process, folder, demo_site):
    """
    Workers of Dask in another folder get the file of the function, and do it.
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


def test_a_cluster_that_is_not_there_is_one_message(command, environment, folder, monkeypatch):
    """
    An address where no scheduler answers is named.
    """
    pytest.importorskip("distributed")
    from sgextended.cli.commands import map as map_command

    monkeypatch.setattr(map_command, "CLUSTER_TIMEOUT", 0.2)
    status, out, err = command("map", "tools:tasks", "Shot", "--dask", "tcp://127.0.0.1:1")

    assert (status, out) == (1, "")
    assert "No Dask scheduler responds at tcp://127.0.0.1:1" in err
    assert "Traceback" not in err


def test_a_missing_extra_is_named(command, environment, folder, monkeypatch):
    """
    Without distributed, --dask says what to install.
    """
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _out, err = command("map", "tools:tasks", "Shot", "--dask", "tcp://127.0.0.1:1")

    assert status == 1
    assert "pip install 'sgextended[dask]'" in err


# --- Terminals


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are made otherwise there")
def test_a_bar_is_shown_on_a_terminal(process):
    """
    Where stderr is a terminal, a bar says how many of how many are done, and the summary follows.
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
    Wait until the function is called.
    """
    end = time.monotonic() + GUARD
    while not (folder / "begun").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("words", [[], ["--processes"]], ids=["threads", "processes"])
def test_ctrl_c_finishes_what_runs_and_sums_up(process, folder, words):
    """
    Nothing more is begun, what runs is finished and written down, and the summary says how to go on; status 130.
    """
    started = process("map", "tools:wait", "Shot", "--workers", "2", "--journal", "run.jsonl", *words)
    begun(folder, started)
    started.send_signal(signal.SIGINT)
    told = [started.stderr.readline(), started.stderr.readline()]
    (folder / "go").touch()
    out, err = started.communicate(timeout=GUARD)
    written = (folder / "run.jsonl").read_text().splitlines()

    assert (started.returncode, out) == (130, "")
    assert told == ["\n", "Stopping. The calls in progress will finish first. Press Ctrl-C again to exit at once.\n"]
    assert 1 < len(written) < 12
    assert "stopped by Ctrl-C" in err
    assert (
        "run.jsonl records the items that are done. To process the remaining items, run the same command again:" in err
    )
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_second_ctrl_c_leaves_at_once(process, folder):
    """
    Work that does not end is left.
    """
    started = process("map", "tools:wait", "Shot", "--workers", "2")
    begun(folder, started)
    started.send_signal(signal.SIGINT)
    told = started.stderr.readline() + started.stderr.readline()
    started.send_signal(signal.SIGINT)

    assert started.wait(GUARD) == 130
    assert "Stopping" in told


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows blocks no signals")
def test_ctrl_c_does_not_reach_processes_that_start():
    """
    A terminal tells all of them. They have it blocked from their first moment, and this process has it as before.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with map_command._executor(map_command.ExecutorKind(processes=True, workers=1), max, needed=True) as (executor, *_):
        there = executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result(GUARD)

    assert signal.SIGINT in there
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
