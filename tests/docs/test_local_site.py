"""
The tables of ``docs/local-site.md`` match the code, and its examples run.
"""

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import shotgun_api3
from live_facts.all_facts import FACTS

from sgextended.localsite import LocalSite
from sgextended.localsite.faults.fault_specs import KINDS
from sgextended.localsite.schema.strictness import Doubt
from sgextended.localsite.server.rpc_table import RPCS

TEXT = (Path(__file__).parent.parent.parent / "docs" / "local-site.md").read_text(encoding="utf-8")
STATES = {"exact", "approximate", "not served"}


def table(heading):
    """
    Return the first two cells of each row below a heading: the subject and its state.
    """
    part = TEXT.split(f"### {heading}\n")[1].split("\n#")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return [(row[0].strip("`"), row[1]) for row in rows[2:]]


CALLS = dict(table("Calls"))
ADDRESSES = dict(table("Other addresses"))


@pytest.fixture(scope="module")
def site():
    """
    A local site for the tests of this module.
    """
    with LocalSite() as site:
        yield site


def test_every_doubt_is_in_the_table():
    """
    The table of what a strict site refuses has the doubts of the code.
    """
    part = TEXT.split("## Strict and lenient sites\n")[1].split("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) == [doubt.name for doubt in Doubt]


def test_facts_that_do_not_hold_are_named():
    """
    The table of facts that the local site does not reproduce has the same numbers as the tables of facts.
    """
    part = TEXT.split("## Measured facts\n")[1].split("\n## ")[0]

    assert re.findall(r"^\| (F\d+) \|", part, re.MULTILINE) == [each.number for each in FACTS.values() if each.differs]


def test_at_least_98_percent_of_the_sure_facts_hold():
    """
    Facts that are sure, and about the server behind both interfaces, hold but for a few.
    """
    sure = [each for each in FACTS.values() if each.certainty in ("M", "1", "C") and each.scope == "S"]

    assert len(sure) > 480
    assert sum(not each.differs for each in sure) >= 0.98 * len(sure)


def test_every_served_call_is_in_the_table():
    """
    The table has exactly the calls that the code serves, each with a state.
    """
    assert {name for name, state in CALLS.items() if state != "not served"} == set(RPCS)
    assert set(CALLS.values()) <= STATES


def test_every_call_of_the_client_is_in_the_table():
    """
    The table has every call that the installed client can send.
    """
    source = Path(shotgun_api3.shotgun.__file__).read_text(encoding="utf-8")
    sent = set(re.findall(r"""_call_rpc\(\s*["'](\w+)["']""", source))

    assert len(sent) > 25
    assert sent - set(CALLS) == set()


@pytest.mark.parametrize(("address", "state"), ADDRESSES.items())
def test_addresses_are_as_the_table_says(site, address, state):
    """
    The site knows every address that is served, even if it rejects an empty request, and no other address.
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
    The tables use only the three states that the page defines.
    """
    assert {state for _subject, state in table("Data and side effects")} <= STATES


def test_python_of_the_page_runs():
    """
    The examples of the page run unchanged, one after another.
    """
    names, created = {}, []
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, "local-site.md", "exec"), names)
        created.append(names["site"].ledger.count("create"))

    assert created == [2, 1, 0]


def test_faults_of_the_page_are_valid():
    """
    The local site accepts each fault that the page shows.
    """
    specs = re.findall(r"--fault (\S+)", TEXT)

    assert len(specs) == 3
    for spec in specs:
        LocalSite(faults=[spec])


def test_the_demo_has_the_records_of_the_table(demo_site, make_sg):
    """
    The numbers of records in the table are those of the demo production.
    """
    part = TEXT.split("## The demo production\n")[1].split("\n## ")[0]
    numbers = {name: int(number) for name, number in re.findall(r"^\| `(\w+)` \| (\d+) \|", part, re.MULTILINE)}
    sg = make_sg(demo_site)

    assert len(numbers) > 10
    assert {name: sg.count(name) for name in numbers} == numbers
    assert f"{sg.count('TaskDependency')} dependencies" in part


def test_every_kind_of_fault_is_in_the_table():
    """
    The table of faults has exactly the kinds that the code knows.
    """
    part = TEXT.split("## Fault injection\n")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `([\w-]+)", part, re.MULTILINE)) == set(KINDS)
