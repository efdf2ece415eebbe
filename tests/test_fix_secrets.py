"""
The search for leaked secrets (`fix_secrets.py`) finds each kind of leak.
"""

import logging
import pickle

import pytest

from sgextended import Secret, SGExtendedError

pytestmark = pytest.mark.leaks

WORD = "open-sesame-of-this-test"


def let_out_in_a_log():
    logging.getLogger("sgextended").debug("asking with %s", WORD)


def let_out_in_a_traceback():
    try:
        raise ValueError(WORD)  # noqa: TRY301 - a traceback is made of where it was raised
    except ValueError:
        logging.getLogger("somebody").exception("it failed")


def let_out_in_an_error():
    SGExtendedError(f"The key {WORD} was refused.")


def let_out_in_a_pickle():
    pickle.dumps({"api_key": WORD})


@pytest.mark.parametrize(
    ("leak", "where"),
    [
        (let_out_in_a_log, "log of sgextended"),
        (let_out_in_a_traceback, "log of somebody"),
        (let_out_in_an_error, "SGExtendedError"),
        (let_out_in_a_pickle, "pickle"),
    ],
)
def test_a_secret_that_gets_out_is_found(watch, leak, where):
    """
    In a log, in a logged traceback, in an error and in a pickle.
    """
    Secret(WORD)
    leak()

    assert watch.leaks() == [(where, WORD)]


def test_what_is_no_secret_may_be_told(watch):
    """
    Text without a secret is not a leak, and output from before the test is not attributed to it.
    """
    Secret(WORD)
    logging.getLogger("sgextended").debug("asking")

    assert watch.leaks() == []
