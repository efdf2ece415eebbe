"""
What is new in shotgun_api3: its names and parameters are compared with those of the release that was last looked at.

After a look at a new release, write its names down: ``python tests/contract/test_vendor_names.py``.
"""

import enum
import inspect
import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import shotgun_api3
from shotgun_api3 import shotgun

RECORD = Path(__file__).parent / "vendor_names.json"
CLASSES = (shotgun.Shotgun, shotgun._Config, shotgun.ServerCapabilities, shotgun.ClientCapabilities)


def names_now():
    """
    Return the names of the installed release, each with its kind or its parameters.
    """
    found = {
        f"shotgun_api3.{name}": kind_of(value) for name, value in vars(shotgun_api3).items() if _is_own(name, value)
    }
    classes = {name: value for name, value in vars(shotgun).items() if inspect.isclass(value)}
    own = {name: value for name, value in classes.items() if value.__module__ == shotgun.__name__}
    for name, value in own.items():
        found[f"shotgun.{name}"] = "class of " + ", ".join(base.__name__ for base in value.__mro__[1:-1])
    for owner in CLASSES:
        members = {name: value for name, value in vars(owner).items() if not name.startswith("__")}
        found.update({f"{owner.__name__}.{name}": kind_of(value) for name, value in members.items()})
    for name in vars(shotgun._Config(shotgun.Shotgun("https://studio.example", "a", "b", connect=False))):
        found[f"_Config().{name}"] = "attribute"
    for name in vars(shotgun.Shotgun("https://studio.example", "a", "b", connect=False)):
        found[f"Shotgun().{name}"] = "attribute"
    return found


def _is_own(name, value):
    return not name.startswith("_") and not inspect.ismodule(value)


def kind_of(value):
    """
    Return the parameters of a function, or the kind of another value.
    """
    value = getattr(value, "__func__", value)
    if inspect.isfunction(value):
        return "(" + ", ".join(inspect.signature(value).parameters) + ")"
    if isinstance(value, enum.Enum):
        return "member"
    return "class" if inspect.isclass(value) else type(value).__name__


def numbers(release):
    """
    Return the numbers of a version for a comparison.
    """
    return [int(part) for part in release.split(".")[:3] if part.isdigit()]


def test_nothing_is_new():
    """
    Each public and private name of the installed release is known, with its parameters, and no known name has gone.
    """
    record, installed = json.loads(RECORD.read_text(encoding="utf-8")), version("shotgun_api3")
    if numbers(installed) < numbers(record["version"]):
        pytest.skip(f"shotgun_api3 {installed} is older than {record['version']}, which was looked at")
    known, now = record["names"], names_now()
    found = {
        "new": {name: kind for name, kind in now.items() if name not in known},
        "changed": {name: f"{known[name]} -> {kind}" for name, kind in now.items() if known.get(name, kind) != kind},
        "gone": sorted(known.keys() - now.keys()),
    }

    assert len(known) > 150
    assert not any(found.values()), f"shotgun_api3 {installed} differs from {record['version']}: {found}"


if __name__ == "__main__":
    text = json.dumps({"version": version("shotgun_api3"), "names": names_now()}, indent=1, sort_keys=True)
    RECORD.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{RECORD.name}: {len(names_now())} names of {version('shotgun_api3')}\n")
