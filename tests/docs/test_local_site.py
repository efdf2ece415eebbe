"""
``docs/local-site.md`` tells the truth: its tables against the code, its Python run.
"""

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite
from sgextended.localsite.server.rpc_table import RPCS

TEXT = (Path(__file__).parent.parent.parent / "docs" / "local-site.md").read_text(encoding="utf-8")
STATES = {"exact", "approximate", "not served"}


def table(heading):
    """
    Return the rows below a heading: what, its state, and the remark.
    """
    part = TEXT.split(f"### {heading}\n")[1].split("\n#")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return [(row[0].strip("`"), row[1]) for row in rows[2:]]


CALLS = dict(table("Calls"))
ADDRESSES = dict(table("Other addresses"))


@pytest.fixture(scope="module")
def site():
    """
    A site of these tests' own.
    """
    with LocalSite() as site:
        yield site


def test_every_call_that_is_served_stands_in_the_table():
    """
    The table has the calls of the code, no more and no fewer, each with a state.
    """
    assert {name for name, state in CALLS.items() if state != "not served"} == set(RPCS)
    assert set(CALLS.values()) <= STATES


def test_every_call_of_the_client_stands_in_the_table():
    """
    What the installed client can send is in the table.
    """
    source = Path(shotgun_api3.shotgun.__file__).read_text(encoding="utf-8")
    sent = set(re.findall(r"""_call_rpc\(\s*["'](\w+)["']""", source))

    assert len(sent) > 25
    assert sent - set(CALLS) == set()


@pytest.mark.parametrize(("address", "state"), ADDRESSES.items())
def test_addresses_are_as_the_table_says(site, address, state):
    """
    An address that is served is known to the site, whatever it makes of an empty request; another one is not.
    """
    method = "POST" if address.startswith("/upload") and "?" not in address else "GET"
    request = urllib.request.Request(site.url + address, data=b"" if method == "POST" else None, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
        error.close()
    unknown = status == 404 and text == b"Not Found"

    assert unknown == (state == "not served")


def test_all_states_are_known():
    """
    The tables use three words only.
    """
    assert {state for _what, state in table("Data and side effects")} <= STATES


def test_python_of_the_page_runs():
    """
    The example runs as it stands.
    """
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {}

    exec(compile(block, "local-site.md", "exec"), names)

    assert names["site"].ledger.count("create") == 2


def test_faults_of_the_page_are_understood(monkeypatch):
    """
    Each fault that the page shows is one that the site takes.
    """
    specs = re.findall(r"--fault (\S+)", TEXT)

    assert len(specs) == 3
    for spec in specs:
        LocalSite(faults=[spec])
