"""
The memory that a process which serves a site keeps after a large request.
"""

import platform
import subprocess
import sys

import pytest

from sgextended.localsite.maintenance.allocator import limit_kept_memory

GUARD = 60.0  # seconds

# Blocks of 5 MB that are freed, while smaller ones that were taken between them live on.
USE = """
from pathlib import Path

from sgextended.localsite.maintenance.allocator import limit_kept_memory


def memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1000


limit_kept_memory()
large = bytes(bytearray(b"x") * 8_000_000)
del large
before, large, small = memory(), [], []
for _turn in range(20):
    large.append(b"x" * 5_000_000)
    small.append(b"y" * 60_000)
most = memory()
large.clear()
print(most - before, memory() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what to keep")
def test_freed_blocks_go_back_to_the_system():
    """
    Memory that is freed is given back, also where something beside it lives on.
    """
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, timeout=GUARD, check=True)
    most, kept = map(int, done.stdout.split())

    assert most >= 95
    assert kept < 20


def test_another_c_library_is_left_alone(monkeypatch):
    """
    Where the C library cannot be told, nothing happens.
    """
    monkeypatch.setattr("ctypes.CDLL", lambda _name: object())

    limit_kept_memory()
