"""
`ActionMenu`: what a person selected when they chose an action menu item of the site's web application.
"""

import datetime as dt
import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, TypeVar
from urllib.parse import urlsplit

from attrs import Factory, evolve, field, frozen

from sgextended.client.native_client import NativeClient
from sgextended.errors import ConfigurationError, InvalidArgumentError, NotFoundError, SignatureError
from sgextended.events.event import to_link
from sgextended.events.menu_payload import Pairs, read_payload
from sgextended.events.signatures import (
    SecretLike,
    check_age,
    check_max_age,
    check_signature,
    secret_bytes,
    sent_moment,
)
from sgextended.site_address import host_of

Link = Dict[str, Any]
Wrapper = TypeVar("Wrapper", bound=Any)

#: Seconds for which a signed payload is accepted.
MAX_AGE = 300.0

_OWNER = "the action menu item"
_ID = re.compile(r"\d{1,18}", re.ASCII)
_SEPARATOR = re.compile(r"[\s,]+")
_ENTITY_TYPE = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)
_LINE_BREAK = re.compile(r"[\r\n]")
#: The names of a payload that have an attribute of their own. All others are in `ActionMenu.extra`.
_KNOWN = frozenset(
    (
        *("entity_type", "selected_ids", "ids", "cols", "column_display_names", "sort_column", "sort_direction"),
        *("page_id", "title", "view", "project_id", "project_name", "user_id", "user_login", "server_hostname"),
        *("session_uuid", "event_log_entry_id", "timestamp", "signature"),
    )
)


@frozen(kw_only=True)
class ActionMenu:
    """
    The payload of an action menu item: what a person saw and selected when they chose the item.

    Attributes:
        entity_type: The type of the entities, such as ``"Version"``.

        selected_ids: The ids of the selected entities, in the order of the payload.

        ids: The ids of all entities of the page, also those on its other screens. A site may leave them out.

        columns: The names of the visible columns, such as ``"sg_status_list"``.

        column_display_names: The names of the visible columns as the person sees them.

        sort_column: The column by which the page is sorted, or None.

        sort_direction: ``"asc"`` or ``"desc"``, or None.

        page_id: The id of the page, or None.

        title: The title of the page, or None.

        view: The view of the page, or None.

        project: The link to the project of the page, with its name; None for a page that belongs to no project.

        user: The link to the person, or None.

        user_login: The login of the person, or None.

        server_hostname: The host name of the site, or None.

        session_uuid: The UUID of the browser window's session, or None.

        event_log_entry_id: The id of the EventLogEntry with the data of a light payload. None: it was not a light one.

        action: The part of a protocol address between the scheme and the query, such as ``"process_version"``.

        timestamp: The time that the site sent with its signature, or None.

        is_verified: Whether the signature was checked with the secret.

        extra: The other values of the payload, by name: a text each, or a list if a name was sent several times.
    """

    __module__ = "sgextended"

    entity_type: str
    selected_ids: List[int] = field(factory=list)
    ids: List[int] = field(factory=list)
    columns: List[str] = field(factory=list)
    column_display_names: List[str] = field(factory=list)
    sort_column: Optional[str] = None
    sort_direction: Optional[str] = None
    page_id: Optional[int] = None
    title: Optional[str] = None
    view: Optional[str] = None
    project: Optional[Link] = None
    user: Optional[Link] = None
    user_login: Optional[str] = None
    server_hostname: Optional[str] = None
    session_uuid: Optional[str] = None
    event_log_entry_id: Optional[int] = None
    action: str = ""
    timestamp: Optional[dt.datetime] = None
    is_verified: bool = False
    extra: Dict[str, Any] = field(default=Factory(dict))

    @classmethod
    def parse(
        cls, source: Any, *, sg: Any = None, secret: SecretLike = None, max_age: Optional[float] = MAX_AGE
    ) -> "ActionMenu":
        """
        Return what the payload of an action menu item says.

        Args:
            source: The address with which the program was started, such as ``sys.argv[1]``; the body of the POST
                request, as bytes or text; the fields of its form, as a mapping, as pairs, or as Starlette, FastAPI,
                Flask or Django have them; or a path or an open file that contains one of these.

            sg: The client. A payload of another site than its site is refused. A light payload needs it, since the data
                are in an EventLogEntry. None: no site is compared.

            secret: The secret of the action menu item. None: the signature is not checked.

            max_age: Seconds for which a signed payload is accepted, if it has a time. None: no limit.

        Raises:
            InvalidArgumentError: The source is not the payload of an action menu item.

            SignatureError: The signature is missing or wrong, or the payload is too old.

            NotFoundError: The client cannot read the EventLogEntry of a light payload.
        """
        key = secret_bytes(secret, _OWNER)
        check_max_age(max_age)
        action, pairs = read_payload(source)
        if key is not None:
            _check_signature(pairs, key)
        values = _grouped(pairs)
        timestamp = _timestamp_of(values, needed=key is not None and max_age is not None)
        if key is not None:
            check_age(timestamp, max_age)
        if sg is not None:
            _check_site(_text(values, "server_hostname"), sg)
        entry_id = _number(values, "event_log_entry_id")
        if entry_id is not None and "entity_type" not in values:
            values = {**values, **_light_payload(entry_id, sg)}
            _check_site(_text(values, "server_hostname"), sg)
        menu = _menu_of(cls, values)
        return evolve(
            menu, action=action, event_log_entry_id=entry_id, timestamp=timestamp, is_verified=key is not None
        )

    @property
    def selected(self) -> List[Link]:
        """
        The links to the selected entities.
        """
        return [{"type": self.entity_type, "id": number} for number in self.selected_ids]

    @property
    def order(self) -> List[Dict[str, str]]:
        """
        The sort order of the page, as ``find`` takes it; empty if the page is not sorted.
        """
        if self.sort_column is None:
            return []
        return [{"field_name": self.sort_column, "direction": self.sort_direction or "asc"}]

    def acting_as_user(self, sg: Wrapper, *, allow_unsigned: bool = False) -> Wrapper:
        """
        Return a wrapper that acts as the person who chose the item; its writes are those of the person.

        It is a clone of *sg*, with the ``sudo_as_login`` of the person. Without a signature, the login is whatever the
        sender of the payload wrote, and *sg* would act as anybody for anybody.

        Args:
            sg: A wrapper with the key of a script that may act as other people, or one that is logged in as the person.

            allow_unsigned: Whether to trust a payload whose signature was not checked.

        Raises:
            SignatureError: The signature of the payload was not checked, and *allow_unsigned* is False.

            InvalidArgumentError: The payload names no person, or is one of another site.

            ConfigurationError: *sg* cannot act as the person.
        """
        if not self.is_verified and not allow_unsigned:
            msg = (
                "The signature of this payload was not checked, so anybody may have written the login in it. Give the "
                "action menu item a secret and parse with secret=..., or accept that with allow_unsigned=True."
            )
            raise SignatureError(msg)
        if not isinstance(getattr(sg, "_client", None), NativeClient):
            msg = (
                f"{type(sg).__name__} cannot act as another person. Use SGExtended(...) or SGExtended.from_shotgun(sg)."
            )
            raise ConfigurationError(msg)
        _check_site(self.server_hostname, sg)
        login = self.user_login
        if login is None and self.user is not None:
            person = sg.find_one("HumanUser", [["id", "is", self.user["id"]]], ["login"])
            login = None if person is None else person["login"]
        if not login:
            msg = "The payload names no person whom the site knows, so no wrapper can act as that person."
            raise InvalidArgumentError(msg)
        client = sg._client.acting_as(login)  # noqa: SLF001 - part of the wrapper
        other: Wrapper = sg.clone()
        other._client = client  # noqa: SLF001 - part of the wrapper
        return other


# --- The signature


def _check_signature(pairs: Pairs, secret: bytes) -> None:
    """
    Raise unless the payload has a signature of all its other names and values.

    The site signs the lines ``name=value``, sorted by name, with CR and LF at the end of each. A name that is sent
    several times is signed as one line a value, or as one line with the values separated by commas.
    """
    signatures = [value for name, value in pairs if name == "signature"]
    signed = [(name, "" if value is None else str(value)) for name, value in pairs if name != "signature"]
    if len(signatures) > 1 or any(_LINE_BREAK.search(name + value) or "=" in name for name, value in signed):
        msg = (
            "The payload has several signatures, or a line break or an '=' where it could make the signed text read in "
            "two ways. It does not come from the site."
        )
        raise SignatureError(msg)
    together: Dict[str, List[str]] = {}
    for name, value in signed:
        together.setdefault(name, []).append(value)
    names = sorted(together)
    each = "".join(f"{name}={value}\r\n" for name in names for value in together[name])
    joined = "".join(f"{name}={','.join(together[name])}\r\n" for name in names)
    given = str(signatures[0]) if signatures else None
    check_signature(
        given, secret, [each.encode("utf-8", "surrogatepass"), joined.encode("utf-8", "surrogatepass")], _OWNER
    )


def _timestamp_of(values: Mapping[str, List[Any]], *, needed: bool) -> Optional[dt.datetime]:
    value = next(iter(values.get("timestamp", ())), None)
    try:
        return sent_moment(value)
    except ValueError:
        if not needed:
            return None
        msg = (
            f"The payload's timestamp {value!r:.40} is not a time, so its age is unknown. max_age=None does not check "
            "the age."
        )
        raise InvalidArgumentError(msg) from None


# --- The site and the light payload


def _check_site(server_hostname: Optional[str], sg: Any) -> None:
    """
    Raise if a payload is one of another site than the client's. A payload without a host name is accepted.
    """
    if sg is None or not server_hostname:
        return
    url = getattr(getattr(sg, "site", None), "url", None) or getattr(sg, "base_url", None)
    if not isinstance(url, str):
        return  # such as a Mockgun
    own = host_of(url)
    text = server_hostname if "//" in server_hostname else f"{urlsplit(url).scheme}://{server_hostname}"
    try:
        named = host_of(text)
        # A payload may name the host without the port of the site.
        is_same = named == own or (urlsplit(text).port is None and named == own.rpartition(":")[0])
    except ValueError:
        is_same = False
    if not is_same:
        msg = (
            f"The payload is one of the site {server_hostname!r:.200}, but the client's site is "
            f"{urlsplit(url).netloc!r}. Ids of one site mean other entities on another. Use a client for the site of "
            "the payload."
        )
        raise InvalidArgumentError(msg)


def _light_payload(entry_id: int, sg: Any) -> Dict[str, List[Any]]:
    """
    Return the values of a light payload, from the ``meta`` of its EventLogEntry.
    """
    if sg is None:
        msg = (
            f"This is a light payload: its data are in EventLogEntry {entry_id} of the site. Give a client, as in "
            "ActionMenu.parse(source, sg=sg)."
        )
        raise InvalidArgumentError(msg)
    row = sg.find_one("EventLogEntry", [["id", "is", entry_id]], ["meta", "user"])
    if row is None:
        msg = (
            f"The site has no EventLogEntry {entry_id} that the client may read, but the data of the light payload are "
            "in it. Use a client that may read the event log."
        )
        raise NotFoundError(msg)
    meta = row.get("meta")
    payload = meta.get("ami_payload", meta) if isinstance(meta, Mapping) else meta
    if isinstance(payload, (str, Mapping, list)):
        values = _grouped(read_payload(payload)[1])
        if "entity_type" in values:
            person = to_link(row.get("user"))
            if person is not None and person["type"] == "HumanUser":
                values.setdefault("user_id", [person["id"]])
            return values
    msg = (
        f"EventLogEntry {entry_id} does not have the data of an action menu item. Check the event_log_entry_id of the "
        "payload."
    )
    raise InvalidArgumentError(msg)


# --- The values


def _grouped(pairs: Iterable[Tuple[str, Any]]) -> Dict[str, List[Any]]:
    found: Dict[str, List[Any]] = {}
    for name, value in pairs:
        # Some forms mark names that come several times, as in "cols[]".
        found.setdefault(name.removesuffix("[]"), []).append(value)
    return found


def _menu_of(cls: Any, values: Mapping[str, List[Any]]) -> ActionMenu:
    entity_type = _text(values, "entity_type")
    if entity_type is None or not ({"ids", "selected_ids"} & set(values)):
        lacks = "entity_type" if entity_type is None else "selected_ids and ids"
        known = ", ".join(sorted(_KNOWN & set(values))) or "none of those of an action menu item"
        msg = (
            f"This is not the payload of an action menu item: it lacks {lacks}. It has the names {known}. If the "
            "address was cut off at its first '&', put quotes around the program's argument."
        )
        raise InvalidArgumentError(msg)
    if not _ENTITY_TYPE.fullmatch(entity_type):
        msg = f"The payload's entity_type {entity_type!r:.80} is not the name of an entity type."
        raise InvalidArgumentError(msg)
    user_id, project_id = _number(values, "user_id"), _number(values, "project_id")
    project = None if project_id is None else {"type": "Project", "id": project_id}
    if project is not None and _text(values, "project_name") is not None:
        project["name"] = _text(values, "project_name")
    direction = _text(values, "sort_direction")
    menu: ActionMenu = cls(
        entity_type=entity_type,
        selected_ids=_numbers(values, "selected_ids"),
        ids=_numbers(values, "ids"),
        columns=_names(values.get("cols", ()), split=True),
        column_display_names=_names(values.get("column_display_names", ()), split=False),
        sort_column=_text(values, "sort_column"),
        sort_direction=None if direction is None else "desc" if direction.lower().startswith("desc") else "asc",
        page_id=_number(values, "page_id"),
        title=_text(values, "title"),
        view=_text(values, "view"),
        project=project,
        user=None if user_id is None else {"type": "HumanUser", "id": user_id},
        user_login=_text(values, "user_login"),
        server_hostname=_text(values, "server_hostname"),
        session_uuid=_text(values, "session_uuid"),
        extra={name: each[0] if len(each) == 1 else each for name, each in values.items() if name not in _KNOWN},
    )
    return menu


def _text(values: Mapping[str, List[Any]], name: str) -> Optional[str]:
    """
    Return the first value of a name as text; None if there is none, or an empty one.
    """
    found = next((each for each in values.get(name, ()) if each is not None), None)
    text = "" if isinstance(found, (list, dict)) or found is None else str(found).strip()
    return None if text.lower() in ("", "null", "undefined") else text


def _names(found: Iterable[Any], *, split: bool) -> List[str]:
    texts = [str(each) for each in found if each is not None]
    if split:
        texts = [part for text in texts for part in _SEPARATOR.split(text)]
    return [text for text in texts if text]


def _numbers(values: Mapping[str, List[Any]], name: str) -> List[int]:
    """
    Return the ids of a name: one number each, or several separated by commas. Each id comes once.
    """
    parts = [part for each in values.get(name, ()) if each is not None for part in _SEPARATOR.split(str(each)) if part]
    bad = next((part for part in parts if not _ID.fullmatch(part)), None)
    if bad is not None:
        msg = f"The payload's {name} has {bad!r:.40}, which is not an id. Give the payload as it arrived."
        raise InvalidArgumentError(msg)
    return list(dict.fromkeys(map(int, parts)))


def _number(values: Mapping[str, List[Any]], name: str) -> Optional[int]:
    text = _text(values, name)
    if text is None:
        return None
    if not _ID.fullmatch(text):
        msg = f"The payload's {name} {text!r:.40} is not an id. Give the payload as it arrived."
        raise InvalidArgumentError(msg)
    return int(text)
