"""
Each public name has a type that all type checkers read the same, as pyright finds.

pyright needs node. If pyright does not run, the test is skipped with that reason.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured

import sgextended

CHECKER_TIMEOUT = 240  # seconds; it reads the whole package, and the libraries that it imports


def test_every_public_name_has_a_type(tmp_path):
    """
    ``pyright --verifytypes`` finds no public name whose type is unknown, or left for each checker to infer.

    Types that the official client and other libraries leave unknown do not count.
    """
    if not shutil.which("node") or importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is skipped: it needs node and the package pyright")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    paths = [str(Path(sgextended.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    # With --verifytypes, pyright asks the python of the path for the libraries, whatever --pythonpath names.
    programs = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    try:
        done = subprocess.run(
            [*command, "--ignoreexternal", "--verifytypes", "sgextended"],
            capture_output=True, text=True, check=False, cwd=tmp_path, timeout=CHECKER_TIMEOUT,
            env=unmeasured(PYTHONPATH=os.pathsep.join(paths), PATH=os.pathsep.join(programs)),
        )  # fmt: skip
        report = json.loads(done.stdout)["typeCompleteness"]
    except (ValueError, subprocess.TimeoutExpired) as error:  # npm downloaded nothing
        pytest.skip(f"pyright is skipped: it does not run here ({type(error).__name__})")
    wrong = {
        each["name"]: [diagnostic["message"] for diagnostic in each["diagnostics"]]
        for each in report["symbols"]
        if each["isExported"] and (each["isTypeAmbiguous"] or not each["isTypeKnown"])
    }
    # One name without a type makes each name partially unknown that uses it; show the first cause.
    causes = [f"{name}: {text}" for name, texts in wrong.items() for text in texts if "partially unknown" not in text]

    assert Path(report["packageRootDirectory"]).samefile(Path(sgextended.__file__).parent)
    assert report["exportedSymbolCounts"]["withKnownType"] > len(sgextended.__all__)
    assert set(wrong) == set(), "\n".join(causes)
    assert report["completenessScore"] == 1
