"""
A site that runs: a socket, a thread that serves it, and the rows behind it.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union

import sqlalchemy as sa

from sgextended.localsite.errors import Fault
from sgextended.localsite.faults.fault_specs import Faults
from sgextended.localsite.server.running_site import RunningSite
from sgextended.localsite.services.authentication import Authenticator
from sgextended.localsite.services.ledger import Ledger
from sgextended.localsite.services.site_store import Store
from sgextended.localsite.storage.stored_rows import insert_row, link_columns, update_row
from sgextended.localsite.writing import row_writes as writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from sgextended.localsite.storage.transaction import Link, Transaction

Entered = TypeVar("Entered", bound="LocalSite")

# Seconds after which a site in the foreground looks whether a signal has come; Windows cannot interrupt a wait.
_WATCH = 0.5


class LocalSite:
    """
    A Flow Production Tracking site on this machine, for the unchanged ``shotgun_api3.Shotgun`` to talk to.

    It is a context manager; ``start`` and ``stop`` do the same by hand.

    Args:
        db:
            The SQLite file that holds the rows; it is created if absent and stays when the site stops. None: memory,
            gone when the site stops.

        host:
            The address to listen on. Others than this machine's own let the network in, of which the log warns.

        port: The port; 0 takes a free one.

        tls: Whether to serve HTTPS, with a certificate of an authority of the site's own.

        certificate: A file in PEM with a certificate and its chain, to serve HTTPS with instead of one's own.

        private_key: The file in PEM with its key. None: it is in the same file.

        demo: Whether to fill a new database with the demo production.

        data: A folder of records to fill a new database with, as ``sgextended pull`` and ``site dump`` write it.

        latency: Seconds that every request waits before it is worked on.

        script_name: The script that may ask.

        api_key:
            Its key, which replaces the one that the file holds. None: a new random one. Where a file holds one already,
            that one stays good, and the new one holds beside it until the site stops.

        faults: What goes wrong on purpose from the start, as ``Mishap.parse`` reads it.

        direct_uploads:
            Whether clients upload files straight to storage, in parts if they are large, instead of by form. A mapping
            says for which types and fields, as the protocol's ``s3_enabled_upload_types``.

        link_lifetime: Seconds for which the addresses of files hold, at least.

        thumbnail_delay: Seconds for which a new thumbnail reads as the placeholder of one that is being made.

        session_lifetime: Seconds after which a session token has expired.

        log_level: What of the server's own doings is logged.

    Attributes:
        faults: What goes wrong on purpose; may be changed while the site runs.

    Raises:
        ValueError: The file is no site's database, or an option makes no sense.
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
        log_level: str = "warning",
    ) -> None:
        self.script_name = script_name
        self.api_key = api_key or secrets.token_urlsafe(24)
        self._is_key_given = bool(api_key)
        self.faults = Faults(latency=latency)
        for mishap in faults:
            self.faults.add(mishap)
        self._direct_uploads = direct_uploads
        self._link_lifetime, self._thumbnail_delay = link_lifetime, thumbnail_delay
        if demo and data is not None:
            raise ValueError("A site is filled with the demo production or with records of a folder, not with both.")
        self._db = None if db is None else Path(db)
        self._data = None if data is None else Path(data)
        self._host, self._wanted_port = host, port
        if tls and certificate is not None:
            raise ValueError(
                "HTTPS is served with a certificate of the site's own or with one that is given: not both."
            )
        if private_key is not None and certificate is None:
            raise ValueError("A private key is of no use without its certificate.")
        self._tls, self._demo, self._log_level = tls, demo, log_level
        self._given = None if certificate is None else (os.fspath(certificate), os.fspath(private_key or certificate))
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
        return self._now.url

    @property
    def ca_file(self) -> Optional[str]:
        """
        The certificate that clients are to trust; None without TLS.
        """
        certificates = self._now.certificates
        return None if certificates is None else str(certificates.ca_file)

    @property
    def store(self) -> Store:
        """
        The rows.
        """
        return self._now.store

    @property
    def ledger(self) -> Ledger:
        """
        The requests executed so far.
        """
        return self._ledger

    def environment(self) -> dict[str, str]:
        """
        Return the environment variables that make a program talk to this site.
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
        Create a person who may log in, and return a link to them.

        Args:
            login: Their login.

            password: Their password.

            role: Code of their permission rule set. Only an ``"admin"`` may act as somebody else.

            one_time_codes:
                Codes of their second factor, each good for once. Without any, the password alone lets them in.

            **fields: Other fields of theirs, as a ``create`` of the protocol takes them.

        Raises:
            ValueError: The login is taken, there is no such role, or a field does not take its value.
        """
        named = {"firstname", "lastname", "name"} & set(fields)
        values = {"login": login, **({} if named else {"name": login}), **fields}
        sent = [{"field_name": name, "value": value} for name, value in values.items()]
        try:
            with self.store.writing() as tx:
                tx.rpc = "create"
                user = writing.create(tx, tx.schema["HumanUser"], sent, ["name"])
                update_row(tx, "HumanUser", user["id"], link_columns("permission_rule_set", _role(tx, role)))
                self._authenticator.set_secret(tx, "HumanUser", user["id"], password)
                self._authenticator.set_codes(tx, user["id"], one_time_codes)
        except Fault as fault:
            raise ValueError(f"The person {login!r} cannot be added: {fault}") from fault
        return {"type": "HumanUser", "id": user["id"], "name": user["name"]}

    def admit_script(self, name: str, api_key: str, *, keep: bool = False) -> bool:
        """
        Let one more script ask, and return whether that is its key now.

        Args:
            name: The script; it is made if there is none of that name.

            api_key: Its key.

            keep: Whether a key that it has already stays instead.
        """
        with self.store.writing() as tx:
            return self._admit(tx, "ApiUser", _script(tx, name), api_key, keep=keep)

    def admit_user(self, login: str, password: str, *, keep: bool = False) -> bool:
        """
        Let a person ask, and return whether that is their password now.

        Args:
            login: Their login; an artist is made if there is none of that login.

            password: Their password.

            keep: Whether a password that they have already stays instead.
        """
        with self.store.writing() as tx:
            people = tx.tables["HumanUser"]
            query = sa.select(people.c.id).where(people.c.login == login, people.c.retired_at.is_(None))
            user_id: Optional[int] = tx.connection.execute(query).scalar()
            if user_id is not None:
                return self._admit(tx, "HumanUser", user_id, password, keep=keep)
        self.add_user(login, password)
        return True

    def _admit(self, tx: Transaction, entity_type: str, entity_id: int, secret: str, *, keep: bool) -> bool:
        if keep and self._authenticator.has_secret(tx, entity_type, entity_id):
            return False
        self._authenticator.set_secret(tx, entity_type, entity_id, secret)
        return True

    def set_scan(self, attachment_id: int, status: Optional[str]) -> None:
        """
        Say how the scan of an uploaded file went, as only a site itself does.

        Args:
            attachment_id: The file's Attachment.

            status: ``"unverified"`` or ``"infected"``, which cannot be downloaded; ``"clean"`` or None, which can.
        """
        with self.store.writing() as tx:
            update_row(tx, "Attachment", attachment_id, {"processing_status": status})

    def start(self) -> None:
        """
        Accept requests; when this returns, the site is ready. Does nothing if it runs already.
        """
        with self._lock:
            if self._running is None:
                self._running = self._start()

    def stop(self) -> None:
        """
        Finish the requests at work, close everything. Does nothing if the site does not run.
        """
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    @property
    def _now(self) -> RunningSite:
        running = self._running
        if running is None:
            raise RuntimeError("This local site does not run. Use it as a context manager, or call start() first.")
        return running

    def _start(self) -> RunningSite:
        running = RunningSite()
        try:
            running.listen(self._host, self._wanted_port, tls=self._tls, given=self._given)
            running.store = Store(self._db, data=self._data)
            running.closers.append(running.store.close)
            media = running.store.media
            media.address, media.direct_uploads = running.url, self._direct_uploads
            media.link_lifetime, media.thumbnail_delay = self._link_lifetime, self._thumbnail_delay
            with running.store.writing() as tx:
                self._admit_script(tx)
                if self._demo and running.store.is_new:
                    from sgextended.localsite.demo.production import insert_demo  # noqa: PLC0415 - a large module, seldom needed

                    insert_demo(tx)
            running.serve(self._authenticator, self._ledger, self.faults, self._log_level)
        except BaseException:
            running.stop()
            raise
        return running

    def _admit_script(self, tx: Transaction) -> None:
        script_id = _script(tx, self.script_name)
        if self._is_key_given or not self._authenticator.has_secret(tx, "ApiUser", script_id):
            self._authenticator.set_secret(tx, "ApiUser", script_id, self.api_key)
        else:  # programs that were told the earlier key go on with it
            self._authenticator.lend_secret("ApiUser", script_id, self.api_key)


def _script(tx: Transaction, name: str) -> int:
    """
    Return the id of the script of that name, which is made if there is none.
    """
    scripts = tx.tables["ApiUser"]
    query = sa.select(scripts.c.id).where(scripts.c.firstname == name, scripts.c.retired_at.is_(None))
    script_id: Optional[int] = tx.connection.execute(query).scalar()
    if script_id is None:
        columns = {
            "firstname": name,
            "generate_event_log_entries": 1,
            "created_at": tx.moment,
            "updated_at": tx.moment,
        }
        script_id = insert_row(tx, "ApiUser", columns)
    update_row(tx, "ApiUser", script_id, link_columns("permission_rule_set", _role(tx, "api_admin")))
    return script_id


def _role(tx: Transaction, code: str) -> Link:
    rule_sets = tx.tables["PermissionRuleSet"]
    rule_set = tx.connection.execute(sa.select(rule_sets.c.id).where(rule_sets.c.code == code)).scalar()
    if rule_set is None:
        raise Fault(f"there is no permission rule set {code!r}")
    return {"type": "PermissionRuleSet", "id": rule_set}


def _has_come(asked: SimpleQueue[int]) -> bool:
    try:
        asked.get(timeout=_WATCH)
    except Empty:
        return False
    return True


def serve(site: LocalSite, ready: Optional[Callable[[LocalSite], object]] = None) -> None:
    """
    Run *site* in the foreground until SIGINT or SIGTERM comes; the main thread calls this.

    Args:
        site: The site; it is stopped at the end.

        ready: Called with the site once it accepts requests.
    """
    # A signal handler may put into a SimpleQueue at any point of the program, which it may not do with an Event.
    asked: SimpleQueue[int] = SimpleQueue()
    handlers = {
        number: signal.signal(number, lambda caught, _frame: asked.put(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with site:
            if ready is not None:
                ready(site)
            while not _has_come(asked):
                pass
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
