"""
A site with a small production whose query field values can be counted by hand, and a fixture that adds query fields.
"""

import pytest
from fix_query_fields import make_production

from sgextended.localsite import LocalSite
from sgextended.localsite.custom_fields.query_field_definitions import add_query_field


@pytest.fixture(scope="module")
def site():
    """
    A site for one test module.
    """
    with LocalSite() as running:
        yield running


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A client on that site.
    """
    return make_sg(site)


@pytest.fixture(scope="module")
def made(sg):
    """
    The records by name.
    """
    return make_production(sg)


@pytest.fixture
def define(site):
    """
    A function that adds a query field and returns its name.
    """
    numbers = iter(range(10**6))

    def make(found_type, filters, summary="record_count", *, of="Shot", **options):
        with site.store.writing() as tx:
            label = f"Q {next(numbers)} {site.ledger.count()} {id(make)}"
            return add_query_field(tx, of, label, (found_type, filters), summary, **options)

    return make
