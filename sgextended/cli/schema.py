"""
What a site has: its entity types and their fields, as far as a command must know them to refuse what is not there.
"""

import difflib
from typing import Any, Dict, Iterable, List, Mapping, Optional

from sgextended import NotFoundError, SGExtended
from sgextended.errors import ShotgunError


class SiteSchema:
    """
    The fields of entity types; each type is asked for once, when it is first needed.

    Args:
        sg: Who is asked.
    """

    def __init__(self, sg: SGExtended) -> None:
        self._sg = sg
        self._fields: Dict[str, Dict[str, str]] = {}

    def fields(self, entity_type: str) -> Dict[str, str]:
        """
        Return the data type of each field of an entity type.

        Raises:
            NotFoundError: The site has no such type.
        """
        if entity_type not in self._fields:
            described = self.describe(entity_type)
            types = {name: str(field["data_type"]["value"]) for name, field in described.items()}
            self._fields[entity_type] = {"id": "number", **types}
        return self._fields[entity_type]

    def readable(self, entity_type: str) -> List[str]:
        """
        Return the fields of an entity type that the site gives; query fields and passwords it does not.

        Raises:
            NotFoundError: The site has no such type.
        """
        return [name for name, kind in self.fields(entity_type).items() if kind not in ("summary", "password")]

    def describe(self, entity_type: str) -> Dict[str, Any]:
        """
        Return what the site says of each field of an entity type.

        Raises:
            NotFoundError: The site has no such type.
        """
        try:
            return self._sg.schema_field_read(entity_type)
        except ShotgunError as error:
            unknown = self._unknown_type(entity_type)
            if unknown is None:
                raise
            raise unknown from error

    def data_type(self, entity_type: str, path: str) -> Optional[str]:
        """
        Return the data type of a field, or of one behind links, such as ``entity.Shot.code``.

        None, and no request, for a path that begins with ``$FROM$``: the site alone knows those.

        Raises:
            NotFoundError: The site has no such field or type.
        """
        if path.startswith("$FROM$"):
            return None
        fields, types = path.split(".")[::2], path.split(".")[1::2]
        if len(fields) == len(types):
            msg = f"{path!r} does not say through which type it goes: write link.Type.field, such as entity.Shot.code."
            raise NotFoundError(msg)
        for owner, field in zip([entity_type, *types], fields):
            known = self.fields(owner)
            if field not in known:
                msg = f"{owner} has no field {field!r}.{did_you_mean(field, known)}"
                raise NotFoundError(msg)
        return self.fields([entity_type, *types][-1])[fields[-1]]

    def _unknown_type(self, entity_type: str) -> Optional[NotFoundError]:
        """
        Return how to say that there is no such entity type, or None if there is.
        """
        described = self._sg.schema_entity_read()
        if entity_type in described:
            return None
        # People know CustomEntity05 by its label, which may be Delivery.
        labels = {str(each["name"]["value"]): name for name, each in described.items()}
        hint = did_you_mean(entity_type, [*labels, *described], labels)
        return NotFoundError(f"There is no entity type {entity_type!r} on {self._sg.site.url}.{hint}")


def did_you_mean(word: str, known: Iterable[str], meaning: Optional[Mapping[str, str]] = None) -> str:
    """
    Return a hint at the known word that is nearest to one that is not known, or nothing where none is near.

    Args:
        word: What is not known.

        known: What it may be.

        meaning: What to hint at instead of a known word.
    """
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1)
    if not close:
        return ""
    nearest = by_lower[close[0]]
    return f" Did you mean {(meaning or {}).get(nearest, nearest)!r}?"
