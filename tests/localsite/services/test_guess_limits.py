"""
Slowing down those who guess secrets, the time of wrong ones, and the hashes that are stored.
"""

import datetime as dt
import json
import urllib.request

import pytest
import shotgun_api3
from shotgun_api3 import AuthenticationFault

from sgextended.localsite import LocalSite
from sgextended.localsite.services.guess_limits import GuessLimits
from sgextended.localsite.storage import credentials


@pytest.fixture
def clock():
    """
    A clock that a test moves.
    """

    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def limits(clock):
    """
    Limits by that clock.
    """
    return GuessLimits(clock)


def guess(limits, number, name="zoe", address="192.0.2.1"):
    """
    Guess a wrong secret; return the seconds to wait.
    """
    secret = str(number).encode()
    wait = limits.begin(name, address, secret)
    if not wait:
        limits.fail(name, address, secret)
    return wait


def test_guessing_is_slowed_down(limits, clock):
    """
    After twenty wrong secrets, each further one has to wait, and no earlier than announced.
    """
    assert [guess(limits, number) for number in range(20)] == [0] * 20
    wait = guess(limits, 20)
    assert wait > 0
    clock.now += wait
    assert guess(limits, 21) == 0
    assert guess(limits, 22) > 0


def test_other_addresses_and_names_do_not_wait(limits):
    """
    Whoever guesses delays neither the same person elsewhere, nor other people.
    """
    for number in range(30):
        guess(limits, number)

    assert guess(limits, 1, address="192.0.2.2") == 0
    assert guess(limits, 1, name="bob") == 0
    assert guess(limits, 1, name="ZOE") > 0


def test_many_names_are_one_guesser(limits):
    """
    One secret for many names counts for the address, and all addresses of an IPv6 network are one.
    """
    found = [guess(limits, 1, name=f"user {number}", address=f"2001:db8::{number}") for number in range(110)]

    assert found[:100] == [0] * 100
    assert all(found[100:])


def test_the_same_wrong_secret_counts_once(limits):
    """
    A program with an old key, which it sends again and again, locks nobody out.
    """
    assert [guess(limits, 1) for _time in range(500)] == [0] * 500
    assert guess(limits, 2) == 0


def test_right_secrets_do_not_count(limits):
    """
    Right secrets can be sent as often as one likes.
    """
    for _time in range(500):
        assert limits.begin("zoe", "192.0.2.1", b"right") == 0
        limits.succeed("zoe", "192.0.2.1", b"right")


def test_memory_is_bounded(limits):
    """
    Names of any length and number are remembered in bounded memory.
    """
    for number in range(11_000):
        guess(limits, number, name="x" * 100 + str(number), address=f"10.0.{number // 250}.{number % 250}")

    assert len(limits._buckets) == 10_000


def test_guesses_over_the_protocol_are_refused(make_connection):
    """
    A site refuses to look at the twenty-first wrong password, also when it is right. Others are not delayed.
    """
    with LocalSite() as site:
        site.add_user("zoe", "pa55word")
        sg, texts = make_connection(site), []
        for number in range(22):
            wrong = make_connection(site, login="zoe", password=f"guess {number}" if number < 21 else "pa55word")
            with pytest.raises(AuthenticationFault) as caught:
                wrong.find("Project", [])
            texts.append(str(caught.value))
            wrong.close()

        assert texts[0] == "Can't authenticate user 'zoe'."
        assert "too many wrong logins" in texts[20]
        assert "Try again in" in texts[21]
        assert sg.find("Project", []) == []
        sg.close()


def test_codes_are_guesses_too():
    """
    One-time codes cannot be tried through.
    """
    with LocalSite() as site:
        site.add_user("zoe", "pa55word", one_time_codes=["123456"])
        texts = []
        for number in range(21):
            auth = {"user_login": "zoe", "user_password": "pa55word", "auth_token": str(number)}
            texts.append(answer(site, auth))

        assert "Invalid two-factor" in texts[19]
        assert "too many" in texts[20]


def test_wrong_secrets_cost_the_same_for_all_names(tmp_path, monkeypatch):
    """
    On a file, a wrong secret takes the same slow hashes for accounts of each kind, and for names that do not exist.
    """
    computed = []
    real = credentials.hashlib.scrypt

    def scrypt(secret, **options):
        computed.append((options["n"], options["r"], options["p"]))
        return real(secret, **options)

    with LocalSite(db=tmp_path / "s.sqlite") as site:
        site.add_user("slow", "pa55word")
        site.add_user("old", "pa55word")
        with site.store.writing() as tx:
            people = tx.tables["HumanUser"]
            old = tx.connection.execute(people.select().where(people.c.login == "old")).first().id
            table = tx.tables.credentials
            digest = real(b"pa55word", salt=b"salt", n=2**13, r=8, p=1)
            change = table.update().where(table.c.type == "HumanUser", table.c.id == old)
            tx.connection.execute(change.values(salt=b"salt", digest=digest))
        monkeypatch.setattr(credentials.hashlib, "scrypt", scrypt)
        found = {}
        for kind, name in (("user_login", "slow"), ("user_login", "old"), ("user_login", "none"),
                           ("script_name", site.script_name), ("script_name", "none")):  # fmt: skip
            computed.clear()
            secret = "user_password" if kind == "user_login" else "script_key"
            assert "Can't authenticate" in answer(site, {kind: name, secret: "wrong"})
            found[kind, name] = sorted(computed)
        computed.clear()
        assert "Can't authenticate" not in answer(site, {"user_login": "old", "user_password": "pa55word"})
        assert computed == [(2**13, 8, 1)]

    assert set(map(tuple, found.values())) == {((2**13, 8, 1), (2**14, 8, 5))}


def answer(site, auth):
    """
    Return the text of the answer to a request with these credentials.
    """
    body = json.dumps({"method_name": "preferences_read", "params": [auth, {"prefs": []}]})
    with urllib.request.urlopen(f"{site.url}/api3/json", body.encode(), timeout=20) as reply:
        return reply.read().decode()


def test_files_hold_slow_hashes(tmp_path):
    """
    A given key is stored with scrypt at OWASP's cost, or more. Only a random key of the site's own has a fast hash.
    """
    kinds = []
    for given in ("a key that somebody chose", None):
        path = tmp_path / f"{given is None}.sqlite"
        with LocalSite(db=path, api_key=given) as site, site.store.reading() as tx:
            (row,) = tx.connection.execute(tx.tables.credentials.select())
            kinds.append(row.digest.partition(b":")[0])
            assert len(site.api_key) >= 24

    assert kinds == [b"scrypt", b"sha256"]
    assert credentials._SCRYPT[0] * credentials._SCRYPT[1] * credentials._SCRYPT[2] >= 2**13 * 8 * 10


def test_changed_secrets_end_their_sessions(make_connection):
    """
    A new key or password ends the sessions that began with the earlier one, also those of people a script acted as.
    """
    with LocalSite(api_key="old") as site:
        site.add_user("zoe", "pw")
        other = site.add_user("bob", "pw")
        clients = {
            "script": make_connection(site),
            "zoe": make_connection(site, login="zoe", password="pw"),
            "sudo": make_connection(site, script_name=site.script_name, api_key="old", sudo_as_login="bob"),
        }
        tokens = {name: client.get_session_token() for name, client in clients.items()}
        clients["script"].update("HumanUser", clients["script"].find_one("HumanUser", [["login", "is", "zoe"]])["id"],
                                 {"password_proxy": "pw2"})  # fmt: skip
        before = works(site, tokens)
        site.admit_script(site.script_name, "new")

        assert before == {"script": True, "zoe": False, "sudo": True}
        assert works(site, tokens) == {"script": False, "zoe": False, "sudo": False}
        assert other["type"] == "HumanUser"
        for client in clients.values():
            client.close()


def works(site, tokens):
    """
    Return which tokens are valid.
    """
    found = {name: json.loads(answer(site, {"session_token": token})) for name, token in tokens.items()}
    return {name: "error_code" not in reply for name, reply in found.items()}


def test_a_session_does_not_prolong_itself(make_connection, monkeypatch):
    """
    A session that begins with another session expires with it.
    """
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    with LocalSite(session_lifetime=100) as site:
        monkeypatch.setattr(site.store, "clock", lambda: now)
        first = make_connection(site)
        token = first.get_session_token()
        first.close()
        monkeypatch.setattr(site.store, "clock", lambda: now + dt.timedelta(seconds=99))
        body = json.dumps({"method_name": "get_session_token", "params": [{"session_token": token}]})
        with urllib.request.urlopen(f"{site.url}/api3/json", body.encode(), timeout=10) as reply:
            second = json.loads(reply.read())["results"]["session_id"]
        early = works(site, {"second": second})
        monkeypatch.setattr(site.store, "clock", lambda: now + dt.timedelta(seconds=101))

        assert early == {"second": True}
        assert works(site, {"second": second}) == {"second": False}


def test_sessions_of_a_temporary_key_end_with_the_process(tmp_path, make_connection):
    """
    A session that began with the key of one start is not valid after the next start; one of the stored key is.
    """
    path = tmp_path / "s.sqlite"
    tokens = {}
    for key in ("stored", None, None):
        with LocalSite(db=path, api_key=key) as site:
            valid = works(site, tokens)
            sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
            tokens[len(tokens)] = sg.get_session_token()
            sg.close()

    assert valid == {0: True, 1: False}
