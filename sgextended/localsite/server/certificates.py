"""
A certificate authority of the site's own, so that TLS can be served and verified without other certificates.
"""

from __future__ import annotations

import tempfile
from pathlib import Path


class Certificates:
    """
    Make a certificate for ``localhost`` and *host* in a temporary folder, which ``close`` removes.

    Attributes:
        ca_file: The path of the authority's certificate, which clients must trust.

        chain_file: The path of the server's key and certificate.
    """

    def __init__(self, host: str) -> None:
        import trustme  # noqa: PLC0415 - only sites that serve TLS need it

        authority = trustme.CA()
        names = dict.fromkeys((host, "127.0.0.1", "localhost"))
        certificate = authority.issue_cert(*names)
        # Only this user can read the temporary folder, because the server's key is in it.
        self._folder = tempfile.TemporaryDirectory(prefix="sgextended-")
        folder = Path(self._folder.name)
        self.ca_file = folder / "ca.pem"
        self.chain_file = folder / "server.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self.chain_file))

    def close(self) -> None:
        """
        Remove the files.
        """
        self._folder.cleanup()
