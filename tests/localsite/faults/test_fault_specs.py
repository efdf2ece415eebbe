"""
Mishaps as they are written on a command line.
"""

import pytest

from sgextended.localsite.faults.fault_specs import KINDS, Faults, Mishap


def test_mishap_is_read_as_written():
    """
    A mishap's text sets each of its fields.
    """
    mishap = Mishap.parse(
        "status=503: rpc=create+read, path=/api3, rate=0.25, seed=7, next=3, retry-after=2, when=after"
    )

    assert (mishap.kind, mishap.value, mishap.rpc, mishap.path) == ("status", 503, {"create", "read"}, "/api3")
    assert (mishap.rate, mishap.seed, mishap.next, mishap.retry_after, mishap.after) == (0.25, 7, 3, 2, True)
    assert Mishap.parse("html:when=before").after is False


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_written(kind):
    """
    Each kind is read with the value that it takes, and refused with any that it does not take.
    """
    values = {"status": "=500", "latency": "=0.5", "trickle": "=1", "refused": "=1", "slammed": "=1"}
    value = {**values, "late-events": "=1"}.get(kind, "")

    assert Mishap.parse(kind + value).kind == kind
    with pytest.raises(ValueError, match=kind):
        Mishap.parse(kind if value else f"{kind}=1")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "'' is not a kind of mishap. Kinds: latency, reset-before,"),
        ("explode", "'explode' is not a kind"),
        ("status=abc", "'abc' is not a number"),
        ("status=200", "status must be a number from 300 to 599; got 200.0"),
        ("status=500.5", "status must be a number from 300 to 599"),
        ("latency=-1", "latency must be a number of seconds, 0 or more; got -1.0"),
        ("latency=nan", "latency must be a number of seconds"),
        ("reset-after:rate=2", "rate must be a share from 0 to 1; got 2.0"),
        ("reset-after:rate=x", "'x' is not a number"),
        ("reset-after:next=-1", "next must be a whole number; got '-1'"),
        ("reset-after:next=", "next must be a whole number; got ''"),
        ("reset-after:when=after", "when=after is only for status and html"),
        ("reset-after:retry-after=1", "retry-after is only for status, not for 'reset-after'"),
        ("status=500:when=later", "'when=later' is not an option. Options: rpc=NAME"),
        ("status=500:color=red", "'color=red' is not an option"),
    ],
)
def test_mishap_that_is_written_wrongly_is_refused(spec, message):
    """
    The error for a wrong mishap text contains the mistake and the text.
    """
    with pytest.raises(ValueError, match=r".") as caught:
        Faults().add(spec)

    assert message in str(caught.value)
    assert repr(spec) in str(caught.value)


def test_next_is_not_negative():
    """
    A negative number of requests is refused.
    """
    with pytest.raises(ValueError, match=r"next must be a number of requests, 0 or more; got -1."):
        Mishap(kind="html", next=-1)
