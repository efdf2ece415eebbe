"""
The local site does what a live site was measured to do (tests/live_facts).
"""

import pytest
from live_facts.all_facts import FACTS
from live_facts.asked import Asked

from sgextended.localsite import LocalSite

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # of the official client


@pytest.fixture(scope="module")
def live(make_connection):
    """
    A site of its own: facts create custom fields and change the site's rows.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        yield Asked(site, sg)
        sg.close()


def cases():
    for fact in FACTS.values():
        marks = [pytest.mark.xfail(reason=fact.differs)] if fact.differs else []
        yield pytest.param(fact, id=f"{fact.number} {fact.claim}"[:70], marks=marks)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the native client leaves uploads open
@pytest.mark.parametrize("fact", list(cases()))
def test_local_site_answers_as_a_live_one(fact, live):
    """
    A fact that does not hold is an expected failure, with the reason; it fails here as soon as it holds.
    """
    came, on_a_live_site = fact.check(live)
    assert came == on_a_live_site, fact.claim
