"""
The schema of a site: what it tells, how long it is kept, who shares it, and where.
"""

import json
import os
import threading

import pytest
import shotgun_api3

from sgextended import ConfigurationError, NotFoundError, SGExtended
from sgextended.localsite import LocalSite
from sgextended.schema.site_schema import SchemaCache, SiteSchema

needs_posix = pytest.mark.skipif(os.name != "posix", reason="the rights of files are those of POSIX")


@pytest.fixture(scope="module")
def site():
    """
    A local site whose schema tests may change.
    """
    with LocalSite(demo=True) as site:
        yield site


@pytest.fixture
def sg(site, make_sg):
    """
    A wrapper that has read no schema yet.
    """
    sg = make_sg(site)
    sg.site_schema().refresh()
    return sg


class Clock:
    """
    A clock that a test sets.
    """

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Described:
    """
    A client with one type of one field, which counts how often it is asked.
    """

    def __init__(self):
        self.asked = 0

    def schema_field_read(self, _entity_type):
        self.asked += 1
        kind = {"value": "text", "editable": False}
        return {f"field{self.asked}": {"name": kind, "data_type": kind, "editable": kind}}


def test_schema_tells_of_fields(demo_site, make_sg):
    """
    Names, types, values, labels and whether a field can be set are there, behind links as well.
    """
    schema = make_sg(demo_site).site_schema()

    assert {"code", "id", "sg_status_list"} <= set(schema.field_names("Shot"))
    assert schema.field_names("Shot") == sorted(schema.field_names("Shot"))
    assert schema.field_type("Shot", "sg_cut_in") == "number"
    assert schema.field_type("Task", "entity.Shot.sg_sequence.Sequence.code") == "text"
    assert "ip" in schema.valid_values("Task", "sg_status_list")
    assert schema.valid_values("Shot", "code") is None
    assert schema.valid_types("Shot", "sg_sequence") == ["Sequence"]
    assert schema.valid_types("Shot", "code") is None
    assert schema.display_name("ApiUser") == "Script"
    assert schema.display_name("Shot", "sg_cut_in") == "Cut In"
    assert schema.is_editable("Shot", "code")
    assert not schema.is_editable("Shot", "updated_at")
    assert "Shot" in schema.entity_types()


@pytest.mark.parametrize(
    ("entity_type", "path", "message"),
    [
        ("Shot", "sg_statu", "Shot has no field 'sg_statu'. Did you mean 'sg_status_list'"),
        ("Shot", "sg_stauts_list", "Shot has no field 'sg_stauts_list'. Did you mean 'sg_status_list'"),
        ("Shot", "Cut In", "Shot has no field 'Cut In'. Did you mean 'sg_cut_in'"),
        ("Task", "entity.Shto.code", "Task.entity does not link to 'Shto'. Did you mean 'Shot'"),
        ("Shot", "sg_sequence.Version.code", "Shot.sg_sequence does not link to 'Version'. It links to Sequence."),
        ("Shot", "code.Shot.code", "Shot.code is not a link, so the path cannot continue"),
        ("Task", "entity.code", "has no entity type after the link"),
        ("Script", "code", "no entity type 'Script' on http.* Did you mean 'ApiUser'"),
    ],
)
def test_unknown_names_are_hinted_at(demo_site, make_sg, entity_type, path, message):
    """
    A name that the site does not have is refused with the one that may have been meant, people's names included.
    """
    with pytest.raises(NotFoundError, match=message):
        make_sg(demo_site).site_schema().field_type(entity_type, path)


def test_project_shows_its_own_view(site, sg):
    """
    What a project hides, fields and statuses, is not there, and is on the site.
    """
    project = sg.find_projects()[0]
    narrow, wide = sg.site_schema(project), sg.site_schema()
    name = sg.schema_field_create("Task", "text", "Mood")
    sg.schema_field_update("Task", name, {"visible": False}, project)
    # People hide statuses on the web page, for which the local site has no call.
    described = narrow.fields("Task")["sg_status_list"]["properties"]
    described["hidden_values"] = {"value": ["ip"], "editable": False}

    assert "ip" not in narrow.valid_values("Task", "sg_status_list")
    assert "ip" in wide.valid_values("Task", "sg_status_list")
    assert name not in narrow.field_names("Task")
    assert name in wide.field_names("Task")


def test_wrappers_share_the_schema(site, sg, make_sg):
    """
    The second wrapper of a site asks nothing more.
    """
    sg.site_schema().fields("Shot")
    before = site.ledger.count("schema_field_read")

    assert make_sg(site).site_schema().fields("Shot") is sg.site_schema().fields("Shot")
    assert site.ledger.count("schema_field_read") == before


def test_threads_read_each_type_once(site, sg):
    """
    Threads that need the same type at the same time wait for the one that reads it.
    """
    before = site.ledger.count("schema_field_read")
    barrier = threading.Barrier(8)

    def read():
        barrier.wait(5)
        sg.site_schema().fields("Shot")

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert site.ledger.count("schema_field_read") - before == 1


def test_schema_is_read_again_when_it_is_too_old():
    """
    What was read is used up to its greatest age, and no longer; a clock that was set back makes it old too.
    """
    clock, client = Clock(), Described()
    schema = SiteSchema(client, cache=SchemaCache(clock), max_age=60)
    schema.fields("Shot")
    clock.now += 60
    assert "field1" in schema.fields("Shot")
    clock.now += 1
    assert "field2" in schema.fields("Shot")
    clock.now -= 30

    assert "field3" in schema.fields("Shot")


def test_unknown_field_is_looked_up_again_before_it_is_refused():
    """
    A field that is newer than what is kept is found; one that is not there costs a request in ten seconds, not each.
    """
    clock, client = Clock(), Described()
    schema = SiteSchema(client, cache=SchemaCache(clock), max_age=3600)
    schema.fields("Shot")
    clock.now += 11

    assert schema.field_type("Shot", "field2") == "text"
    for _ in range(3):
        with pytest.raises(NotFoundError):
            schema.field_type("Shot", "field9")
    assert client.asked == 2


def test_refresh_reads_again():
    """
    After a refresh everything is read again when it is needed.
    """
    client = Described()
    schema = SiteSchema(client)
    schema.fields("Shot")
    schema.refresh()

    assert "field2" in schema.fields("Shot")


def test_a_new_field_is_seen_at_once(sg, make_sg, site):
    """
    A field that one client makes is known to every client of the process, though the schema is fresh.
    """
    other = make_sg(site, sudo_as_login=sg.find_users()[0]["login"])
    other.site_schema().fields("Shot")
    name = sg.schema_field_create("Shot", "text", "Weather")

    assert name in other.site_schema().field_names("Shot")


def test_a_failure_is_kept_for_nobody():
    """
    When reading fails, the next one tries again.
    """
    kept = SchemaCache()

    def fail():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        kept.get("Shot", fail, max_age=60)
    assert kept.get("Shot", dict, max_age=60) == {}


def test_schema_of_a_handed_in_client(demo_site):
    """
    A Shotgun that was handed in is asked once for each type, whoever wraps it.
    """
    shotgun = shotgun_api3.Shotgun(demo_site.url, demo_site.script_name, demo_site.api_key)
    before = demo_site.ledger.count("schema_field_read")

    assert SGExtended(shotgun).site_schema().fields("Shot") is SGExtended(shotgun).site_schema().fields("Shot")
    assert demo_site.ledger.count("schema_field_read") - before == 1


# --- On disk


@pytest.fixture
def folder(tmp_path):
    """
    A folder that nobody else may write to.
    """
    folder = tmp_path / "schema"
    folder.mkdir(mode=0o700)
    return folder


def kept_in(folder, client, **options):
    """
    Return a schema that has nothing in memory.
    """
    return SiteSchema(client, folder=folder, user="studio", **{"max_age": 60, **options})


def test_schema_on_disk_is_used_by_the_next_process(folder):
    """
    What was read stands on disk as JSON, and is read from there.
    """
    client = Described()
    kept_in(folder, client).fields("Shot")

    assert "field1" in kept_in(folder, client).fields("Shot")
    assert client.asked == 1
    (file,) = folder.iterdir()
    assert "field1" in json.loads(file.read_text(encoding="utf-8"))["schema"]


def test_schema_on_disk_grows_old(folder):
    """
    What is too old on disk is read again, from the site.
    """
    clock, client = Clock(), Described()
    kept_in(folder, client, cache=SchemaCache(clock)).fields("Shot")
    clock.now += 61

    assert "field2" in kept_in(folder, client, cache=SchemaCache(clock)).fields("Shot")


def test_sites_and_identities_do_not_mix_on_disk(folder):
    """
    What one may see is not taken for what another may see.
    """
    client = Described()
    kept_in(folder, client).fields("Shot")

    assert "field2" in SiteSchema(client, folder=folder, user="other").fields("Shot")


def test_broken_file_is_read_again(folder):
    """
    A file that is cut off is no schema.
    """
    client = Described()
    kept_in(folder, client).fields("Shot")
    (file,) = folder.iterdir()
    file.write_text('{"read_at": 1', encoding="utf-8")

    assert "field2" in kept_in(folder, client).fields("Shot")
    assert "field2" in kept_in(folder, client).fields("Shot")


@needs_posix
def test_folder_that_others_may_write_to_is_refused(folder):
    """
    A folder in which others could put a schema is refused, and the message says what to do.
    """
    folder.chmod(0o770)

    with pytest.raises(ConfigurationError, match=r"other users may write to that folder.*chmod go-w"):
        kept_in(folder, Described()).fields("Shot")


@needs_posix
def test_file_that_others_may_write_to_is_not_believed(folder):
    """
    A file that others may write to is replaced by one that they may not.
    """
    client = Described()
    kept_in(folder, client).fields("Shot")
    (file,) = folder.iterdir()
    file.chmod(0o666)

    assert "field2" in kept_in(folder, client).fields("Shot")
    assert file.stat().st_mode & 0o777 == 0o600


@needs_posix
def test_folder_is_made_for_its_owner_alone(tmp_path):
    """
    A folder that is not there yet is made, and others may not even look into it.
    """
    kept_in(tmp_path / "new" / "schema", Described()).fields("Shot")

    assert (tmp_path / "new" / "schema").stat().st_mode & 0o777 == 0o700


def test_site_names_the_folder(site, make_sg, folder):
    """
    The setting of the site reaches the disk.
    """
    make_sg(site, schema_folder=folder, sudo_as_login="nobody").site_schema()
    sg = make_sg(site, schema_folder=folder)
    sg.site_schema().refresh()
    sg.site_schema().fields("Shot")

    assert [file.name.split("-")[0] for file in folder.iterdir()] == ["Shot"]
