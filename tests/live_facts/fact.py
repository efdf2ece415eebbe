"""
One fact: what a live site was measured to do, and how to see that the local site does the same.
"""

import re
from typing import Any, Callable, Dict, List, Optional, Tuple

import attrs

Check = Callable[[Any], Tuple[Any, Any]]  # takes an Asked (asked.py); returns what came, and what a live site answers

CERTAINTIES = {"M": "measured", "1": "measured once", "P": "partial", "C": "corrected later", "U": "unverified"}
SCOPES = {"S": "server", "R": "REST alone", "X": "configuration of that site", "?": "server or REST"}


@attrs.frozen
class Fact:
    """
    number: As in the list of facts, such as "F035".
    source: The finding in the public record, such as "checkbox" or "084".
    certainty, scope: Keys of `CERTAINTIES` and `SCOPES`.
    claim: What a live site does.
    check: Returns what the local site did and what a live one does; the two are compared with `==`.
    differs: Why the local site does something else; empty where it does the same. docs/local-site.md names these.
    """

    number: str
    source: str
    certainty: str = attrs.field(validator=attrs.validators.in_(CERTAINTIES))
    scope: str = attrs.field(validator=attrs.validators.in_(SCOPES))
    claim: str
    check: Check
    differs: str = ""


class Facts:
    """
    The facts of one subject. Called with a fact, it adds it to its table; without a check it decorates one.
    """

    def __init__(self) -> None:
        self.table: List[Fact] = []

    def __call__(
        self, number: str, source: str, kind: str, claim: str, check: Optional[Check] = None, *, differs: str = ""
    ) -> Any:
        """
        kind: Certainty and scope in one text, such as "M S".
        """
        certainty, scope = kind.split()

        def add(check: Check) -> Check:
            self.table.append(Fact(number, source, certainty, scope, claim, check, differs))
            return check

        return add if check is None else add(check)


class Says:
    """
    Equal to each text in which a regular expression is found: the wording of a fault, as far as it was recorded.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.search(self.pattern, other, re.DOTALL) is not None

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return f"Says({self.pattern!r})"


def by_number(*tables: List[Fact]) -> Dict[str, Fact]:
    """
    Return the facts of several tables by their numbers; no number occurs twice.
    """
    facts: Dict[str, Fact] = {}
    for fact in (each for table in tables for each in table):
        assert fact.number not in facts, f"{fact.number} stands twice"
        facts[fact.number] = fact
    return dict(sorted(facts.items()))
