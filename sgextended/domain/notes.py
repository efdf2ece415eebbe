"""
Notes, and what was answered to them.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence

from sgextended.domain.conditions import (
    ASSIGNEES,
    PEOPLE,
    Entity,
    Finder,
    Links,
    Names,
    Query,
    Row,
    SomeLinks,
    check_text,
    ids_of,
    optional_bool,
    rows_of,
    to_link,
    values_of,
)
from sgextended.domain.entities import CHUNK, find_by_ids, get
from sgextended.domain.files import File, attach, file_at
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
    threads: bool = False,
    fields: Optional[Iterable[str]] = None,
    extra_fields: Iterable[str] = (),
    filters: Sequence[Any] = (),
    timeout: Optional[float] = None,
) -> List[Row]:
    """
    Return notes, oldest first.

    Args:
        sg: Who is asked.

        entity: Links to what they are about, such as a version.

        project: Links to projects.

        task: Links to tasks that they are about.

        user: Links to their authors.

        addressed_to: Links to people or groups. Notes to the groups that a person is in count as that person's, and so
            do those that only went to them in copy.

        subject: Subjects or globs.

        note_type: Values of ``sg_note_type``, such as ``"Client"``.

        status: Short codes, such as ``"opn"``.

        unread: True keeps what who asks has not read, False the rest. A script has read nothing.

        threads: True adds ``thread`` to each note, see `find_threads`.

        fields: Fields to return instead of `NOTE_FIELDS`.

        extra_fields: Fields to return beside them.

        filters: Native conditions that must hold as well.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        List of dicts with ``type``, ``id`` and the fields; ``created_at`` is a datetime, as native.
    """
    with within(sg, timeout):
        query = Query(filters)
        query.links("note_links", entity)
        query.links("project", project, "Project")
        query.links("tasks", task, "Task")
        query.links("user", user, *PEOPLE)
        query.globs("subject", subject)
        query.names("sg_note_type", note_type)
        query.names("sg_status_list", status)
        if optional_bool(unread, "unread") is not None:
            query.names("read_by_current_user", "unread" if unread else "read")
        if query.is_impossible:
            return []
        query.links_by_any(("addressings_to", "addressings_cc"), with_groups(sg, addressed_to))
        notes = query.find(sg, "Note", NOTE_FIELDS, fields, extra_fields, ["id"])
        if threads:
            for note, thread in zip(notes, find_threads(sg, notes)):
                note["thread"] = thread
        return notes


def find_threads(sg: Finder, notes: SomeLinks, *, timeout: Optional[float] = None) -> List[List[Row]]:
    """
    Return what was answered and attached to each of the notes; two or three requests for 500 of them, not one for each.

    Args:
        sg: Who is asked.

        notes: Links to notes.

        timeout: Seconds for all of it, waits included. None: the site's limits.

    Returns:
        For each note, in the order given, its replies (`REPLY_FIELDS`) and attachments (`ATTACHMENT_FIELDS`), oldest
        first. ``created_at`` is a datetime, unlike that of the native ``note_thread_read``.
    """
    ids = ids_of(notes, "note", "Note")
    threads: Dict[int, List[Row]] = {number: [] for number in ids}
    unique = list(threads)
    with within(sg, timeout):
        for start in range(0, len(unique), CHUNK):
            query = Query()
            query.links("entity", [{"type": "Note", "id": number} for number in unique[start : start + CHUNK]])
            for reply in query.find(sg, "Reply", REPLY_FIELDS, None, (), ["id"]):
                threads[reply["entity"]["id"]].append(reply)
        holders = find_by_ids(sg, "Note", unique, fields=["attachments"])
        files = list(dict.fromkeys(file["id"] for note in holders for file in note["attachments"] or ()))
        rows = {row["id"]: row for row in find_by_ids(sg, "Attachment", files, fields=ATTACHMENT_FIELDS)}
    for note in holders:
        threads[note["id"]] += [rows[file["id"]] for file in note["attachments"] or () if file["id"] in rows]
    for thread in threads.values():
        # Of one second: replies before the files that came with them.
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
    attachments: Iterable[File] = (),
    data: Optional[Row] = None,
    timeout: Optional[float] = None,
) -> Row:
    """
    Write a note about entities, with attachments, and return it.

    Args:
        sg: Who is asked.

        entity: Links to what it is about, such as a version. The note is in the project of the first.

        content: Its text.

        subject: Its subject. None: the site makes one.

        to: Links to people and groups that it is addressed to.

        cc: Links to those who get a copy.

        tasks: Links to tasks that it is about.

        attachments: Paths of files.

        data: More fields, such as ``sg_note_type``.

        timeout: Seconds for all of it. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.

    Raises:
        PartialSuccessError: The note is there, and a file could not be attached; ``entity`` is the note, and the message says
            which files are left.

        InvalidArgumentError: One of the links or files is none; nothing was sent.
    """
    check_text(content, "content")
    check_text(subject, "subject")
    about = [to_link(each) for each in rows_of(entity)]
    if not about:
        msg = "A note is about something: give a link to an entity, or several. Nothing was sent."
        raise InvalidArgumentError(msg)
    paths = [file_at(path) for path in values_of(attachments) or ()]
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
        attach(sg, made, "Note was written", [(path, "attachments") for path in paths])
        return made


def reply(sg: Any, note: Entity, content: str, *, data: Optional[Row] = None, timeout: Optional[float] = None) -> Row:
    """
    Answer a note, and return the reply.

    Args:
        sg: Who is asked.

        note: Link to the note.

        content: The text.

        data: More fields.

        timeout: Seconds for all of it. None: the site's limits.

    Returns:
        Dict with ``type``, ``id`` and the fields that were set.
    """
    link = to_link(note, "note", ("Note",))
    with within(sg, timeout):
        made: Row = sg.create("Reply", {"entity": link, "content": content, **(data or {})})
        return made
