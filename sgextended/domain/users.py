"""
People, and the groups that they are in.
"""

from typing import Any, Iterable, List, Optional, Sequence

from sgextended.deadline import within
from sgextended.domain.query import Finder, Links, Names, Query, Row, to_link, values_of

USER_FIELDS = ("name", "login", "email", "sg_status_list", "department", "groups")


def find_users(
    sg: Finder,
    name: Names = None,
    *,
    login: Names = None,
    status: Names = "act",
    department: Links = None,
    group: Links = None,
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

        status: Short codes of ``sg_status_list``; None returns disabled accounts too.

        department: Links to departments.

        group: Links to groups of which they are members.

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
        query.names("sg_status_list", status)
        query.links("department", department)
        query.any_link("groups", group)
        return query.find(sg, "HumanUser", USER_FIELDS, fields, extra_fields, ["name", "id"])


def with_groups(sg: Finder, people: Links) -> Optional[List[Row]]:
    """
    Return links to people and to the groups that they are in; groups among them stay as they are.

    What is assigned to a group is assigned to its members. Costs one request, none when there is no person.
    """
    links = values_of(people)
    if links is None:
        return None
    links = [to_link(link, "assignee") for link in links]
    persons = [link for link in links if link["type"] == "HumanUser"]
    if persons:
        query = Query()
        query.any_link("users", persons)
        links += [to_link(group) for group in query.find(sg, "Group", ["code"], None, (), ["id"])]
    return links
