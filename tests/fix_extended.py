"""
Fixtures for tests of a studio's classes: a scripted site with one shot.
"""

import pickle

import pytest
from attrs import define, field
from fix_servers import ScriptedSite, page
from shotgun_api3.lib import mockgun

from sgextended import RetryPolicy, SGExtended, SGWorker, Site

KEY = "k3y-that-must-not-show"


SHOT = {"type": "Shot", "id": 7}


class Studio(SGExtended):
    """
    A studio's class: methods of its own, an override, and attributes.
    """

    department = "layout"

    def find(self, entity_type, filters, *args, **kwargs):
        self.__dict__.setdefault("asked", []).append(entity_type)
        return super().find(entity_type, filters, *args, **kwargs)

    def count(self, entity_type):
        return len(self.find(entity_type, []))

    @property
    def broken(self):
        return self.no_such_attribute.at_all

    @property
    def very_broken(self):
        raise AttributeError("inner")


@define(slots=False, eq=False)
class Attributed(SGExtended):
    """
    A studio's class with attrs fields, decorated as ours.
    """

    show: str = field(default="alpha", kw_only=True)
    cache: dict = field(factory=dict, kw_only=True)


@define
class Slotted(SGExtended):
    """
    A studio's class under a bare decorator, which makes slots.
    """

    show: str = field(default="alpha", kw_only=True)


class Job(SGWorker):
    def __call__(self, item):
        return item, self.find_one("Shot", [])["id"]


@pytest.fixture
def shot_server(make_server):
    """
    A site with one shot.
    """
    return make_server(kind=ScriptedSite, read=page(SHOT))


@pytest.fixture
def site(shot_server):
    """
    The way to the site.
    """
    return make_site(shot_server)


@pytest.fixture
def environment(shot_server, monkeypatch):
    """
    An environment that leads to the site.
    """
    for name in ("LOGIN", "PASSWORD", "AUTH_TOKEN", "SESSION_TOKEN"):
        monkeypatch.delenv(f"SHOTGUN_{name}", raising=False)
    for name, value in (("URL", shot_server.url), ("SCRIPT_NAME", "robot"), ("API_KEY", KEY)):
        monkeypatch.setenv(f"SHOTGUN_{name}", value)


@pytest.fixture
def make_mockgun(tmp_path):
    """
    Makes a Mockgun whose schema has shots with a code.
    """
    text = {"data_type": {"value": "text"}, "properties": {"default_value": {"value": None}}}
    number = {"data_type": {"value": "number"}, "properties": {"default_value": {"value": None}}}
    flag = {"data_type": {"value": "checkbox"}, "properties": {"default_value": {"value": False}}}
    common = {"id": number, "type": text, "__retired": flag}
    schema = {
        "Shot": {**common, "code": text},
        "EventLogEntry": {**common, "event_type": text, "description": text},
    }
    for name, content in (("schema", schema), ("entity", {name: {"name": {"value": name}} for name in schema})):
        (tmp_path / name).write_bytes(pickle.dumps(content))

    def make():
        mockgun.Shotgun.set_schema_paths(str(tmp_path / "schema"), str(tmp_path / "entity"))
        return mockgun.Shotgun("https://mock.example", "robot", KEY)

    yield make
    mockgun.Shotgun.set_schema_paths(None, None)


def make_site(server, **settings):
    values = {"url": server.url, "script_name": "robot", "api_key": KEY, "retry": RetryPolicy(attempts=1)}
    return Site(**{**values, **settings})
