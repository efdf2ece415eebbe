"""
What setup.cfg says, read back from the installed metadata: a key that is misspelt there goes unnoticed otherwise.
"""

import ast
import re
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sgextended
from sgextended._version import __version__


@pytest.fixture(scope="module")
def dist():
    """
    The installed distribution.
    """
    return distribution("sgextended")


def requirements(dist, extra=None):
    """
    Return the names of what the core, or one extra, requires.
    """
    found = set()
    for line in dist.requires:
        requirement, _, marker = line.partition(";")
        wanted = re.search(r"extra == ['\"](\w+)['\"]", marker)
        if (wanted and wanted.group(1)) == extra:
            found.add(re.match(r"[\w.-]+", requirement).group().lower().replace("-", "_"))
    return found


def test_version_is_that_of_the_package(dist):
    """
    The number is written once.
    """
    assert dist.version == sgextended.__version__ == __version__


def test_python_version_is_bounded(dist):
    """
    pip refuses Pythons that are too old.
    """
    assert dist.metadata["Requires-Python"] == ">=3.9"


def test_core_needs_three_packages(dist):
    """
    Without extras nothing but the official client, attrs and urllib3 is installed.
    """
    assert requirements(dist) == {"shotgun_api3", "attrs", "urllib3"}


@pytest.mark.parametrize("name", ["shotgun_api3", "urllib3"])
def test_core_requirements_are_bounded(dist, name):
    """
    A next major version of what we lean on is not taken unseen.
    """
    (line,) = [line for line in dist.requires if line.startswith(name) and ";" not in line]

    assert ">=" in line
    assert "<" in line


def test_rez_package_needs_what_the_core_needs(dist):
    """
    The package for rez writes the same versions in its own way.
    """
    package = (Path(__file__).parents[1] / "packaging" / "rez" / "package.py").read_text(encoding="utf-8")
    (requires,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(package).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "requires"
    ]
    core = [Requirement(line) for line in dist.requires if "extra" not in line]

    assert {name: re.findall(r"[\d.]+", rest) for name, _, rest in (each.partition("-") for each in requires)} == {
        "python": re.findall(r"[\d.]+", dist.metadata["Requires-Python"]),
        **{each.name: [one.version.removesuffix(".0") for one in sorted_bounds(each)] for each in core},
    }


def sorted_bounds(requirement):
    return sorted(requirement.specifier, key=lambda bound: bound.operator, reverse=True)


def test_extras_are_named(dist):
    """
    The extras are those that the documentation names.
    """
    assert set(dist.metadata.get_all("Provides-Extra")) == {
        *(
            "site",
            "cli",
            "dask",
            "fast",
            "typed",
            "keyring",
            "parquet",
            "xlsx",
            "truststore",
            "qt",
            "all",
            "bench",
            "dev",
            "docs",
        )
    }


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        (
            "site",
            {
                "starlette",
                "uvicorn",
                "h11",
                "sqlalchemy",
                "trustme",
                "cryptography",
                "python-multipart",
                "jinja2",
                "pillow",
            },
        ),
        ("cli", {"typer", "rich"}),
        ("dask", {"distributed"}),
        ("fast", {"orjson"}),
        ("typed", {"cattrs"}),
        ("truststore", {"truststore"}),
    ],
)
def test_extra_needs_what_it_says(dist, extra, names):
    """
    Each extra brings what its part of the package imports.
    """
    # Build tools spell names with either.
    assert {name.replace("_", "-") for name in requirements(dist, extra)} == names


def test_command_is_installed():
    """
    The command sgextended leads to the command-line interface.
    """
    found = entry_points()
    scripts = found.select(group="console_scripts") if hasattr(found, "select") else found["console_scripts"]
    (script,) = {each.value for each in scripts if each.name == "sgextended"}

    assert script == "sgextended.cli.entry_point:main"


def test_metadata_has_what_people_read(dist):
    """
    Name, summary, licence and description are there.
    """
    metadata = dist.metadata

    assert metadata["Name"] == "sgextended"
    assert "shotgun_api3.Shotgun" in metadata["Summary"]
    assert [*(metadata.get_all("License") or []), *(metadata.get_all("License-Expression") or [])] == ["MIT"]
    assert "Typing :: Typed" in metadata.get_all("Classifier")


def test_package_is_typed():
    """
    Type checkers read the annotations, since the marker is shipped, and the stub beside it.
    """
    from pathlib import Path

    package = Path(sgextended.__file__).parent

    assert (package / "py.typed").exists()
    assert (package / "wrapper" / "native_methods.pyi").exists()
