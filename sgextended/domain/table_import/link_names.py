"""
Find the linked entities that the cells of a table name, with few requests for all rows together.
"""

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from attrs import define, field, frozen

from sgextended.domain.arguments import Row, link_in_url
from sgextended.domain.client_kinds import Finder, client_of
from sgextended.domain.limits import PAGE_SIZE
from sgextended.domain.resolve import NAMED_TYPES
from sgextended.domain.search import Query
from sgextended.domain.table_import.cell_values import CellError, Reference, References
from sgextended.errors import InvalidArgumentError
from sgextended.schema.name_fields import name_fields
from sgextended.schema.site_schema import SiteSchema, did_you_mean
from sgextended.site_address import host_of

#: Further fields that help to choose among entities of one name.
_ALSO_READ = ("project", "sg_status_list", "entity_type", "entity")
_DISABLED = "dis"  # the status of people who may not log in
_MOST_CANDIDATES = 5


@frozen
class Wanted:
    """
    The place of a link: a field, and what its row already says about the linked entity.

    Attributes:
        types: Entity types to which the field may link.

        project: Id of the project of the row. None: it is not known.

        entity_type: The type to which the row's own ``entity`` links, which a step must have. None: it is not known.
    """

    types: Tuple[str, ...]
    project: Optional[int] = None
    entity_type: Optional[str] = None


@define
class LinkNames:
    """
    The entities that links and names refer to.

    Args:
        sg: The client.

        schema: The schema of the site.
    """

    sg: Finder
    schema: SiteSchema
    _by_name: Dict[Tuple[str, str], Dict[int, Row]] = field(factory=dict, init=False)
    _by_id: Dict[Tuple[str, int], Row] = field(factory=dict, init=False)

    def types_of(self, entity_type: str, field_name: str) -> Tuple[str, ...]:
        """
        Return the entity types to which a field may link, of those that the site has.
        """
        types = self.schema.valid_types(entity_type, field_name)
        known = set(self.schema.entity_types())
        return tuple(each for each in (NAMED_TYPES if types is None else types) if each in known)

    def read(self, wanted: Iterable[Tuple[Reference, Tuple[str, ...]]], project: Optional[Row]) -> None:
        """
        Read all entities that references may mean.

        Args:
            wanted: References, each with the entity types that it may mean.

            project: The project of all rows. None: they may have different ones.
        """
        names: Dict[str, Set[str]] = {}
        ids: Dict[str, Set[int]] = {}
        for reference, types in wanted:
            link = self._link_of(reference)
            if link is not None:
                if link["type"] in types:
                    ids.setdefault(link["type"], set()).add(link["id"])
                continue
            for entity_type in types:
                names.setdefault(entity_type, set()).add(reference.text)
        for entity_type, texts in names.items():
            self._read_names(entity_type, sorted(texts), project)
        for entity_type, numbers in ids.items():
            self._read_ids(entity_type, sorted(numbers))

    def find(self, reference: Reference, wanted: Wanted) -> Row:
        """
        Return the entity of a reference that has been read, with its name.

        Raises:
            CellError: There is none, or there are several. The message names them.
        """
        link = self._link_of(reference)
        if link is not None:
            if link["type"] not in wanted.types:
                msg = f"{reference.text!r:.80} is a {link['type']}, but this field links to {_or(wanted.types)}."
                raise CellError(msg)
            row = self._by_id.get((link["type"], link["id"]))
            if row is None:
                msg = f"There is no {link['type']} {link['id']}, or it is retired."
                raise CellError(msg)
            return self._named(row)
        text = reference.text.casefold()
        named = [row for kind in wanted.types for row in self._by_name.get((kind, text), {}).values()]
        found = self._chosen(reference.text, named, wanted)
        if not found:
            raise CellError(self._missing(reference.text, named, wanted))
        if len(found) > 1:
            shown = ", ".join(map(self._described, found[:_MOST_CANDIDATES]))
            more = ", ..." if len(found) > _MOST_CANDIDATES else ""
            msg = f"{reference.text!r:.80} is the name of {len(found)} entities: {shown}{more}. Write one as Type:id."
            raise CellError(msg)
        return self._named(found[0])

    def find_all(self, references: References, wanted: Wanted) -> List[Row]:
        """
        Return the entities of the references of one cell, each once.

        Raises:
            CellError: A reference means no entity, or several.
        """
        try:
            found = [self.find(each, wanted) for each in references.parts]
        except CellError:
            joined = self._joined(references, wanted)
            if joined is None:
                raise
            found = joined
        return list({(row["type"], row["id"]): row for row in found}.values())

    def _joined(self, references: References, wanted: Wanted) -> Optional[List[Row]]:
        """
        Return the entities of a cell in which some names contain commas: of the fewest names that all exist.
        """
        known = {reference.text for reference in references.candidates()}
        best: List[Optional[List[Row]]] = [[]]
        for end in range(1, len(references.parts) + 1):
            fewest: Optional[List[Row]] = None
            for start, before in enumerate(best):
                reference = references.joined(start, end)
                if before is None or reference.text not in known or (fewest and len(before) + 1 >= len(fewest)):
                    continue
                try:
                    fewest = [*before, self.find(reference, wanted)]
                except CellError:
                    continue
            best.append(fewest)
        return best[-1]

    # --- Reading

    def _link_of(self, reference: Reference) -> Optional[Mapping[str, Any]]:
        if reference.link is not None:
            return reference.link
        if "://" not in reference.text:
            return None
        try:
            return link_in_url(reference.text, host_of(client_of(self.sg).base_url))
        except InvalidArgumentError as error:
            raise CellError(str(error)) from error

    def _name_fields(self, entity_type: str) -> Tuple[str, ...]:
        return name_fields(entity_type, self.schema.fields(entity_type))

    def _read_names(self, entity_type: str, names: Sequence[str], project: Optional[Row]) -> None:
        name_fields = self._name_fields(entity_type)
        fields = self.schema.fields(entity_type)
        for start in range(0, len(names) if name_fields else 0, PAGE_SIZE):
            some = list(names[start : start + PAGE_SIZE])
            alternatives = {"filter_operator": "any", "filters": [[name, "in", some] for name in name_fields]}
            query = Query([alternatives])
            if project is not None and "project" in fields and entity_type != "Project":
                query.links("project", [project])
            for row in self._find(query, entity_type):
                texts = {str(row[name]).casefold() for name in name_fields if row.get(name)}
                for text in texts:
                    self._by_name.setdefault((entity_type, text), {})[row["id"]] = row

    def _read_ids(self, entity_type: str, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), PAGE_SIZE):
            query = Query()
            query.numbers("id", ids[start : start + PAGE_SIZE])
            for row in self._find(query, entity_type):
                self._by_id[entity_type, row["id"]] = row

    def _find(self, query: Query, entity_type: str) -> List[Row]:
        known = self.schema.fields(entity_type)
        wanted = [*self._name_fields(entity_type), *(name for name in _ALSO_READ if name in known)]
        return query.find(self.sg, entity_type, wanted, None, (), ["id"])

    # --- Choosing

    def _chosen(self, text: str, named: List[Row], wanted: Wanted) -> List[Row]:
        """
        Return the entities of a name that fit the row best: more than one if the name is ambiguous.
        """
        found = [row for row in named if _is_in_project(row, wanted.project)]
        if wanted.entity_type is not None:
            found = [row for row in found if row["type"] != "Step" or row.get("entity_type") == wanted.entity_type]
        found = [row for row in found if text in self._texts(row)] or found  # the same upper and lower case
        found = [row for row in found if row["type"] != "HumanUser" or row.get("sg_status_list") != _DISABLED] or found
        by_login = [row for row in found if str(row.get("login", "")).casefold() == text.casefold()]
        return by_login or found

    def _texts(self, row: Row) -> List[str]:
        return [str(row[name]) for name in self._name_fields(row["type"]) if row.get(name)]

    def _named(self, row: Row) -> Row:
        """
        Return a link with a name, for messages and tables.
        """
        name = next(iter(self._texts(row)), None)
        return {"type": row["type"], "id": row["id"], "name": name or f"{row['type']} {row['id']}"}

    def _described(self, row: Row) -> str:
        project, entity = row.get("project"), row.get("entity") or {}
        where = [f"{entity['type']} {entity['name']}"] if entity.get("name") else []
        where += [str(project["name"])] if project and project.get("name") else []
        where += [str(row[name]) for name in ("entity_type", "login") if row.get(name)]
        return f"{row['type']}:{row['id']}" + (f" ({', '.join(where)})" if where else "")

    def _missing(self, text: str, named: List[Row], wanted: Wanted) -> str:
        msg = f"There is no {_or(wanted.types)} named {text!r:.80}"
        if named:
            return f"{msg} that fits this row. There is {', '.join(map(self._described, named[:_MOST_CANDIDATES]))}."
        msg += " in this project." if wanted.project is not None and set(wanted.types) & set(NAMED_TYPES) else "."
        if wanted.types in (("Step",), ("Project",), ("Group", "HumanUser"), ("HumanUser",)):
            known = [name for kind in wanted.types for name in self._known_names(kind)]
            msg += did_you_mean(text, known)
        return msg

    def _known_names(self, entity_type: str) -> List[str]:
        name = self._name_fields(entity_type)[0]
        rows = self.schema.cached_rows(entity_type, self._name_fields(entity_type))
        return [str(row[name]) for row in rows if row.get(name)]


def _is_in_project(row: Row, project: Optional[int]) -> bool:
    own = row.get("project")
    return project is None or not own or own["id"] == project or row["type"] == "Project"


def _or(types: Sequence[str]) -> str:
    shown = list(types[:4])
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else shown[0] if shown else "entity"
