"""
``--profile``: named sites, with keys from the environment or the keyring.
"""

import json
import sys

import pytest

from sgextended.cli.shared import profiles


@pytest.fixture
def config(tmp_path, monkeypatch, nobody, demo_site):
    """
    Return a function that writes the profile file.
    """
    path = tmp_path / "config.ini"
    monkeypatch.setenv("SGEXTENDED_CONFIG", str(path))
    monkeypatch.setenv("STUDIO_KEY", demo_site.api_key)

    def write(*lines):
        site = [f"url = {demo_site.url}", f"script_name = {demo_site.script_name}"]
        path.write_text("\n".join(["[studio]", *site, *lines]), encoding="utf-8")

    return write


@pytest.fixture
def vault(monkeypatch):
    """
    Install a keyring that stores its secrets in a dict.
    """
    keyring = pytest.importorskip("keyring", reason="keyring is not installed: the extra keyring")
    kept = {}

    class Vault(keyring.backend.KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            return kept.get((service, username))

        def set_password(self, service, username, password):
            kept[service, username] = password

        def delete_password(self, service, username):
            del kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Vault())
    yield keyring
    keyring.set_keyring(before)


def test_a_key_comes_from_the_variable(command, config, demo_site):
    """
    The key is read from the variable that the profile names; its repr shows the variable only.
    """
    config("api_key = env:STUDIO_KEY", "connections = 3", "read_timeout = 7.5")
    site = profiles.load("studio")

    assert json.loads(command("whoami", "--profile", "studio", "--format", "json")[1])["site"] == demo_site.url
    assert repr(site.api_key) == "Secret(from STUDIO_KEY)"
    assert (site.connections, site.read_timeout) == (3, 7.5)


def test_a_key_comes_from_the_keyring(command, config, demo_site, vault):
    """
    The keyring stores the key under the name of the profile. If it has none, the message says how to store it.
    """
    config("api_key = keyring")
    status, _out, err = command("whoami", "--profile", "studio")
    vault.set_password("sgextended", "studio", demo_site.api_key)

    assert status == 2
    assert "The keyring has no api_key for the profile 'studio'. Store it with 'keyring set sgextended studio'." in err
    assert command("whoami", "--profile", "studio")[0] == 0


def test_a_missing_extra_is_named(command, config, monkeypatch):
    """
    If keyring is not installed, the message says what to install.
    """
    config("api_key = keyring")
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert "pip install 'sgextended[keyring]'" in command("whoami", "--profile", "studio")[2]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["api_key = s3cret"], "api_key must not be in the file itself, because others may read the file. Write"),
        (
            ["api_key = env:NOT_SET"],
            "The environment variable NOT_SET is not set, and the profile 'studio' reads api_key from it.",
        ),
        (["api_kay = env:STUDIO_KEY"], "'api_kay' is not a setting of a profile. Did you mean 'api_key'?"),
        (
            ["api_key = env:STUDIO_KEY", "connections = many"],
            "connections must be a number, and 'many' is not a number.",
        ),
        (["s3cret"], ", line 4, is not a valid INI file."),
        (["[other]", "script_name = a"], "[other]: the setting url is missing."),
    ],
)
def test_a_mistake_in_the_file_is_one_message_without_keys(command, config, lines, expected):
    """
    The message names the place of the mistake and does not repeat a possible key; the status is 2.
    """
    config(*lines)
    status, out, err = command("whoami", "--profile", "other" if "[other]" in lines else "studio")

    assert (status, out) == (2, "")
    assert expected in err
    assert "s3cret" not in err
    assert "Traceback" not in err


def test_an_unknown_profile_or_no_file_is_one_message(command, config, nobody, monkeypatch, tmp_path):
    """
    The message suggests the nearest name; if there is no file, it names the path.
    """
    config("api_key = env:STUDIO_KEY")
    unknown = command("whoami", "--profile", "studo")[2]
    names = profiles.names()
    monkeypatch.setenv("SGEXTENDED_CONFIG", str(tmp_path / "none.ini"))

    assert "has no profile 'studo'. Did you mean 'studio'?" in unknown
    assert f"There is no profile file {tmp_path / 'none.ini'}" in command("whoami", "--profile", "studio")[2]
    assert (names, profiles.names()) == (["studio"], [])
