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
    """

    store: Store
    authenticator: Authenticator
    ledger: Ledger
    workers: Executor
