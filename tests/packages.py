"""
Builds the sdist, and the wheel from it; checks both; installs the wheel into a clean environment and starts it there.

Run by ``make packages``; it is no test of pytest's, since it sets up an environment of its own.
"""

import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The core alone is installed first: importing it must not need any extra.
WITHOUT_EXTRAS = """
import sys, sgextended
extras = {"typer", "rich", "starlette", "uvicorn", "sqlalchemy", "trustme", "distributed", "dask", "orjson", "cattrs"}
assert not extras & set(sys.modules), extras & set(sys.modules)
assert "site-packages" in sgextended.__file__, sgextended.__file__
sg = sgextended.SGExtended(site=sgextended.Site(url="https://studio.example", script_name="a", api_key="b"))
assert "find_tasks" in dir(sg) and "follow" in dir(sg)
print("the wheel imports without extras:", sgextended.__version__)
"""
WITH_SITE = """
import base64
import urllib.request
from sgextended import SGExtended
from sgextended.localsite import LocalSite
with LocalSite() as site:
    sg = SGExtended(site.url, site.script_name, site.api_key)
    project = sg.create("Project", {"name": "Wheel"})
    assert [found["name"] for found in sg.find_projects("wh*")] == ["Wheel"]
    for path, there in (("/records/Project", b"<bdi>Wheel</bdi></a>"), ("/pages/style.css", b"color-scheme")):
        login = base64.b64encode(f"{site.script_name}:{site.api_key}".encode()).decode()
        request = urllib.request.Request(site.url + path, headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request) as page:
            assert there in page.read()
print("the wheel serves a local site and finds on it")
"""


def missing_from(sdist: Path) -> "list[str]":
    """
    Return the files of the repository that the sdist should contain and does not.
    """
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    kept = [ROOT / name for name in ("sgextended", "tests", "docs", "examples", "benchmarks", "packaging")]
    files = [path for folder in kept for path in folder.rglob("*") if path.is_file() and not _is_made(path)]
    files += [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile")]
    return sorted(name for name in (path.relative_to(ROOT).as_posix() for path in files) if name not in there)


def _is_made(path: Path) -> bool:
    return any(
        part in {"__pycache__", "build", "_build"} or part.startswith(".") for part in path.relative_to(ROOT).parts
    )


def main() -> None:
    """
    Build, check, install and try the packages; ends with an exit status above 0 when something fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        build = [sys.executable, "-m", "build", "--outdir", folder, str(ROOT)]  # the wheel is built from the sdist
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        wheel, sdist = next(place.glob("*.whl")), next(place.glob("*.tar.gz"))
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)], check=True)
        missing = missing_from(sdist)
        assert not missing, f"MANIFEST.in leaves out: {missing}"
        venv.create(place / "venv")
        python = place / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"

        def run(*words: str) -> None:
            subprocess.run([str(python), *words], check=True, cwd=folder)

        def install(what: str) -> None:
            # By the pip of this environment, and without compiling thousands of modules of which few are used.
            pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "install", "--no-compile", what], check=True, cwd=folder)

        install(str(wheel))
        run("-c", WITHOUT_EXTRAS)
        without = subprocess.run(
            [str(python), "-m", "sgextended", "--help"], check=False, cwd=folder, capture_output=True, text=True
        )
        assert without.returncode == 1, without
        assert "pip install 'sgextended[cli]'" in without.stderr, without
        install(f"{wheel}[site,cli]")
        run("-c", WITH_SITE)
        run("-m", "sgextended", "--version")


if __name__ == "__main__":
    main()
