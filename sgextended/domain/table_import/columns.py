"""
Find the field of each column of a table by its header: the name of a field, or its label on the site.
"""

from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from attrs import frozen

from sgextended.errors import InvalidArgumentError
from sgextended.schema.site_schema import SiteSchema, did_you_mean

#: Data types whose values a table can hold.
WRITABLE = frozenset(
    {
        *("checkbox", "color", "currency", "date", "date_time", "duration", "entity", "entity_type", "float"),
        *("footage", "list", "multi_entity", "number", "percent", "status_list", "tag_list", "text", "timecode", "url"),
    }
)
#: Data types whose values identify an entity.
IDENTIFYING = frozenset({"entity", "entity_type", "list", "number", "status_list", "text"})


@frozen
class Column:
    """
    A column of a table. *field* is ``"id"`` or ``"type"``, or a field that can be set.
    """

    index: int
    header: str
    field: str
    data_type: str
    label: str = ""

    def __str__(self) -> str:
        return self.header if self.header == self.field else f"{self.header} ({self.field})"


def columns_of(
    schema: SiteSchema,
    entity_type: str,
    headers: Sequence[str],
    *,
    renamed: Optional[Mapping[str, str]] = None,
    ignored: Collection[str] = (),
) -> List[Column]:
    """
    Return the columns of a table, without the ignored ones.

    Args:
        schema: The schema of the site.

        entity_type: The entity type of the rows.

        headers: The headers. Upper and lower case do not matter.

        renamed: Fields by header, for headers that name no field.

        ignored: Headers of columns to leave out.

    Raises:
        InvalidArgumentError: A header names no field that can be set, or two headers name the same one. The message
            lists all such headers.

        NotFoundError: The site has no such entity type.
    """
    by_header = {header.casefold(): field for header, field in (renamed or {}).items()}
    left_out = {header.casefold() for header in ignored}
    present = {header.casefold() for header in headers}
    problems = [
        f"There is no column {name!r}." for name in (*(renamed or {}), *ignored) if name.casefold() not in present
    ]
    columns: Dict[str, Column] = {}
    for index, header in enumerate(headers):
        if header.casefold() in left_out:
            continue
        try:
            field = field_of(schema, entity_type, by_header.get(header.casefold(), header))
            column = _column(schema, entity_type, index, header, field)
        except InvalidArgumentError as error:
            problems.append(str(error))
            continue
        first = columns.setdefault(field, column)
        if first is not column:
            problems.append(f"The columns {first.header!r} and {header!r} are both the field {field!r}.")
    if problems:
        hint = "Correct the headers, name their fields (--map 'HEADER=FIELD'), or leave columns out (--ignore HEADER)."
        raise InvalidArgumentError("\n".join([*problems, hint]))
    return list(columns.values())


def field_of(schema: SiteSchema, entity_type: str, name: str) -> str:
    """
    Return the field with a name or a label. Upper and lower case do not matter.

    Raises:
        InvalidArgumentError: There is none, or several fields have the label.
    """
    fields = schema.fields(entity_type)
    if not name:
        msg = "A column with values has no header."
        raise InvalidArgumentError(msg)
    if name in fields or name == "type":
        return name
    wanted = name.casefold()
    named = [field for field in fields if field.casefold() == wanted]
    labels: List[Tuple[str, str]] = [(_value(fact, "name", field), field) for field, fact in fields.items()]
    labelled = [field for label, field in labels if " ".join(label.split()).casefold() == wanted]
    found = named or ([field for field in labelled if _can_be_set(fields[field])] or labelled)
    if len(found) == 1:
        return found[0]
    if found:
        msg = f"{name!r} is the label of several fields of {entity_type}: {', '.join(sorted(found))}. Use one of these."
    elif wanted == "type":
        return "type"
    elif "." in name:
        msg = f"{name!r} is a field of a linked entity, which cannot be set here."
    else:
        codes = dict(reversed(labels))
        msg = f"{name!r} is not a field of {entity_type}.{did_you_mean(name, [*codes, *fields], codes)}"
    raise InvalidArgumentError(msg)


def _column(schema: SiteSchema, entity_type: str, index: int, header: str, field: str) -> Column:
    if field in ("id", "type"):
        return Column(index, header, field, "number" if field == "id" else "entity_type", field)
    fact = schema.fields(entity_type)[field]
    data_type = str(_value(fact, "data_type", ""))
    if not _can_be_set(fact):
        why = "the site computes it" if data_type not in ("image", "jsonb") else f"a table cannot hold its {data_type}"
        named = repr(header) if header == field else f"{header!r} ({field})"
        msg = f"{named} cannot be set: {why}."
        raise InvalidArgumentError(msg)
    return Column(index, header, field, data_type, str(_value(fact, "name", field)))


def _can_be_set(fact: Mapping[str, Any]) -> bool:
    return bool(_value(fact, "editable", False)) and _value(fact, "data_type", "") in WRITABLE


def _value(fact: Mapping[str, Any], name: str, default: Any) -> Any:
    return fact.get(name, {}).get("value", default)
