"""
Two sites of the same kind, one for the official client and one for ours, which get the same calls in the same order.

So their ids agree, and what a call returns on the one must equal what it returns on the other.
"""

import datetime
import inspect
import re
from pathlib import Path
from typing import Any, Callable, Iterator, Tuple

import pytest
import shotgun_api3
from PIL import Image

from sgextended import SGExtended
from sgextended.localsite import LocalSite

#: What differs between two sites although all is right: when something happened, and secrets made at random.
MOMENTS = {"created_at", "updated_at", "last_accessed_by_current_user", "file_last_updated_at"}
_RANDOM = re.compile(r"[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f-]{27}|[\w-]{40,}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z| UTC)")


class Pair:
    """
    Both clients, on a site of their own each.
    """

    def __init__(self, official: Tuple[LocalSite, Any], ours: Tuple[LocalSite, Any]) -> None:
        self._sides = (official, ours)

    def run(self, case: Callable[..., Any], *arguments: Any) -> Tuple[Any, Any]:
        """
        Return what a case gives through the official client and through ours, in a form that can be compared.
        """
        return tuple(comparable(case(client, *arguments), site.url) for site, client in self._sides)  # type: ignore[return-value]


def comparable(value: Any, url: str) -> Any:
    """
    Return a value in which types count (1 is not True, a datetime's zone is part of it) and chance does not.
    """
    if isinstance(value, dict):
        return {key: type(item).__name__ if key in MOMENTS else comparable(item, url) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(comparable(item, url) for item in value)]
    if isinstance(value, str):
        value = _MOMENT.sub("<moment>", _RANDOM.sub("<random>", value.replace(url, "<site>")))
    zone = type(value.tzinfo).__name__ if isinstance(value, datetime.datetime) else None
    return type(value).__name__, zone, value


def _through_super(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(Overriding, self), name)(*args, **kwargs)

    return method


#: A studio's subclass that overrides every public method of ``Shotgun`` and changes nothing.
Overriding: Any = type(
    "Overriding",
    (SGExtended,),
    {
        name: _through_super(name)
        for name, _method in inspect.getmembers(shotgun_api3.Shotgun, inspect.isfunction)
        if not name.startswith("_")
    },
)


def _make_page(site: LocalSite) -> None:
    """
    Make the page "Shots" as a person, because a script makes none.
    """
    site.add_user("page maker", "pw")
    person = shotgun_api3.Shotgun(site.url, login="page maker", password="pw", ca_certs=site.ca_file)
    person.create("Page", {"name": "Shots"})
    person.close()


@pytest.fixture(scope="module", params=["http", "https", "overriding"])
def pair(request, make_site) -> Iterator[Pair]:
    """
    Both clients on fresh sites: over HTTP, over HTTPS, and ours with every method overridden.
    """
    tls = request.param == "https"
    wrapper = Overriding if request.param == "overriding" else SGExtended
    with LocalSite(tls=tls) as theirs, LocalSite(tls=tls) as ours:
        for site in (theirs, ours):
            _make_page(site)
        official = shotgun_api3.Shotgun(theirs.url, theirs.script_name, theirs.api_key, ca_certs=theirs.ca_file)
        with wrapper(site=make_site(ours)) as sg:
            yield Pair((theirs, official), (ours, sg))
        official.close()


@pytest.fixture(scope="session")
def media(tmp_path_factory) -> Path:
    """
    A folder with an image, a text and a larger file to upload.
    """
    folder = tmp_path_factory.mktemp("media")
    Image.new("RGB", (640, 360), (200, 80, 20)).save(folder / "frame.png")
    (folder / "notes größe.txt").write_text("Second pass.\n", encoding="utf-8")
    (folder / "movie.mov").write_bytes(bytes(range(256)) * 4096)
    return folder
