"""
`EventFilter`: which events are wanted, as conditions for the site.
"""

from typing import Any, Iterable, List, Optional, Tuple

from attrs import frozen

from sgextended.domain.arguments import Links, Names, conditions_of, texts_of, to_link, values_of
from sgextended.errors import InvalidArgumentError
from sgextended.events.event import Event


@frozen
class EventFilter:
    """
    The wanted events. Events must match all conditions.

    Attributes:
        conditions: Native conditions on EventLogEntry; empty: all events.

        entity_types: The wanted types of the entity; empty: all. The conditions let some further types pass.
    """

    conditions: Tuple[Any, ...] = ()
    entity_types: Tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        event_type: Names = None,
        attribute: Names = None,
        project: Links = None,
        entity_type: Names = None,
        filters: Optional[Iterable[Any]] = None,
    ) -> "EventFilter":
        """
        Return the filter for the arguments of `SGExtended.events`.

        Raises:
            InvalidArgumentError: An argument is not valid.
        """
        conditions: List[Any] = conditions_of(filters)
        types = texts_of(event_type, "event_type")
        if types is not None:
            conditions.append(_any_of([_of_event_type(each) for each in types], "event_type"))
        attributes = texts_of(attribute, "attribute")
        if attributes is not None:
            conditions.append(_any_of([["attribute_name", "is", each] for each in attributes], "attribute"))
        projects = values_of(project)
        if projects is not None:
            links = [to_link(each, "project", ("Project",)) for each in projects]
            conditions.append(_any_of([["project", "is", each] for each in links], "project"))
        entity_types = texts_of(entity_type, "entity_type")
        if entity_types is not None:
            # The link to a deleted entity is empty. The event's own type names the entity type then.
            of_types = [
                condition
                for each in entity_types
                for condition in (["entity", "type_is", each], ["event_type", "starts_with", f"Shotgun_{each}_"])
            ]
            conditions.append(_any_of(of_types, "entity_type"))
        return cls(tuple(conditions), tuple(entity_types or ()))

    def matches(self, event: Event) -> bool:
        """
        Return whether an event that matches the conditions is wanted.
        """
        return not self.entity_types or (event.entity is not None and event.entity["type"] in self.entity_types)


def _of_event_type(pattern: str) -> List[Any]:
    if "*" not in pattern:
        return ["event_type", "is", pattern]
    if pattern.index("*") < len(pattern) - 1 or len(pattern) == 1:
        msg = (
            f"event_type {pattern!r} is not valid: a * may only be the last character, after a beginning. Write the "
            "whole name, or a beginning such as 'Shotgun_Task_*'."
        )
        raise InvalidArgumentError(msg)
    return ["event_type", "starts_with", pattern[:-1]]


def _any_of(conditions: List[Any], argument: str) -> Any:
    if not conditions:
        msg = f"{argument} is an empty list, so no event could match. Leave it out, or name at least one."
        raise InvalidArgumentError(msg)
    return conditions[0] if len(conditions) == 1 else {"filter_operator": "any", "filters": conditions}
