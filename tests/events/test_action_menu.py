"""
``ActionMenu.parse`` reads each form of the payload of an action menu item, checks what the site signed, and makes a
wrapper for the person.
"""

import datetime as dt
import hashlib
import hmac
import io
import json
from urllib.parse import urlencode

import pytest
from shotgun_api3.lib.mockgun import Shotgun as Mockgun
from starlette.datastructures import FormData

from sgextended import (
    ActionMenu,
    ConfigurationError,
    InvalidArgumentError,
    NotFoundError,
    Secret,
    SGExtended,
    SignatureError,
    Site,
)
from sgextended.localsite import LocalSite

SECRET = "a secret of the menu"
PASSWORD = "zoe-and-the-bees"
#: The values of a payload as a site sends them; names that come several times have one pair each.
PAIRS = [
    ("user_id", "24"),
    ("user_login", "zoe"),
    ("title", "All Versions"),
    ("entity_type", "Version"),
    ("server_hostname", "studio.shotgrid.autodesk.com"),
    ("referrer_path", "/detail/HumanUser/24"),
    ("page_id", "1606"),
    ("session_uuid", "9676a296-7e16-11e7-8758-0242ac110004"),
    ("project_name", "Bird & Bee"),
    ("project_id", "81"),
    ("selected_ids", "6984,17"),
    ("ids", "3,6984,17"),
    ("cols", "code"),
    ("cols", "sg_status_list"),
    ("column_display_names", "Version Name"),
    ("column_display_names", "Status, short"),
    ("sort_column", "code"),
    ("sort_direction", "desc"),
    ("view", "Default"),
    ("grouping_column", "entity"),
]
LISTS = {name: [value for each, value in PAIRS if each == name] for name, _ in PAIRS}
FORM = urlencode(PAIRS)


@pytest.fixture(scope="module")
def site():
    """
    A site with a person who may be acted for.
    """
    with LocalSite() as site:
        site.add_user("zoe", PASSWORD, role="manager")
        yield site


class _Lists:
    """
    The fields of a form as Werkzeug and Django have them.
    """

    def lists(self):
        return list(LISTS.items())


def without(*names):
    return [(name, value) for name, value in PAIRS if name not in names]


def signed(pairs, *, secret=SECRET, algorithm="sha1", together=False, sent_at=None):
    """
    Return the pairs with a time and the signature of a site.
    """
    moment = dt.datetime.now(dt.timezone.utc) if sent_at is None else sent_at
    pairs = [*pairs, ("timestamp", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))]
    lines = {}
    for name, value in pairs:
        lines.setdefault(name, []).append(value)
    texts = []
    for name in sorted(lines):
        values = [",".join(lines[name])] if together else lines[name]
        texts += [f"{name}={value}\r\n" for value in values]
    digest = hmac.new(secret.encode(), "".join(texts).encode(), getattr(hashlib, algorithm)).hexdigest()
    return [*pairs, ("signature", f"{algorithm}={digest}")]


@pytest.mark.parametrize(
    "source",
    [
        f"studio://process_version?{FORM}",
        f'"studio://process_version/?{FORM}"\n',
        f"https://tools.example/menu?{FORM}",
        FORM,
        FORM.encode(),
        bytearray(FORM.encode()),
        PAIRS,
        LISTS,
        {name.encode(): [value.encode() for value in values] for name, values in LISTS.items()},
        FormData(PAIRS),
        _Lists(),
        io.BytesIO(FORM.encode()),
        io.StringIO(f"studio://process_version?{FORM}"),
        json.dumps({**LISTS, "ids": [3, 6984, 17], "page_id": 1606}),
    ],
    ids=lambda source: type(source).__name__,
)
def test_each_form_of_the_payload_is_read(source):
    """
    An address, a body, the fields of a form as frameworks have them, and files give the same values.
    """
    menu = ActionMenu.parse(source)

    assert (menu.entity_type, menu.selected_ids, menu.ids) == ("Version", [6984, 17], [3, 6984, 17])
    assert menu.selected == [{"type": "Version", "id": 6984}, {"type": "Version", "id": 17}]
    assert (menu.columns, menu.column_display_names) == (["code", "sg_status_list"], ["Version Name", "Status, short"])
    assert menu.order == [{"field_name": "code", "direction": "desc"}]
    assert (menu.page_id, menu.title, menu.view) == (1606, "All Versions", "Default")
    assert menu.project == {"type": "Project", "id": 81, "name": "Bird & Bee"}
    assert (menu.user, menu.user_login) == ({"type": "HumanUser", "id": 24}, "zoe")
    assert menu.server_hostname == "studio.shotgrid.autodesk.com"
    assert menu.session_uuid == "9676a296-7e16-11e7-8758-0242ac110004"
    assert menu.extra == {"referrer_path": "/detail/HumanUser/24", "grouping_column": "entity"}
    assert (menu.is_verified, menu.timestamp, menu.event_log_entry_id) == (False, None, None)


def test_a_file_is_read_from_its_path(tmp_path):
    """
    A path names a file with the address; the action is its part before the query.
    """
    path = tmp_path / "click.txt"
    path.write_text(f"studio://process_version?{FORM}")

    assert ActionMenu.parse(path).action == "process_version"
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        ActionMenu.parse(tmp_path / "missing.txt")


def test_what_a_page_does_not_have_is_none():
    """
    A page without project, selection and sorting has None and empty lists; columns may also be one text.
    """
    menu = ActionMenu.parse("entity_type=HumanUser&ids=&project_id=&sort_column=null&cols=name,login&cols[]=email")

    assert (menu.project, menu.user, menu.user_login, menu.page_id) == (None, None, None, None)
    assert (menu.ids, menu.selected_ids, menu.selected, menu.order) == ([], [], [], [])
    assert menu.columns == ["name", "login", "email"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "is empty"),
        ("studio://process_version", "has no query"),
        ("studio://process_version?user_id=24", "lacks entity_type.*user_id.*quotes"),
        ("entity_type=Shot", "lacks selected_ids and ids"),
        ("q=bird", "none of those of an action menu item"),
        ("entity_type=Shot&ids=1,x2", "ids has 'x2'"),
        ("entity_type=Shot&ids=-1", "ids has '-1'"),
        (f"entity_type=Shot&ids={'9' * 100_000}", "which is not an id"),
        ("entity_type=Shot&ids=1&page_id=first", "page_id 'first' is not an id"),
        ("entity_type=../Shot&ids=1", "is not the name of an entity type"),
        ("entity_type=%ff&ids=1", "not UTF-8"),
        (b"entity_type=\xff&ids=1", "not text in UTF-8"),
        ("{not json", "not valid JSON"),
        ('{"a": ' + "[" * 100_000, "not valid JSON"),
        (17, "of the type int is not the payload"),
        ([1, 2], "not one of names and values"),
        ({1: "Shot"}, "a name that is not text"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_other_sources_are_refused(source, message):
    """
    A source that is not such a payload raises an error that says what is wrong with it.
    """
    with pytest.raises(InvalidArgumentError, match=message):
        ActionMenu.parse(source)


def test_a_payload_that_is_too_large_is_refused():
    """
    A payload beyond any size that a site sends is refused before it is taken apart.
    """
    with pytest.raises(InvalidArgumentError, match="larger than"):
        ActionMenu.parse(io.StringIO("a" * (16 * 1024 * 1024 + 1)))


# --- Signatures


@pytest.mark.parametrize("together", [False, True], ids=["a line a value", "a line a name"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("secret", [SECRET, SECRET.encode(), Secret(SECRET)], ids=["text", "bytes", "Secret"])
def test_a_signature_is_checked(secret, algorithm, together):
    """
    The signature of the site is accepted, with either hash and with the secret in each form.
    """
    pairs = signed(PAIRS, algorithm=algorithm, together=together)
    menu = ActionMenu.parse(f"studio://process_version?{urlencode(pairs)}", secret=secret)

    assert menu.is_verified
    assert menu.timestamp.tzinfo is dt.timezone.utc
    assert "signature" not in menu.extra


@pytest.mark.parametrize(
    "change",
    [
        lambda pairs: [*pairs, ("selected_ids", "1")],
        lambda pairs: [*pairs, ("unknown", "")],
        lambda pairs: pairs[1:],
        lambda pairs: [(name, "admin" if name == "user_login" else value) for name, value in pairs],
        lambda pairs: [*pairs, ("signature", "sha1=00")],
        lambda pairs: [(name, "sha1=" if name == "signature" else value) for name, value in pairs],
        lambda pairs: [(name, "sha1=ä" if name == "signature" else value) for name, value in pairs],
        lambda pairs: [(name, "md5=00" if name == "signature" else value) for name, value in pairs],
        lambda pairs: [pair for pair in pairs if pair[0] != "signature"],
    ],
)
def test_a_changed_payload_is_refused(change):
    """
    One more value, one less, another value, and another or no signature are refused; no message has the secret.
    """
    with pytest.raises(SignatureError) as caught:
        ActionMenu.parse(change(signed(PAIRS)), secret=SECRET)
    assert SECRET not in str(caught.value)


def test_one_signed_text_cannot_be_two_payloads():
    """
    A value with a line break could be read as several signed lines, so it is refused, although the hash is right.
    """
    honest = signed([("entity_type", "Shot"), ("ids", "1"), ("title", "a"), ("user_login", "zoe")])
    forged = [pair for pair in honest if pair[0] not in ("title", "user_login", "timestamp")]
    rest = dict(honest)
    forged += [("timestamp", f"{rest['timestamp']}\r\ntitle=a\r\nuser_login=zoe"), ("user_id", "")]

    assert ActionMenu.parse(honest, secret=SECRET).user_login == "zoe"
    with pytest.raises(SignatureError, match="line break"):
        ActionMenu.parse(forged, secret=SECRET)


@pytest.mark.parametrize(("age", "words"), [(301, "30[1-9] s ago"), (-400, "in the future")])
def test_an_old_payload_is_refused(age, words):
    """
    A signed payload is accepted for a limited time, which the caller may change.
    """
    sent_at = dt.datetime.now(dt.timezone.utc) - dt.timedelta(seconds=age)
    pairs = signed(PAIRS, sent_at=sent_at)

    with pytest.raises(SignatureError, match=words):
        ActionMenu.parse(pairs, secret=SECRET)
    assert ActionMenu.parse(pairs, secret=SECRET, max_age=None).is_verified
    assert ActionMenu.parse(pairs, secret=SECRET, max_age=1000).is_verified
    assert ActionMenu.parse(pairs).timestamp == sent_at.replace(microsecond=0)


@pytest.mark.parametrize("secret", ["", b"", Secret(""), 17])
def test_an_empty_secret_is_refused(secret):
    """
    A secret that is empty or no text is a mistake of the receiver, and no reason to accept everything.
    """
    with pytest.raises(ConfigurationError, match="The secret of the action menu item"):
        ActionMenu.parse(PAIRS, secret=secret)
    with pytest.raises(ConfigurationError, match="max_age"):
        ActionMenu.parse(PAIRS, secret=SECRET, max_age=-1)


# --- Light payloads, other sites and the person


def light(sg, meta):
    """
    Write the EventLogEntry of a light payload, and return the form that the site sends.
    """
    project = sg.ensure("Project", {"name": "Light"})
    entry = sg.create("EventLogEntry", {"project": project, "event_type": "Tool_Menu_Click", "meta": meta})
    return {"event_log_entry_id": str(entry["id"])}


@pytest.mark.parametrize(
    "nest", [lambda values: {"ami_payload": values}, lambda values: values], ids=["nested", "flat"]
)
def test_a_light_payload_is_fetched(site, make_sg, nest):
    """
    The data of a light payload come from the meta of its EventLogEntry.
    """
    values = {**dict(without("cols", "server_hostname")), "cols": ["code", "image"], "selected_ids": [17]}
    with make_sg(site) as sg:
        form = light(sg, nest(values))
        menu = ActionMenu.parse(form, sg=sg)

    assert (menu.entity_type, menu.selected_ids, menu.columns) == ("Version", [17], ["code", "image"])
    assert menu.event_log_entry_id == int(form["event_log_entry_id"])
    with pytest.raises(InvalidArgumentError, match=r"light payload.*sg=sg"):
        ActionMenu.parse(form)


def test_a_light_payload_without_data_is_refused(site, make_sg):
    """
    An entry that does not exist, or that is one of another kind, is no payload.
    """
    with make_sg(site) as sg:
        form = light(sg, {"type": "other"})
        with pytest.raises(InvalidArgumentError, match="does not have the data"):
            ActionMenu.parse(form, sg=sg)
        with pytest.raises(NotFoundError, match="no EventLogEntry 999999"):
            ActionMenu.parse("event_log_entry_id=999999", sg=sg)


def test_a_payload_of_another_site_is_refused(site, make_sg):
    """
    Ids of one site mean other entities on another, so the host of the payload must be that of the client.
    """
    own = [*without("server_hostname"), ("server_hostname", "127.0.0.1")]
    with make_sg(site) as sg:
        assert ActionMenu.parse(own, sg=sg).selected_ids == [6984, 17]
        assert ActionMenu.parse(without("server_hostname"), sg=sg).server_hostname is None
        for host in ("studio.shotgrid.autodesk.com", "127.0.0.1:1", "http://[", "127.0.0.1.example"):
            with pytest.raises(InvalidArgumentError, match="client's site is"):
                ActionMenu.parse([*without("server_hostname"), ("server_hostname", host)], sg=sg)
        form = light(sg, {"ami_payload": dict(PAIRS)})
        with pytest.raises(InvalidArgumentError, match="client's site is"):
            ActionMenu.parse(form, sg=sg)
        with pytest.raises(InvalidArgumentError, match="client's site is"):
            ActionMenu.parse(PAIRS).acting_as_user(sg, allow_unsigned=True)


@pytest.mark.parametrize("host", ["studio.shotgunstudio.com", "STUDIO.shotgrid.autodesk.com"])
def test_a_renamed_site_is_the_same(host):
    """
    The vendor's former domain and letter case make no other site.
    """
    with SGExtended("https://studio.shotgrid.autodesk.com", "a", "b", connect=False) as sg:
        pairs = [*without("server_hostname"), ("server_hostname", host)]
        assert ActionMenu.parse(pairs, sg=sg).selected_ids == [6984, 17]


def test_a_wrapper_acts_as_the_person(site, make_sg):
    """
    Writes of the wrapper are those of the person, and the first wrapper stays the script's.
    """
    with make_sg(site) as sg:
        zoe = sg.find_users(login="zoe")[0]
        pairs = without("server_hostname", "user_id")
        menu = ActionMenu.parse(signed(pairs), sg=sg, secret=SECRET)
        project = menu.acting_as_user(sg).create("Project", {"name": "Hers"})
        by_id = ActionMenu.parse([*without("server_hostname", "user_login", "user_id"), ("user_id", zoe["id"])])

        assert sg.find_one("Project", [["id", "is", project["id"]]], ["created_by"])["created_by"]["id"] == zoe["id"]
        assert sg.me()["type"] == "ApiUser"
        assert by_id.acting_as_user(sg, allow_unsigned=True).me()["login"] == "zoe"


def test_a_wrapper_of_the_person_is_enough(site):
    """
    A wrapper that is logged in as the person needs no script; one of another person is refused.
    """
    menu = ActionMenu.parse(without("server_hostname"))
    own = SGExtended(site=Site(url=site.url, login="zoe", password=PASSWORD))
    other = SGExtended(site=Site(url=site.url, login="max", password=PASSWORD))

    assert menu.acting_as_user(own, allow_unsigned=True).me()["login"] == "zoe"
    with pytest.raises(ConfigurationError, match="only a script can act"):
        menu.acting_as_user(other, allow_unsigned=True)


def test_nobody_is_acted_for_by_mistake(site, make_sg):
    """
    An unsigned payload, one without a person, and a client of another library give no wrapper.
    """
    with make_sg(site) as sg:
        with pytest.raises(SignatureError, match="allow_unsigned"):
            ActionMenu.parse(without("server_hostname")).acting_as_user(sg)
        nobody = ActionMenu.parse("entity_type=Shot&ids=1")
        with pytest.raises(InvalidArgumentError, match="names no person"):
            nobody.acting_as_user(sg, allow_unsigned=True)
        unknown = ActionMenu.parse("entity_type=Shot&ids=1&user_id=999999")
        with pytest.raises(InvalidArgumentError, match="names no person"):
            unknown.acting_as_user(sg, allow_unsigned=True)
        with pytest.raises(ConfigurationError, match="from_shotgun"):
            ActionMenu.parse(PAIRS).acting_as_user(object.__new__(Mockgun), allow_unsigned=True)
