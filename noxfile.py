"""
The test matrix: every Python of the classifiers that this machine has, with the oldest and the newest dependencies.

Each session tests the built wheel, not the sources.
"""

import configparser
import os
import re
import shutil
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False

# Where pyenv keeps Pythons they are not on the path under names of their own, or only as shims that may refuse.
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
os.environ["PATH"] = os.pathsep.join([*map(str, sorted(PYENV.glob("versions/3.*/bin"))), os.environ["PATH"]])

CONFIG = configparser.ConfigParser()
CONFIG.read("setup.cfg")
PYTHONS = re.findall(r"Python :: (3\.\d+)", CONFIG["metadata"]["classifiers"])


def oldest(python: str) -> "list[str]":
    """
    Return every run-time requirement of setup.cfg for a version of Python, pinned to its lower bound.
    """
    lines = CONFIG["options"]["install_requires"].splitlines()
    for extra in ("site", "cli", "dask", "fast", "typed", "keyring", "parquet", "xlsx", "qt"):
        lines += CONFIG["options.extras_require"][extra].splitlines()
    found = [Requirement(line) for line in map(str.strip, lines) if line and not line.startswith("#")]
    wanted = [each for each in found if each.marker is None or each.marker.evaluate({"python_version": python})]
    bounds = [(each, re.search(r">=([\d.]+)", str(each.specifier))) for each in wanted]
    return [f"{each.name}=={bound[1]}" for each, bound in bounds if bound]


@nox.session(python=PYTHONS)
@nox.parametrize("dependencies", ["oldest", "newest"])
def tests(session: nox.Session, dependencies: str) -> None:
    """
    Run the tests against the wheel, in a folder that holds no sources.
    """
    if dependencies == "oldest" and session.python != PYTHONS[0]:
        session.skip("the oldest dependencies are tested on the oldest Python, which they were made for")
    session.install("build")
    place = Path(session.create_tmp())
    wheels = place / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    session.run("python", "-m", "build", "--wheel", "--outdir", str(wheels), silent=True)
    wheel = next(wheels.glob("*.whl"))
    pins = oldest(str(session.python)) if dependencies == "oldest" else []
    session.install(f"{wheel}[dev]", *pins)
    copied = place / "checkout"
    shutil.rmtree(copied, ignore_errors=True)
    copied.mkdir()
    pages = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
    for name in ("tests", "docs", "examples", "pyproject.toml", "setup.cfg", *pages):
        source = Path(name)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copied / name)
    session.chdir(copied)
    session.run("python", "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider")
