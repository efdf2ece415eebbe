"""
Fixtures for the tests of single commands.
"""

import subprocess
import sys

import pytest

GUARD = 60  # seconds


@pytest.fixture
def start(tmp_path):
    """
    Return a function that starts ``sgextended site`` and returns the process and the fields of its first line.
    """
    started = []

    def run(*words):
        command = [sys.executable, "-m", "sgextended", "site", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        started.append(process)
        line = process.stdout.readline().split()
        return process, {"url": line[3], **dict(word.split("=", 1) for word in line[4:])}

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=GUARD)
