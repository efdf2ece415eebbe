"""
A certificate authority of the site's own, so that TLS can be served and verified without other certificates.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from sgextended.localsite.server.host_check import LOOPBACK_NAMES, is_wildcard

if TYPE_CHECKING:
    from collections.abc import Iterable

    import trustme

# Some programs refuse certificates that are valid for longer. A new one is made at each start.
_DAYS = 397


class Certificates:
    """
    Make a certificate for the names of a site.

    A site on a file keeps its authority beside it, so that clients need its certificate only once. Otherwise the
    authority is new, in a temporary folder that ``close`` removes.

    Args:
        host: The address that the site listens on.

        names: The names by which other machines know the site.

        database: The file of the site. None: the site is in memory.

    Attributes:
        ca_file: The path of the authority's certificate, which clients must trust.

        chain_file: The path of the server's key and certificate.
    """

    ca_file: Path
    chain_file: Path

    def __init__(self, host: str, names: Iterable[str] = (), database: Optional[Path] = None) -> None:
        self._temporary: Optional[tempfile.TemporaryDirectory[str]] = None
        if database is None:
            # Only this user can read the temporary folder.
            self._temporary = tempfile.TemporaryDirectory(prefix="sgextended-")
            folder = Path(self._temporary.name)
            self.ca_file = folder / "ca.pem"
        else:
            database = database.absolute()
            folder = database.with_name(f"{database.name}.tls")
            folder.mkdir(mode=0o700, exist_ok=True)
            self.ca_file = database.with_name(f"{database.name}.ca.pem")
        self.chain_file = folder / "server.pem"
        authority = _authority(self.ca_file, folder / "ca-key.pem")
        own = [socket.gethostname()] if is_wildcard(host) else [host]
        identities = dict.fromkeys((*names, *own, *sorted(LOOPBACK_NAMES)))
        expires = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=_DAYS)
        certificate = authority.issue_cert(*identities, not_after=expires)
        _write(self.chain_file, certificate.private_key_and_cert_chain_pem.bytes(), 0o600)

    def close(self) -> None:
        """
        Remove temporary files.
        """
        if self._temporary is not None:
            self._temporary.cleanup()


def _authority(ca_file: Path, key_file: Path) -> trustme.CA:
    import trustme  # noqa: PLC0415 - only sites that serve TLS need it

    with contextlib.suppress(FileNotFoundError):
        return trustme.CA.from_pem(ca_file.read_bytes(), key_file.read_bytes())
    made = trustme.CA(organization_name="sgextended local site")
    _write(key_file, made.private_key_pem.bytes(), 0o600)
    _write(ca_file, made.cert_pem.bytes(), 0o644)
    return made


def _write(path: Path, content: bytes, mode: int) -> None:
    """
    Write a file that has its mode from the first byte on.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    beside.chmod(mode)  # whatever the umask
    beside.replace(path)
