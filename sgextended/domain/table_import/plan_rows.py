"""
The parts of an import's plan: how the table is read, what happens with each row, and a row before it is compared.
"""

from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from attrs import field, frozen

from sgextended.domain.arguments import Row
from sgextended.domain.table_import.table_files import TableRow

CREATE, CHANGE, UNCHANGED, REFUSED, DONE = "create", "change", "unchanged", "refused", "done before"


@frozen(kw_only=True)
class PlannedRow:
    """
    What the import does with one row of the table.

    Attributes:
        line: The line or sheet row of the file.

        action: ``"create"``, ``"change"``, ``"unchanged"``, ``"refused"``, or ``"done before"`` for a row that the
            journal records.

        key: Identifies the row and its content in a journal.

        name: The values by which people know the row.

        entity: Link to the entity. None: it does not exist yet.

        data: The fields to write.

        old: The values of these fields on the site.

        problems: Why the row is refused.
    """

    line: int
    action: str
    key: str
    name: str = ""
    entity: Optional[Row] = None
    data: Row = field(factory=dict)
    old: Row = field(factory=dict)
    problems: Tuple[str, ...] = ()


@frozen(kw_only=True)
class ImportPlan:
    """
    The plan of an import.

    Attributes:
        entity_type: The entity type of the rows.

        identified_by: The fields that identify an entity on the site. Empty: each row is a new entity.

        rows: The rows, in the order of the table.
    """

    entity_type: str
    identified_by: Tuple[str, ...]
    rows: List[PlannedRow]

    def with_action(self, *actions: str) -> List[PlannedRow]:
        """
        Return the rows with one of some actions.
        """
        return [row for row in self.rows if row.action in actions]


@frozen(kw_only=True)
class ImportOptions:
    """
    How a table is read.

    Attributes:
        key: Headers or fields whose values identify an entity, such as ``["code"]``. Empty: ``id`` if the table has
            that column; otherwise each row is a new entity.

        project: Link to the project of all rows. None: the table has a column for it, or the type needs none.

        renamed: Fields by header, for headers that name no field.

        ignored: Headers of columns to leave out.

        clear_empty: Whether an empty cell empties the field of an existing entity. False: it leaves the field as it is.
    """

    key: Sequence[str] = ()
    project: Optional[Row] = None
    renamed: Mapping[str, str] = field(factory=dict)
    ignored: Collection[str] = ()
    clear_empty: bool = False


@frozen
class Draft:
    """
    A row whose cells are converted.

    Attributes:
        row: The row.

        key: The key of the row in a journal.

        entity_id: The id in the column ``id``. None: there is none.

        data: The values of fields.

        links: The cells that name linked entities, by field.

        problems: What is wrong, by field; under None what is wrong with the whole row.
    """

    row: TableRow
    key: str
    entity_id: Optional[int]
    data: Row
    links: Dict[str, Any]
    problems: List[Tuple[Optional[str], str]]
