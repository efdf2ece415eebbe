"""
People, who asks, and the groups and departments that they are in.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import (
    ASSIGNEES,
    PEOPLE,
    Finder,
    Links,
    LinksOrNames,
    Names,
    Query,
    Row,
    client_of,
    fields_of,
    to_link,
    values_of,
)
from sgextended.domain.entities import get
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
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return people, by name; those with an active account unless *status* says otherwise.

    Args:
        sg: Who is asked.

        name: Full names or globs.

        login: Logins.

        email: Addresses.

        status: Short codes of ``sg_status_list``; None returns disabled accounts too.

        department: Departments, as links or by name or short code.

        group: Links to groups of which they are members.

        project: Links to projects that they are on.

        fields: Fields to return instead of `USER_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("name", name)
        query.names("login", login)
        query.names("email", email)
        query.names("sg_status_list", status)
        query.links_or_names("department", "Department", ("name", "code"), department)
        query.links("groups", group, "Group")
        query.links("projects", project, "Project")
        return query.find(sg, "HumanUser", USER_FIELDS, fields, extra_fields, ["name", "id"])


def find_groups(
    sg: Finder,
    name: Names = None,
    *,
    user: Links = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return groups of people, by name.

    Args:
        sg: Who is asked.

        name: Names or globs.

        user: Links to people who are in them.

        fields: Fields to return instead of `GROUP_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("code", name)
        query.links("users", user, *PEOPLE)
        return query.find(sg, "Group", GROUP_FIELDS, fields, extra_fields, ["code", "id"])


def find_departments(
    sg: Finder,
    name: Names = None,
    *,
    user: Links = None,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return departments, in the order of the site.

    Args:
        sg: Who is asked.

        name: Names or globs.

        user: Links to people who are in them.

        fields: Fields to return instead of `DEPARTMENT_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.globs("name", name)
        query.links("users", user, *PEOPLE)
        return query.find(sg, "Department", DEPARTMENT_FIELDS, fields, extra_fields, ["list_order", "id"])


def me(sg: Finder, *, fields: Optional[Iterable[str]] = None, timeout: Optional[float] = None) -> Row:
    """
    Return who asks: the person whose login it is or for whom a script acts, or else the script.

    Args:
        sg: Who is asked.

        fields: Fields to return instead of ``name``, ``login`` and ``email`` of a person, ``firstname`` of a script.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        Dict with ``type`` (``"HumanUser"`` or ``"ApiUser"``), ``id`` and the fields.

    Raises:
        ConfigurationError: A session token does not say whose it is; nothing was asked.

        NotFoundError: The site does not show who asks to who asks.
    """
    chosen = None if fields is None else fields_of(fields)
    config = client_of(sg).config
    login, script = config.sudo_as_login or config.user_login, config.script_name
    if not login and not script:
        msg = (
            "The client does not say who asks, as a session token does not say whose it is: use "
            "sg.find_users(login=...), or ask as a script or by login."
        )
        raise ConfigurationError(msg)
    if login:
        wanted = ["name", "login", "email"] if chosen is None else chosen
        return get(sg, "HumanUser", [["login", "is", login]], fields=wanted, timeout=timeout)
    wanted = ["firstname"] if chosen is None else chosen
    return get(sg, "ApiUser", [["firstname", "is", script]], fields=wanted, timeout=timeout)


def with_groups(sg: Finder, people: Links) -> Optional[List[Row]]:
    """
    Return links to people and to the groups that they are in; groups among them stay as they are.

    What is assigned to a group is assigned to its members. Costs one request, none when there is no person. A site has
    no groups within groups.
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
