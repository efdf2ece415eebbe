"""
Exceptions that interrupt the caller of a map at any moment: from signal handlers, and from other threads.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fix_servers import GUARD

PROGRAM = Path(__file__).parent.parent / "interrupted_maps.py"
TRIALS = 50


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not send these signals")
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGALRM", "SIGUSR1", "thread"])
def test_interrupted_map_loses_no_finished_item(how):
    """
    When the map is over, each item that was done is in the journal, so the next run does not repeat it.
    """
    ended = subprocess.run(
        [sys.executable, str(PROGRAM), how, str(TRIALS)], capture_output=True, text=True, timeout=3 * GUARD, check=False
    )

    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["interrupted"] > TRIALS / 3
    assert report["lost"] == []
