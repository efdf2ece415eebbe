"""
``LocalSite``: a site on this machine that a test or a program starts and stops.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union

from sgextended.localsite.errors import Fault
from sgextended.localsite.faults.fault_specs import Faults
from sgextended.localsite.server.accounts import create_user, script_with_name, set_role, user_with_login
from sgextended.localsite.server.host_check import checked_proxies, names_of_site
from sgextended.localsite.server.running_site import RunningSite
from sgextended.localsite.services.authentication import Authenticator
from sgextended.localsite.services.ledger import Ledger
from sgextended.localsite.services.site_store import Store
from sgextended.localsite.services.webhooks import Webhooks
from sgextended.localsite.storage.single_row_writes import update_row
from sgextended.localsite.storage.transaction import Actor
from sgextended.localsite.writing.row_inserts import insert_given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from sgextended.localsite.storage.transaction import Link, Transaction

Entered = TypeVar("Entered", bound="LocalSite")

# Seconds between two checks for a signal while a site runs in the foreground. Windows cannot interrupt a wait.
_SIGNAL_CHECK_SECONDS = 0.5


class LocalSite:
    """
    Run a Flow Production Tracking site on this machine, to which an unchanged ``shotgun_api3.Shotgun`` can connect.

    The site is a context manager that calls ``start`` and ``stop``.

    Args:
        db:
            The SQLite file that holds the rows. It is created if absent, and kept when the site stops. None: the rows
            are in memory and lost when the site stops.

        host:
            The address to listen on. An address other than a loopback one lets the network connect; the site logs a
            warning then.

        port: The port. 0 takes a free one.

        tls:
            Whether to serve HTTPS with a certificate from the site's own certificate authority. A site on a file keeps
            the authority, whose certificate is beside the file.

        certificate: A PEM file with a certificate and its chain, to serve HTTPS with instead of the site's own.

        private_key: The PEM file with the private key. None: the key is in the file of *certificate*.

        demo: Whether to fill a new database with the demo production.

        data: A folder of records to fill a new database with, written by ``sgextended pull`` or ``site dump``.

        latency: Seconds that every request waits before it is executed.

        script_name: The script that may connect.

        api_key:
            The key of that script; it replaces the key that the database holds. None: a new random key. If the
            database holds a key already, that key stays valid, and the random one is valid too until the site stops.

        faults: Mishaps that are active from the start, in the form that ``Mishap.parse`` reads.

        direct_uploads:
            Whether clients upload files straight to storage (in parts if the files are large) instead of by form. A
            mapping names the types and fields for which they do, as the protocol's ``s3_enabled_upload_types``.

        link_lifetime: Seconds for which the addresses of files are valid, at least.

        thumbnail_delay:
            Seconds for which a new thumbnail reads as the placeholder for thumbnails in progress. After this time, the
            fields that a transcode fills are filled, too.

        session_lifetime: Seconds after which a session token has expired.

        strict:
            Whether the site refuses requests that a live site may refuse, where neither a measurement nor the
            documentation decides. False: it accepts them.

        log_level: The level from which the HTTP server logs.

        hostnames:
            The names and addresses by which other machines know the site. The site refuses requests for other names
            than these and those of loopback, and its own certificate is valid for them.

        trusted_proxies:
            The addresses of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` the site believes.

    Attributes:
        faults: The mishaps; they may be changed while the site runs.

        webhooks: The receivers of events; they may be changed while the site runs, and stay when it stops.

    Raises:
        ValueError: The file is not the database of a site, or options contradict each other.
        OSError: The port is taken.
    """

    def __init__(
        self,
        *,
        db: Union[str, os.PathLike[str], None] = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        certificate: Union[str, os.PathLike[str], None] = None,
        private_key: Union[str, os.PathLike[str], None] = None,
        demo: bool = False,
        data: Union[str, os.PathLike[str], None] = None,
        latency: float = 0.0,
        script_name: str = "sgextended",
        api_key: Optional[str] = None,
        faults: Iterable[str] = (),
        direct_uploads: Union[bool, Mapping[str, Any]] = False,
        link_lifetime: float = 3600.0,
        thumbnail_delay: float = 0.0,
        session_lifetime: float = 86400.0,
        strict: bool = True,
        log_level: str = "warning",
        hostnames: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._hostnames, self._trusted_proxies = tuple(hostnames), checked_proxies(trusted_proxies)
        names_of_site(host, self._hostnames)  # raises if a name is not valid
        self._strict = strict
        self.script_name = script_name
        self.api_key = api_key or secrets.token_urlsafe(24)
        self._is_key_given = bool(api_key)
        self.faults = Faults(latency=latency)
        for mishap in faults:
            self.faults.add(mishap)
        self.webhooks = Webhooks()
        self._direct_uploads = direct_uploads
        self._link_lifetime, self._thumbnail_delay = link_lifetime, thumbnail_delay
        if demo and data is not None:
            raise ValueError(
                "Both the demo production and a folder of records were given, but a new site is filled from only one. "
                "Leave one out."
            )
        self._db = None if db is None else Path(db)
        self._data = None if data is None else Path(data)
        self._host, self._port = host, port
        if tls and certificate is not None:
            raise ValueError(
                "Both TLS with the site's own certificate and another certificate were chosen, but HTTPS uses only "
                "one. Leave one out."
            )
        if private_key is not None and certificate is None:
            raise ValueError("A private key was given without its certificate. Give the certificate, too.")
        self._tls, self._demo, self._log_level = tls, demo, log_level
        self._certificate = (
            None if certificate is None else (os.fspath(certificate), os.fspath(private_key or certificate))
        )
        self._ledger = Ledger()
        self._authenticator = Authenticator(session_lifetime=session_lifetime)
        self._running: Optional[RunningSite] = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        where = self._running.url if self._running else "stopped"
        return f"<LocalSite {where}, {'memory' if self._db is None else self._db}>"

    def __enter__(self: Entered) -> Entered:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """
        The site's address, such as ``"http://127.0.0.1:40123"``.
        """
        return self._current.url

    @property
    def page_url(self) -> str:
        """
        The address of the pages for a browser. It has the token of a site for one person; other sites ask for a login.
        """
        token = self._current.page_access.token
        return f"{self.url}/" if token is None else f"{self.url}/?token={token}"

    @property
    def other_urls(self) -> list[str]:
        """
        The addresses of the site by its names on other machines.
        """
        return self._current.other_urls

    @property
    def ca_file(self) -> Optional[str]:
        """
        The certificate that clients must trust; None if the site does not serve TLS with its own certificate.
        """
        certificates = self._current.certificates
        return None if certificates is None else str(certificates.ca_file)

    @property
    def store(self) -> Store:
        """
        The rows and files of the site.
        """
        return self._current.store

    @property
    def ledger(self) -> Ledger:
        """
        The record of the requests executed so far.
        """
        return self._ledger

    def environment(self) -> dict[str, str]:
        """
        Return the environment variables that make a program connect to this site.
        """
        variables = {
            "SHOTGUN_URL": self.url,
            "SHOTGUN_SCRIPT_NAME": self.script_name,
            "SHOTGUN_API_KEY": self.api_key,
        }
        if self.ca_file is not None:
            variables["SHOTGUN_API_CACERTS"] = self.ca_file
        return variables

    def add_user(
        self,
        login: str,
        password: str,
        *,
        role: str = "artist",
        one_time_codes: Iterable[str] = (),
        **fields: Any,
    ) -> Link:
        """
        Create a user who may log in, and return a link to the user.

        Args:
            login: The login.

            password: The password.

            role: ``"admin"``, ``"manager"``, ``"artist"`` or ``"read_only"``: what the user may write.

            one_time_codes:
                Codes of the second factor, each valid once. If there are none, the password alone is enough.

            **fields: Other fields of the user, as a ``create`` of the protocol takes them.

        Raises:
            ValueError: The login is taken, the role does not exist, or a field does not take its value.
        """
        try:
            with self.store.writing() as tx:
                user = create_user(tx, login, role, fields)
                self._authenticator.set_secret(tx, "HumanUser", user["id"], password)
                self._authenticator.set_codes(tx, user["id"], one_time_codes)
        except Fault as fault:
            raise ValueError(f"The user {login!r} cannot be added: {fault}") from fault
        return user

    def admit_script(self, name: str, api_key: str, *, keep: bool = False, role: Optional[str] = None) -> bool:
        """
        Let another script connect, and return whether *api_key* is its key now.

        Args:
            name: The name of the script, which is created if absent.

            api_key: The key of the script.

            keep: True: if the script already has a key, that key stays and *api_key* is ignored. False: *api_key*
                replaces it.

            role: What the script may write, as for a user. None: a new script is an administrator.

        Raises:
            ValueError: The role does not exist.
        """
        with self._role_errors(name), self.store.writing() as tx:
            return self._admit(tx, "ApiUser", script_with_name(tx, name, role), api_key, keep=keep)

    def admit_user(self, login: str, password: str, *, keep: bool = False, role: Optional[str] = None) -> bool:
        """
        Let a user log in, and return whether *password* is their password now.

        Args:
            login: The login of the user, who is created if absent.

            password: The password of the user.

            keep: True: if the user already has a password, that one stays and *password* is ignored. False: *password*
                replaces it.

            role: What the user may write. None: a new user is an artist.

        Raises:
            ValueError: The role does not exist.
        """
        with self._role_errors(login), self.store.writing() as tx:
            user_id = user_with_login(tx, login)
            if user_id is not None:
                if role is not None:
                    set_role(tx, "HumanUser", user_id, role)
                return self._admit(tx, "HumanUser", user_id, password, keep=keep)
        self.add_user(login, password, role=role or "artist")
        return True

    @contextlib.contextmanager
    def _role_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except Fault as fault:
            raise ValueError(f"{name!r} cannot be admitted: {fault}.") from fault

    def _admit(self, tx: Transaction, entity_type: str, entity_id: int, secret: str, *, keep: bool) -> bool:
        if keep and self._authenticator.has_secret(tx, entity_type, entity_id):
            return False
        self._authenticator.set_secret(tx, entity_type, entity_id, secret)
        return True

    def insert(self, rows: Iterable[Mapping[str, Any]], *, log_events: bool = False) -> list[Link]:
        """
        Insert rows with given ids, all or none, and return links to them in the order of the rows.

        The rows get the defaults of a create, and are created by the site's script. They may link to each other in any
        order. They have no effects on other rows: task templates add no tasks, and tasks keep their dates. Records that
        are created later get higher ids.

        Args:
            rows:
                The rows, such as ``{"type": "Shot", "id": 17, "code": "sh010", "project": {...}}``. A row without
                ``id`` gets the next free id. The values are those that a create takes. Fields that only the site itself
                writes, such as ``updated_by``, may be given too.

            log_events: Whether the event log gets the entries of creates.

        Raises:
            ValueError: A type or a field is unknown, an id is in use, or a value is invalid. No row was inserted.
        """
        with self.store.writing() as tx:
            script_id = script_with_name(tx, self.script_name)
            tx.actor = Actor("ApiUser", script_id)
            return insert_given(tx, rows, log_events=log_events)

    def set_scan(self, attachment_id: int, status: Optional[str]) -> None:
        """
        Set the result of the malware scan of an uploaded file, which callers cannot set.

        Args:
            attachment_id: The id of the file's Attachment.

            status:
                ``"unverified"`` or ``"infected"``: the file cannot be downloaded. ``"clean"`` or None: it can.
        """
        with self.store.writing() as tx:
            update_row(tx, "Attachment", attachment_id, {"processing_status": status})

    def show_late_events(self) -> None:
        """
        Make the event log entries visible that the fault ``late-events`` holds back, except those that never appear.
        """
        self.store.show_late_events()

    def start(self) -> None:
        """
        Start the site, and return when it accepts requests. Do nothing if it runs already.
        """
        with self._lock:
            if self._running is None:
                self._running = self._start()

    def stop(self) -> None:
        """
        Finish the requests in flight and close everything. Do nothing if the site does not run.
        """
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    @property
    def _current(self) -> RunningSite:
        running = self._running
        if running is None:
            raise RuntimeError("This local site is not running. Use it as a context manager, or call start() first.")
        return running

    def _start(self) -> RunningSite:
        running = RunningSite()
        try:
            running.listen(
                self._host,
                self._port,
                tls=self._tls,
                given=self._certificate,
                hostnames=self._hostnames,
                database=self._db,
            )
            running.store = Store(self._db, data=self._data, strict=self._strict)
            running.closers.append(running.store.close)
            running.store.draw_event_delay = self.faults.draw_event_delay
            running.store.webhooks = self.webhooks
            self.webhooks.start(running.url, lambda: running.store.schema.types)
            running.closers.append(self.webhooks.stop)
            media = running.store.media
            media.address, media.direct_uploads = running.url, self._direct_uploads
            media.link_lifetime, media.thumbnail_delay = self._link_lifetime, self._thumbnail_delay
            with running.store.writing() as tx:
                self._admit_script(tx)
                if self._demo and running.store.is_new:
                    from sgextended.localsite.demo.production import insert_demo  # noqa: PLC0415 - a large module, seldom needed

                    insert_demo(tx)
            running.serve(self._authenticator, self._ledger, self.faults, self._log_level, self._trusted_proxies)
        except BaseException:
            running.stop()
            raise
        return running

    def _admit_script(self, tx: Transaction) -> None:
        script_id = script_with_name(tx, self.script_name)
        if self._is_key_given or not self._authenticator.has_secret(tx, "ApiUser", script_id):
            generated = not self._is_key_given
            self._authenticator.set_secret(tx, "ApiUser", script_id, self.api_key, generated=generated)
        else:  # programs that were given the earlier key continue to use it
            self._authenticator.add_temporary_secret("ApiUser", script_id, self.api_key)


def _was_signalled(signals: SimpleQueue[int]) -> bool:
    try:
        signals.get(timeout=_SIGNAL_CHECK_SECONDS)
    except Empty:
        return False
    return True


def serve(site: LocalSite, ready: Optional[Callable[[LocalSite], object]] = None) -> None:
    """
    Run *site* in the foreground until SIGINT or SIGTERM arrives, then stop it. Only the main thread may call this.

    Args:
        site: The site to run.

        ready: A function that is called with the site once the site accepts requests.
    """
    # A signal handler may put into a SimpleQueue at any point of the program. It may not set an Event.
    signals: SimpleQueue[int] = SimpleQueue()
    handlers = {
        number: signal.signal(number, lambda caught, _frame: signals.put(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with site:
            if ready is not None:
                ready(site)
            while not _was_signalled(signals):
                pass
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
