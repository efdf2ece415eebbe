"""
What every request of a running site works with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sgextended.localsite.services.authentication import Authenticator
    from sgextended.localsite.services.ledger import Ledger
    from sgextended.localsite.services.page_access import PageAccess
    from sgextended.localsite.services.recent_clients import RecentClients
    from sgextended.localsite.services.site_store import Store


@attrs.frozen(eq=False)
class SiteServices:
    """
    The parts of a running site that its HTTP routes share.

    Attributes:
        store: The site's rows and files.

        authenticator: Identifies the caller of a request.

        ledger: Records the executed requests.

        workers: The threads that execute requests.

        page_access: Decides who may see the pages.

        recent_clients: Remembers clients that download files by number.
    """

    store: Store
    authenticator: Authenticator
    ledger: Ledger
    workers: Executor
    page_access: PageAccess
    recent_clients: RecentClients
