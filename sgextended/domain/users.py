"""
Find people, groups, departments and the current user.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.arguments import (
    ASSIGNEES,
    PEOPLE,
    Links,
    LinksOrNames,
    Names,
    Order,
    Row,
    fields_of,
    to_link,
    values_of,
)
from sgextended.domain.client_kinds import Finder, client_of
from sgextended.domain.entities import get
from sgextended.domain.search import Query
from sgextended.errors import ConfigurationError
from sgextended.http.deadline import within

USER_FIELDS = ("name", "login", "email", "sg_status_list", "department", "groups")
GROUP_FIELDS = ("code", "users")
DEPARTMENT_FIELDS = ("name", "code", "color", "users")


def find_users(
    sg: Finder,
    name: Names = None,
    *,
    login: Names = None,
    email: Names = None,
    status: Names = "act",
    department: LinksOrNames = None,
    group: Links = None,
    project: Links = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return people, sorted by name; only active accounts unless *status* says otherwise.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        name: Full names or globs.

        login: Login names.

        email: E-mail addresses.

        status: Short codes or names of statuses; None returns disabled accounts too.

        department: Departments, as links or by name or short code.

        group: Links to groups. Members of any of the groups match.

        project: Links to projects to which the people are assigned.

        fields: Fields to return instead of `USER_FIELDS`: ``name``, ``login``, ``email``, ``sg_status_list``,
            ``department``, ``groups``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("name", name)
        query.names("login", login)
        query.names("email", email)
        if status == "act":  # the default always exists
            query.names("sg_status_list", status)
        else:
            query.statuses("HumanUser", status)
        query.links_or_names("department", "Department", ("name", "code"), department)
        query.links("groups", group, "Group")
        query.links("projects", project, "Project")
        return query.find(sg, "HumanUser", USER_FIELDS, fields, extra_fields, ["name", "id"], order=order, limit=limit)


def find_groups(
    sg: Finder,
    name: Names = None,
    *,
    user: Links = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return groups of people, sorted by name.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        name: Names or globs.

        user: Links to people who are members.

        fields: Fields to return instead of `GROUP_FIELDS`: ``code``, ``users``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("code", name)
        query.links("users", user, *PEOPLE)
        return query.find(sg, "Group", GROUP_FIELDS, fields, extra_fields, ["code", "id"], order=order, limit=limit)


def find_departments(
    sg: Finder,
    name: Names = None,
    *,
    user: Links = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return departments, sorted by the site's list order.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        name: Names or globs.

        user: Links to people who are members.

        fields: Fields to return instead of `DEPARTMENT_FIELDS`: ``name``, ``code``, ``color``, ``users``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("name", name)
        query.links("users", user, *PEOPLE)
        return query.find(
            sg, "Department", DEPARTMENT_FIELDS, fields, extra_fields, ["list_order", "id"], order=order, limit=limit
        )


def me(sg: Finder, *, fields: Optional[Iterable[str]] = None, timeout: Optional[float] = None) -> Row:
    """
    Return the current user.

    That is the person whose login the client uses, or the person for whom a script acts (``sudo_as_login``). For any
    other script it is the script (an ApiUser).

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        fields: Fields to return. None: ``name``, ``login`` and ``email`` of a person, ``firstname`` of a script.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type`` (``"HumanUser"`` or ``"ApiUser"``), ``id`` and the fields.

    Raises:
        ConfigurationError: The client has only a session token, which does not name its user. No request was sent.

        NotFoundError: The site does not let the current user read that HumanUser or ApiUser entity.
    """
    chosen = None if fields is None else fields_of(fields)
    config = client_of(sg).config
    login, script = config.sudo_as_login or config.user_login, config.script_name
    if not login and not script:
        msg = (
            "The current user is unknown, because the client has only a session token, which does not name its user. "
            "Use sg.find_users(login=...), or a client with a script key or a login."
        )
        raise ConfigurationError(msg)
    if login:
        wanted = ["name", "login", "email"] if chosen is None else chosen
        return get(sg, "HumanUser", [["login", "is", login]], fields=wanted, timeout=timeout)
    wanted = ["firstname"] if chosen is None else chosen
    return get(sg, "ApiUser", [["firstname", "is", script]], fields=wanted, timeout=timeout)


def with_groups(sg: Finder, people: Links) -> Optional[List[Row]]:
    """
    Return links to people and to the groups of which they are members; links to groups stay as they are.

    An assignment to a group counts for all its members. The call costs one request, or none if there is no person among
    the links. Groups within groups do not exist.
    """
    links = values_of(people)
    if links is None:
        return None
    links = [to_link(link, "assignee", ASSIGNEES) for link in links]
    persons = [link for link in links if link["type"] == "HumanUser"]
    if persons:
        query = Query()
        query.links("users", persons)
        links += [to_link(group) for group in query.find(sg, "Group", (), None, (), ["id"])]
    return links
