"""
A local site: a server that speaks the API3 protocol over HTTP like a Flow Production Tracking site, from SQLite.

It shares no code with the client, so that a mistake in one cannot hide the same mistake in the other.
"""

from __future__ import annotations

from sgextended.localsite.faults.fault_specs import Faults, Mishap
from sgextended.localsite.server.local_site import LocalSite, serve
from sgextended.localsite.services.ledger import Entry, Ledger
from sgextended.localsite.services.site_store import Snapshot, Store
from sgextended.localsite.services.webhooks import WebhookDelivery, Webhooks

__all__ = [
    "Entry",
    "Faults",
    "Ledger",
    "LocalSite",
    "Mishap",
    "Snapshot",
    "Store",
    "WebhookDelivery",
    "Webhooks",
    "serve",
]
