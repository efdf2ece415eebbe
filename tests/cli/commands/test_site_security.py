"""
``sgextended site`` keeps what is its owner's: files, certificates, TLS, secrets.
"""

import os
import signal
import socket
import ssl
import sys
import warnings
from urllib.parse import urlsplit

import pytest
from PIL import Image
from processes import ended

from sgextended import SGExtended
from sgextended.cli.shared import site_accounts

GUARD = 60  # seconds


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")
def test_files_of_a_site_are_its_owners(start, command, tmp_path, monkeypatch):
    """
    Database, journal, uploads, log, key of the authority, dump and backup are for the owner only, whatever the umask.
    """
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    try:
        process, fields = start("--db", "s.sqlite", "--tls", "--access-log", "calls.log")
        with SGExtended(fields["url"], fields["script_name"], fields["api_key"], ca_certs=fields["ca_file"]) as sg:
            project = sg.create("Project", {"name": "Private"})
            Image.new("RGB", (8, 8)).save("a.png")
            sg.upload("Project", project["id"], "a.png")
            sg.upload_thumbnail("Project", project["id"], "a.png")
        assert (tmp_path / "s.sqlite-wal").exists()
        assert command("site", "dump", "dumped", "--db", "s.sqlite")[0] == 0
        assert command("site", "backup", "copy.sqlite", "--db", "s.sqlite")[0] == 0
        found = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
        assert ended(process, signal.SIGTERM)[0] == 0
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)

    for name in ("a.png", "s.sqlite.ca.pem"):  # the test made the image, and clients need the certificate
        assert found.pop(name) == 0o644
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert {"s.sqlite", "calls.log", "copy.sqlite", "dumped", "s.sqlite.media", "s.sqlite.tls"} <= set(found)


def test_authority_stays_and_names_are_valid(start, tmp_path):
    """
    A site on a file has the same authority at each start, and a certificate for all names. The file is printed.
    """
    authorities, lines = [], []
    for names in ((), ("--hostname", "shots.studio.example", "--hostname", "192.0.2.7")):
        process, fields = start("--db", "s.sqlite", "--tls", *names)
        lines = [process.stdout.readline().strip() for _line in names[::2]]
        authorities.append((tmp_path / "s.sqlite.ca.pem").read_bytes())
        context = ssl.create_default_context(cafile=fields["ca_file"])
        where = urlsplit(fields["url"])
        for name in ("localhost", *names[1::2]):
            with socket.create_connection((where.hostname, where.port), timeout=GUARD) as plain:
                context.wrap_socket(plain, server_hostname=name).close()
        ended(process, signal.SIGTERM)

    assert authorities[0] == authorities[1]
    port = where.port
    assert lines == [
        f"From other machines: https://shots.studio.example:{port} https://192.0.2.7:{port}",
        f"Clients need: export SHOTGUN_API_CACERTS={tmp_path / 's.sqlite.ca.pem'}",
    ]


def test_old_protocols_are_refused(start):
    """
    A connection has TLS 1.2 or later, with every version of Python.
    """
    _process, fields = start("--tls")
    where = urlsplit(fields["url"])
    context = ssl.create_default_context(cafile=fields["ca_file"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection((where.hostname, where.port), timeout=GUARD) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_secrets_come_from_elsewhere(start, tmp_path, monkeypatch):
    """
    Keys and passwords come from the environment and a file, and are not printed. The file takes precedence.
    """
    (tmp_path / "secrets").write_text("# keys\nfarm=from-file\n\nzoe = p=5 5\n")
    (tmp_path / "secrets").chmod(0o600)
    monkeypatch.setenv("SGEXTENDED_SITE_API_KEY", "from-environment")
    monkeypatch.setenv("SGEXTENDED_SITE_SECRETS", "farm=other\nbob=pw")
    words = ("--script", "farm", "--user", "zoe", "--user", "bob", "--role", "farm=read_only", "--secrets", "secrets")
    process, fields = start(*words)
    printed = [process.stdout.readline().strip() for _account in range(3)]

    assert printed == ["script_name=farm", "login=zoe", "login=bob"]
    assert fields["pages"].startswith(f"{fields['url']}/?token=")
    assert "api_key" not in fields
    for options in (
        {"script_name": fields["script_name"], "api_key": "from-environment"},
        {"login": "zoe", "password": "p=5 5"},
        {"login": "bob", "password": "pw"},
    ):
        with SGExtended(fields["url"], **options) as sg:
            assert sg.find_projects() == []
    with SGExtended(fields["url"], "farm", "from-file") as sg, pytest.raises(Exception, match="Role: Read Only"):
        sg.create("Project", {"name": "refused"})


def test_secret_is_entered(monkeypatch):
    """
    A question mark in place of a secret asks for it, without showing it.
    """
    asked_for = []

    def prompt(text, **options):
        asked_for.append((text, options["hide_input"]))
        return "typed"

    monkeypatch.setattr("typer.prompt", prompt)

    assert site_accounts.asked("?", "Key of tool") == "typed"
    assert site_accounts.asked("given", "Key of tool") == "given"
    assert site_accounts.asked(None, "Key of tool") is None
    assert asked_for == [("Key of tool", True)]
