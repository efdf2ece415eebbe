"""
Find notes with replies and attachments; write notes and replies.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence

from sgextended.domain.after_create import attach_files
from sgextended.domain.arguments import (
    ASSIGNEES,
    PEOPLE,
    Entity,
    FilePath,
    Links,
    Names,
    Order,
    Row,
    SomeLinks,
    check_text,
    existing_file,
    ids_of,
    optional_bool,
    rows_of,
    to_link,
    values_of,
)
from sgextended.domain.client_kinds import Finder
from sgextended.domain.entities import find_by_ids, get
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.search import Query
from sgextended.domain.users import with_groups
from sgextended.errors import InvalidArgumentError
from sgextended.http.deadline import within

NOTE_FIELDS = (
    "subject",
    "content",
    "user",
    "note_links",
    "tasks",
    "addressings_to",
    "sg_status_list",
    "sg_note_type",
    "created_at",
    "project",
)
REPLY_FIELDS = ("content", "user", "entity", "created_at")
ATTACHMENT_FIELDS = ("display_name", "this_file", "created_by", "created_at")
# The types that have a list of replies.
_REPLIED_TO = ("Note", "Ticket", "Delivery")


def find_notes(
    sg: Finder,
    entity: Links = None,
    *,
    project: Links = None,
    task: Links = None,
    user: Links = None,
    addressed_to: Links = None,
    subject: Names = None,
    note_type: Names = None,
    status: Names = None,
    unread: Optional[bool] = None,
    include_replies: bool = False,
    archived: Optional[bool] = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    order: Order = None,
    limit: int = 0,
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return notes, oldest first.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the notes are about, such as a version.

        project: Links to projects.

        task: Links to tasks that the notes are about.

        user: Links to authors.

        addressed_to: Links to people or groups, as recipients or in copy. A person also matches notes to the person's
            groups.

        subject: Subjects or globs for them.

        note_type: Values of ``sg_note_type``, such as ``"Client"``.

        status: Short codes or names of statuses, such as ``"opn"``.

        unread: True returns only notes that the current user has not read, False only the others. For a script, all
            notes are unread.

        include_replies: Whether to add the key ``thread`` to each note: its replies and attachments, as
            `find_note_threads` returns them.

        archived: True returns only entities of archived projects, False leaves them out, None returns both. False does
            not leave out anything if a project, or an entity or task of one, is given.

        fields: Fields to return instead of `NOTE_FIELDS`: ``subject``, ``content``, ``user``, ``note_links``,
            ``tasks``, ``addressings_to``, ``sg_status_list``, ``sg_note_type``, ``created_at``, ``project``.

        extra_fields: Fields to return in addition.

        filters: Native conditions that the entities must also match.

        order: A native sort order to use instead, such as ``[{'field_name': 'created_at', 'direction': 'desc'}]``.

        limit: Maximum number of entities; 0: all.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``created_at`` is a datetime, as in ``find``.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.archived(archived)
        query.links("note_links", entity)
        query.links("project", project, "Project")
        query.links("tasks", task, "Task")
        query.links("user", user, *PEOPLE)
        query.globs("subject", subject)
        query.list_values("Note", "sg_note_type", note_type)
        query.statuses("Note", status)
        if optional_bool(unread, "unread") is not None:
            query.names("read_by_current_user", "unread" if unread else "read")
        if query.is_impossible:
            return []
        query.links_by_any(("addressings_to", "addressings_cc"), with_groups(sg, addressed_to))
        notes = query.find(sg, "Note", NOTE_FIELDS, fields, extra_fields, ["id"], order=order, limit=limit)
        if include_replies:
            for note, thread in zip(notes, find_note_threads(sg, notes)):
                note["thread"] = thread
        return notes


def find_note_threads(sg: Finder, notes: SomeLinks, *, timeout: Optional[float] = None) -> List[List[Row]]:
    """
    Return the replies and attachments of each note. 500 notes cost two or three requests, not one for each note.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        notes: Links to notes.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        For each note, in the order given, a list of its replies (`REPLY_FIELDS`) and attachments
        (`ATTACHMENT_FIELDS`), oldest first. ``created_at`` is a datetime, unlike that of the native
        ``note_thread_read``.
    """
    ids = ids_of(notes, "note", "Note")
    threads: Dict[int, List[Row]] = {number: [] for number in ids}
    unique = list(threads)
    with within(sg, timeout):
        for start in range(0, len(unique), PAGE_SIZE):
            query = Query()
            query.links("entity", [{"type": "Note", "id": number} for number in unique[start : start + PAGE_SIZE]])
            for reply in query.find(sg, "Reply", REPLY_FIELDS, None, (), ["id"]):
                threads[reply["entity"]["id"]].append(reply)
        holders = find_by_ids(sg, "Note", unique, fields=["attachments"])
        files = list(dict.fromkeys(file["id"] for note in holders for file in note["attachments"] or ()))
        rows = {row["id"]: row for row in find_by_ids(sg, "Attachment", files, fields=ATTACHMENT_FIELDS)}
    for note in holders:
        threads[note["id"]] += [rows[file["id"]] for file in note["attachments"] or () if file["id"] in rows]
    for thread in threads.values():
        # Replies come before attachments of the same second: people attach files to a reply.
        thread.sort(
            key=lambda row: (row["created_at"] is not None, row["created_at"], row["type"] != "Reply", row["id"])
        )
    return [list(threads[number]) for number in ids]


def add_note(
    sg: Any,
    entity: SomeLinks,
    content: str,
    *,
    subject: Optional[str] = None,
    to: Links = None,
    cc: Links = None,
    tasks: Links = None,
    attachments: Iterable[FilePath] = (),
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Create a note about one or several entities, upload its attachments, and return the note.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        entity: Links to entities that the note is about, such as a version. The note belongs to the project of the
            first one.

        content: The text of the note.

        subject: The subject. None: the site generates one.

        to: Links to people and groups as recipients.

        cc: Links to people and groups in copy.

        tasks: Links to tasks that the note is about.

        attachments: Paths of files to upload.

        data: Further fields to set, such as ``sg_note_type``.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        PartialSuccessError: The note was created and an upload failed. ``entity`` is the note, and the message lists
            the files that are left.

        InvalidArgumentError: A link is not valid, or a file does not exist or is empty. Nothing was sent.
    """
    check_text(content, "content")
    check_text(subject, "subject")
    about = [to_link(each) for each in rows_of(entity)]
    if not about:
        msg = (
            "A note needs at least one entity that it is about. Nothing was sent. Pass one or several links as entity."
        )
        raise InvalidArgumentError(msg)
    paths = [existing_file(path) for path in values_of(attachments) or ()]
    fields: Row = {"note_links": about, "content": content}
    for name, links, types in (
        ("addressings_to", to, ASSIGNEES),
        ("addressings_cc", cc, ASSIGNEES),
        ("tasks", tasks, ("Task",)),
    ):
        if links is not None:
            fields[name] = [to_link(each, name, types) for each in rows_of(links)]
    if subject is not None:
        fields["subject"] = subject
    with within(sg, timeout):
        first = rows_of(entity)[0]
        if about[0]["type"] == "Project":
            fields["project"] = about[0]
        else:
            fields["project"] = (
                first.get("project") or get(sg, about[0]["type"], about[0], fields=["project"])["project"]
            )
        made: Row = sg.create("Note", {**fields, **(data or {})})
        attach_files(sg, made, "The note was created", [(path, "attachments") for path in paths])
        return made


def reply(sg: Any, note: Entity, content: str, *, data: Optional[Row] = None, timeout: Optional[float] = None) -> Row:
    """
    Reply to a note, a ticket or a delivery, and return the reply.

    Args:
        sg: The client (SGExtended, Shotgun or Mockgun).

        note: Link to the note, ticket or delivery.

        content: The text of the reply.

        data: Further fields to set, by name.

        timeout: Seconds for the whole call, waits included. None: the limits of the `Site`.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.
    """
    link = to_link(note, "note", _REPLIED_TO)
    with within(sg, timeout):
        made: Row = sg.create("Reply", {"entity": link, "content": content, **(data or {})})
        return made
