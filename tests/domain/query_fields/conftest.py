"""
A site with the small production on which the answers of query fields can be counted, and a way to define more of them.
"""

import pytest
from fix_query_fields import make_production

from sgextended.localsite import LocalSite
from sgextended.localsite.custom_fields.query_field_definitions import add_query_field


@pytest.fixture(scope="module")
def site():
    """
    A site of this module's own.
    """
    with LocalSite() as running:
        yield running


@pytest.fixture(scope="module")
def sg(site, make_sg):
    """
    A wrapper on it.
    """
    return make_sg(site)


@pytest.fixture(scope="module")
def made(sg):
    """
    What there is, by name.
    """
    return make_production(sg)


@pytest.fixture
def define(site):
    """
    Makes a query field and returns its name.
    """
    numbers = iter(range(10**6))

    def make(found_type, filters, summary="record_count", *, of="Shot", **options):
        with site.store.writing() as tx:
            label = f"Q {next(numbers)} {site.ledger.count()} {id(make)}"
            return add_query_field(tx, of, label, (found_type, filters), summary, **options)

    return make
