"""
The strict and the lenient mood: what a site does with a request that a live site may or may not refuse.

This module alone decides. Code that meets such a request names the doubt and the fault that a live site would answer.
"""

from __future__ import annotations

import enum
from typing import Protocol

from sgextended.localsite.errors import Fault

_HOW_TO_ACCEPT = (
    "This local site is strict, so it refuses what a live site may refuse. To accept it, start the site with "
    "LocalSite(strict=False) or `sgextended site --lenient`, or set `sg_strict = false` for pytest."
)


class Doubt(enum.Enum):
    """
    The kinds of requests for which it is not known whether a live site refuses them, each with the reason.
    """

    FIELD = "It is not known whether the API writes this field."
    BARE_LINK = "One link in place of a list is refused over REST; the other API was not measured."
    LISTED_TYPES = "The list field does not list this entity type; some list fields of live sites take others, too."
    ONLY_TYPE = "The link field lists one other entity type; some such fields of live sites take others, too."
    ADDRESS = "A web address with a space is refused; other characters that no address has were not measured."
    NO_PROJECT = "Sources disagree on whether an Attachment needs a project."


class HasMood(Protocol):
    """
    Knows whether its site is strict: the transaction of a request.
    """

    @property
    def strict(self) -> bool: ...


def refuse_when_strict(tx: HasMood, doubt: Doubt, fault: Fault) -> None:
    """
    Raise *fault* on a strict site, with the reason and the way to accept the request. A lenient site goes on.
    """
    if tx.strict:
        raise Fault(f"{fault.message}\n{doubt.value} {_HOW_TO_ACCEPT}", fault.code)
