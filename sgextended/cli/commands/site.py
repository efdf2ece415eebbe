"""
``sgextended site``: serves a local site until Ctrl-C. Its subcommands copy the records or the file of one.

``dump`` writes the records to a folder, ``backup`` copies the file, ``upgrade`` brings an older file to today's layout.
"""

import contextlib
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Iterator, List, Mapping, Optional, Sequence

import typer
from attrs import frozen

from sgextended.cli.printing.log_lines import log_lines
from sgextended.cli.shared.output import plural, say
from sgextended.cli.shared.site_accounts import Accounts, asked, private_files, read_secrets, split_roles

if TYPE_CHECKING:
    from sgextended.localsite import LocalSite

app: typer.Typer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_ACCESS_LOGGER = "sgextended.localsite.access"


@app.callback(invoke_without_command=True)
def site(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 uses a free port.")] = 0,
    db: Annotated[Optional[Path], typer.Option(help="SQLite file for the records. Default: in memory.")] = None,
    script_name: Annotated[str, typer.Option(help="Name of the script user that may connect.")] = "sgextended",
    api_key: Annotated[
        Optional[str],
        typer.Option(
            envvar="SGEXTENDED_SITE_API_KEY",
            show_envvar=True,
            help="Key of that script. Default: a new key, which is printed. Other users of the machine can read the "
            "command line, so use the environment, --secrets, or ? to enter the key.",
        ),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve HTTPS, with a certificate from the site's own certificate authority.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Fill a new site with the demo production.")] = False,
    load: Annotated[
        Optional[Path],
        typer.Option(metavar="DIR", help="Fill a new site with the records that 'pull' or 'site dump' wrote to DIR."),
    ] = None,
    latency: Annotated[float, typer.Option(min=0, help="Seconds to delay each response.")] = 0.0,
    fault: Annotated[
        Optional[List[str]],
        typer.Option(
            "--fault",
            metavar="KIND[=VALUE][:OPTION=VALUE,...]",
            help="Fault to simulate, such as status=503:next=3 or reset-after:rpc=create,rate=0.1. Can be given "
            "several times.",
        ),
    ] = None,
    thumbnail_delay: Annotated[
        float, typer.Option(min=0, help="Seconds for which a new thumbnail reads as the placeholder of live sites.")
    ] = 0.0,
    direct_uploads: Annotated[
        bool, typer.Option("--direct-uploads", help="Let clients upload files in parts, directly to the storage.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. With any other address, other machines can reach the site."),
    ] = "127.0.0.1",
    hostname: Annotated[
        Optional[List[str]],
        typer.Option(
            metavar="NAME",
            help="Name or address by which other machines know the site. Requests for other names are refused. Can be "
            "given several times.",
        ),
    ] = None,
    trusted_proxy: Annotated[
        Optional[List[str]],
        typer.Option(
            metavar="ADDRESS",
            help="Address of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed. Can be given several "
            "times.",
        ),
    ] = None,
    certificate: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", dir_okay=False, help="Serve HTTPS with this certificate and its chain (PEM)."),
    ] = None,
    private_key: Annotated[
        Optional[Path], typer.Option(metavar="FILE", dir_okay=False, help="Private key of the certificate (PEM).")
    ] = None,
    script: Annotated[
        Optional[List[str]],
        typer.Option(
            "--script",
            metavar="NAME[=KEY]",
            help="Another script user that may connect. Can be given several times.",
        ),
    ] = None,
    user: Annotated[
        Optional[List[str]],
        typer.Option("--user", metavar="LOGIN[=PASSWORD]", help="A user who may connect. Can be given several times."),
    ] = None,
    role: Annotated[
        Optional[List[str]],
        typer.Option(
            "--role",
            metavar="NAME=ROLE",
            help="Role of a script or user: admin, manager, artist or read_only. Default: scripts are admin, new users "
            "artist. Can be given several times.",
        ),
    ] = None,
    secrets: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="File with lines NAME=SECRET: keys of scripts and passwords of users. The variable "
            "SGEXTENDED_SITE_SECRETS can hold such lines, too.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict/--lenient", help="Refuse what a live site may refuse, where that is not known for sure."
        ),
    ] = True,
    webhook: Annotated[
        Optional[List[str]],
        typer.Option(
            "--webhook",
            metavar="URL",
            help="Receiver on this machine to which the site sends its events. Can be given several times.",
        ),
    ] = None,
    webhook_secret_file: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", dir_okay=False, help="File with the secret that signs what receivers get."),
    ] = None,
    share_db: Annotated[
        bool,
        typer.Option("--share-db", help="Let other processes serve the file too, if each of them has this option."),
    ] = False,
    max_upload: Annotated[
        float, typer.Option(metavar="GB", min=0.001, help="Largest size of an uploaded file in GB (1024 MB).")
    ] = 5.0,
    access_log: Annotated[
        Optional[str], typer.Option(metavar="FILE", help="Log each call as a line in this file; - logs to stderr.")
    ] = None,
) -> None:
    """
    Serve a local site until Ctrl-C. It speaks the protocol of a real site; a browser shows its records at its address.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        found = read_secrets(secrets)
        accounts = Accounts(scripts=script or [], users=user or [], roles=split_roles(role or []), secrets=found)
    except (OSError, ValueError) as error:
        sys.exit(f"sgextended: The local site cannot be served. {error}")
    serve(
        accounts=accounts,
        access_log=access_log,
        receivers=Receivers(urls=webhook or [], secret_file=webhook_secret_file),
        port=port,
        db=db,
        data=load,
        script_name=script_name,
        api_key=asked(api_key, f"Key of {script_name}") or found.get(script_name),
        tls=tls,
        certificate=certificate,
        private_key=private_key,
        demo=demo,
        latency=latency,
        faults=fault or [],
        thumbnail_delay=thumbnail_delay,
        direct_uploads=direct_uploads,
        host=host,
        strict=strict,
        hostnames=hostname or [],
        trusted_proxies=trusted_proxy or [],
        share_db=share_db,
        max_upload_bytes=int(max_upload * 1024**3),
    )


@app.command("dump")
def site_dump(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the records.", show_default=False)],
    db: Annotated[Path, typer.Option(help="SQLite file of the site.")],
) -> None:
    """
    Write the records and files of a local site to a folder, which 'sgextended site --load' can serve.
    """
    dump(db, folder)


@app.command("backup")
def site_backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File for the copy.", show_default=False)],
    db: Annotated[Path, typer.Option(help="SQLite file of the site.")],
) -> None:
    """
    Copy the SQLite file of a local site and its uploads, also while the site runs.

    The copy has the keys and passwords of the site too, as hashes. Serve it with 'sgextended site --db FILE'.
    """
    back_up(db, target)


@app.command("upgrade")
def site_upgrade(
    db: Annotated[Path, typer.Option(help="SQLite file of the site, which no process may serve.")],
) -> None:
    """
    Bring the SQLite file of an earlier version to the layout of this one, and keep a copy of it as it was.
    """
    upgrade(db)


@frozen(kw_only=True)
class Receivers:
    """
    The receivers of a site's events.

    Attributes:
        urls: The address of each receiver.

        secret_file: The file with the secret of the signatures. None: requests are not signed.
    """

    urls: Sequence[str] = ()
    secret_file: Optional[Path] = None

    def add_to(self, site: "LocalSite") -> None:
        """
        Make the site send its events to the receivers.

        Raises:
            ValueError: The file is empty, is not text, or is given without a receiver; or an address is not allowed.
            OSError: The file cannot be read.
        """
        secret = None
        if self.secret_file is not None:
            if not self.urls:
                raise ValueError("--webhook-secret-file was given without a receiver. Name one with --webhook.")
            secret = self.secret_file.read_text(encoding="utf-8").rstrip("\r\n")
        for url in self.urls:
            site.webhooks.add(url, secret=secret)


def serve(*, accounts: Accounts, access_log: Optional[str], receivers: Receivers, **options: Any) -> None:
    """
    Serve a site until SIGINT or SIGTERM.

    When the site accepts calls, print one line with its address and one line for each additional account.

    Args:
        accounts: The additional accounts.

        access_log: The file to which each call adds a line. ``-`` is stderr, None is no log.

        receivers: The receivers of the site's events.

        **options: Arguments of `LocalSite`.
    """
    # Imported here, because sgextended.localsite needs the extra "site".
    from sgextended.localsite import LocalSite  # noqa: PLC0415
    from sgextended.localsite import serve as serve_site  # noqa: PLC0415
    from sgextended.localsite.maintenance.allocator import limit_kept_memory  # noqa: PLC0415

    def announce(site: LocalSite) -> None:
        line = f"Local site at {site.url} script_name={site.script_name}"
        if options["api_key"] is None:  # a new key, which the user does not know yet
            line += f" api_key={site.api_key}"
        if site.ca_file:
            line += f" ca_file={site.ca_file}"
        line += f" pages={site.page_url}"
        for each in (line, *accounts.add_to(site), *_addresses(site)):
            typer.echo(each)
        if site.store.loaded is not None:
            for skipped in site.store.loaded.left_out:
                say(f"Not loaded from the folder, because a local site cannot store it: {skipped}.")
        say(how_to_use(site.environment(), key_is_known=options["api_key"] is not None))

    limit_kept_memory()
    try:
        site = LocalSite(**options)
        _add_receivers(site, receivers)
        with private_files(), _access_log(access_log):
            serve_site(site, announce)
    except ValueError as error:  # such as a fault that is not valid, a file of another program, or a login in use
        sys.exit(f"sgextended: The local site cannot be served. {error}")
    except OSError as error:
        sys.exit(
            f"sgextended: The local site cannot be served on port {options['port']}. {error}. "
            "Choose another port with --port, or --port 0 for a free one."
        )


def how_to_use(environment: Mapping[str, str], *, key_is_known: bool) -> str:
    """
    Return the lines that make a shell use the site, and how to stop it.

    Args:
        environment: The environment variables.

        key_is_known: Whether the user chose the key, so that it is not printed.
    """
    shown = dict(environment)
    if key_is_known:
        shown["SHOTGUN_API_KEY"] = "THE_KEY_THAT_YOU_GAVE"
    if os.name == "nt":
        lines = [f"$env:{name} = '{value}'" for name, value in shown.items()]
    else:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in shown.items()]
    return "\n".join(["To use it in another shell:", *(f"  {line}" for line in lines), "To stop it, press Ctrl-C."])


def _add_receivers(site: "LocalSite", receivers: Receivers) -> None:
    try:
        receivers.add_to(site)
    except OSError as error:
        sys.exit(
            f"sgextended: The secret of the webhooks cannot be read. {error}. Name a file that you may read with "
            "--webhook-secret-file."
        )


def _addresses(site: "LocalSite") -> Iterator[str]:
    """
    Yield the lines to print that say how other machines reach a site.
    """
    if not site.other_urls:
        return
    yield f"From other machines: {' '.join(site.other_urls)}"
    if site.ca_file:
        yield f"Clients need: export SHOTGUN_API_CACERTS={shlex.quote(str(Path(site.ca_file).resolve()))}"


@contextlib.contextmanager
def _access_log(file: Optional[str]) -> Iterator[None]:
    """
    Within the block, write the access log to a file; ``-`` is stderr, None is no log.
    """
    if file is None:
        yield
        return
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr) if file == "-" else logging.FileHandler(file, encoding="utf-8")
    )
    if Path(file).is_file():  # an earlier version may have made it; a device keeps its mode
        Path(file).chmod(0o600)
    with log_lines(_ACCESS_LOGGER, handler, "%(asctime)s %(message)s", propagate=False):
        yield


def dump(db: Path, folder: Path) -> None:
    """
    Write the records and files of a site's SQLite file to a folder. A site may serve the file at the same time.
    """
    # Imported here, because sgextended.localsite needs the extra "site".
    from sgextended.localsite import Store  # noqa: PLC0415
    from sgextended.localsite.demo.folder_dump import dump as dump_records  # noqa: PLC0415

    if not db.is_file():
        sys.exit(f"sgextended: There is no file {db}. Give the SQLite file of a local site with --db.")
    try:
        store = Store(db, reads_older=True)
        with private_files(), contextlib.closing(store), store.reading() as tx:
            counts = dump_records(tx, folder)
    except (OSError, ValueError) as error:
        sys.exit(f"sgextended: {db} cannot be dumped. {error}")
    say(f"Wrote {plural(sum(counts.values()), 'record')} of {plural(len(counts), 'entity type')} to {folder}.")


def back_up(db: Path, target: Path) -> None:
    """
    Copy a site's SQLite file and its uploads. A site may serve the file at the same time.
    """
    # Imported here, because sgextended.localsite needs the extra "site".
    from sgextended.localsite.maintenance.site_backup import back_up_site  # noqa: PLC0415

    try:
        with private_files():
            back_up_site(db, target)
    except (OSError, ValueError) as error:
        sys.exit(f"sgextended: {db} cannot be copied. {error}")
    say(f"Copied {db} to {target}.")


def upgrade(db: Path) -> None:
    """
    Bring a site's SQLite file to the current layout, and report on stderr what was done.
    """
    # Imported here, because sgextended.localsite needs the extra "site".
    from sgextended.localsite.maintenance.layout_upgrades import upgrade_site  # noqa: PLC0415

    try:
        done = upgrade_site(db)
    except (OSError, ValueError) as error:
        sys.exit(f"sgextended: {db} cannot be upgraded. {error}")
    if done.copy is None:
        message = f"{db} has the current layout already. Fields that it lacked were added."
    else:
        message = f"Upgraded {db} from layout {done.before}. {done.copy} has it as it was."
    say(message)
