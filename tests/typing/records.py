"""
Records as classes, the schema and checks, fixed for type checkers; nothing here runs.
"""

from typing import Any, ClassVar, Dict, Iterator, List, Optional, TypedDict

import attrs
from shotgun_api3.shotgun import Shotgun
from typing_extensions import assert_type

from sgextended import Link, RecordError, SchemaError, SGExtended, SiteSchema
from sgextended.domain.typed.read_write import find_as


@attrs.define
class ShotRecord:
    """
    A studio's own class.
    """

    ENTITY_TYPE: ClassVar[str] = "Shot"

    id: int
    status: str = attrs.field(metadata={"sg_field": "sg_status_list"})
    sequence: Optional[Link] = None


class ShotRow(TypedDict):
    """
    A studio's own type of a row.
    """

    type: str
    id: int
    code: str


class Rows(SGExtended):
    """
    Overrides with other return types: rows as a TypedDict, records, nothing but dicts.
    """

    def find(self, entity_type: str, filters: Any, *args: Any, **options: Any) -> List[ShotRow]:  # type: ignore[override]  # as Shotgun's types are narrower
        """
        Find rows of the studio's type.
        """
        return super().find(entity_type, filters, *args, **options)

    def find_one(self, entity_type: str, filters: Any, *args: Any, **options: Any) -> Optional[ShotRecord]:  # type: ignore[override]  # as Shotgun's types are narrower
        """
        Find a record.
        """
        found = self.find_as(ShotRecord, filters, limit=1)
        return found[0] if found else None

    def create(self, entity_type: str, data: Dict[str, Any], *args: Any, **options: Any) -> ShotRow:  # type: ignore[override]  # as Shotgun's types are narrower
        """
        Create a row of the studio's type.
        """
        created: ShotRow = super().create(entity_type, data, *args, **options)
        return created

    def update(  # type: ignore[override]  # as Shotgun's types are narrower
        self, entity_type: str, entity_id: int, data: Dict[str, Any], *args: Any, **options: Any
    ) -> Dict[str, str]:
        """
        Update, and return texts.
        """
        updated: Dict[str, str] = super().update(entity_type, entity_id, data, *args, **options)
        return updated


def overrides(sg: Rows) -> None:
    """
    What a studio says of its own methods is what checkers know.
    """
    assert_type(sg.find("Shot", []), List[ShotRow])
    assert_type(sg.find_one("Shot", []), Optional[ShotRecord])
    assert_type(sg.create("Shot", {}), ShotRow)
    assert_type(sg.validated(), Rows)


def records(sg: SGExtended, plain: Shotgun) -> None:
    """
    The class that is asked for is the type of what comes.
    """
    assert_type(sg.find_as(ShotRecord, []), List[ShotRecord])
    assert_type(sg.find_iter_as(ShotRecord, []), Iterator[ShotRecord])
    assert_type(sg.get_as(ShotRecord, 1).sequence, Optional[Link])
    assert_type(sg.create_as(ShotRecord, {"status": "ip"}), ShotRecord)
    assert_type(sg.update_as(sg.get_as(ShotRecord, 1)), Dict[str, Any])
    assert_type(find_as(plain, ShotRecord, []), List[ShotRecord])
    sg.get_as(ShotRecord, 1).cod  # type: ignore[attr-defined]  # noqa: B018 - a misspelt attribute is found
    sg.find_as("Shot", [])  # type: ignore[arg-type, unused-ignore]


def schema(sg: SGExtended) -> None:
    """
    What the schema tells.
    """
    assert_type(sg.site_schema(), SiteSchema)
    assert_type(sg.site_schema().field_names("Shot"), List[str])
    assert_type(sg.site_schema().valid_values("Shot", "code"), Optional[List[str]])
    try:
        SGExtended(validate=True).find("Shot", [])
    except SchemaError as error:
        assert_type(error.problems, List[Any])
    except RecordError as error:
        assert_type(error.entity, Optional[Dict[str, Any]])
