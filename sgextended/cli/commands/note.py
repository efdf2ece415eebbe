"""
``sgextended note``: writes a note about an entity, or a reply to a note.
"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import typer

from sgextended import SGExtended
from sgextended.cli.shared import output
from sgextended.cli.shared.options import FormatOption, NameProjectOption
from sgextended.cli.shared.site_command import Connect, site_command
from sgextended.cli.shared.targets import find_targets, split_single_target
from sgextended.cli.syntax.link_finder import LinkFinder
from sgextended.cli.usage_error import UsageError
from sgextended.domain.arguments import ASSIGNEES

_PeopleHelp = "A person or group, by name, login or HumanUser:12. Can be given several times."


@site_command
def command(
    connect: Connect,
    words: Annotated[
        List[str],
        typer.Argument(
            metavar="TYPE ID TEXT",
            help="Type and id or name of the entity that the note is about, or the address of its page; then the text. "
            "With --reply only the text.",
            show_default=False,
        ),
    ],
    *,
    reply: Annotated[
        Optional[str],
        typer.Option("--reply", metavar="NOTE", help="Reply to this note: its id, subject or address."),
    ] = None,
    subject: Annotated[Optional[str], typer.Option(help="Subject. Default: the site makes one.")] = None,
    to: Annotated[Optional[List[str]], typer.Option("--to", metavar="NAME", help=_PeopleHelp)] = None,
    cc: Annotated[Optional[List[str]], typer.Option("--cc", metavar="NAME", help=_PeopleHelp)] = None,
    attach: Annotated[
        Optional[List[Path]],
        typer.Option("--attach", metavar="FILE", help="File to attach. Can be given several times."),
    ] = None,
    project: NameProjectOption = None,
    output_format: FormatOption = output.Format.TABLE,
) -> int:
    """
    Write a note about an entity, or reply to a note.

    Examples: sgextended note Version sh010_v002 'Too dark' --to 'Ann Lee'; sgextended note --reply 55 'Fixed'
    """
    for path in attach or ():
        if not path.is_file():
            raise UsageError(f"There is no file {path}. Nothing was written.")
    if reply is not None:
        if len(words) != 1:
            raise UsageError("With --reply, write only the text. Put a text with spaces in quotes.")
        if subject is not None or to or cc or attach:
            raise UsageError("A reply has no --subject, --to, --cc and --attach. Leave them out.")
        sg = connect()
        [note] = find_targets(sg, "Note", [reply], projects=project)
        output.print_entity(sg.reply(note, words[0]), output_format)
        return 0
    of_type, reference, text = split_single_target(words[0], words[1:], "The text of the note")
    if len(text) != 1:
        raise UsageError("Write the text of the note as one word: put it in quotes.")
    sg = connect()
    [entity] = find_targets(sg, of_type, [reference], projects=project)
    made = sg.add_note(
        entity, text[0], subject=subject, to=_people(sg, to), cc=_people(sg, cc), attachments=attach or ()
    )
    output.print_entity(made, output_format)
    return 0


def _people(sg: SGExtended, names: Optional[Sequence[str]]) -> Optional[List[Dict[str, Any]]]:
    if not names:
        return None
    finder = LinkFinder(sg, sg.site_schema())
    return [finder.find(name, list(ASSIGNEES)) for name in names]
