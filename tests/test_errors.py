"""
The exceptions: what they are, what they say, and that they survive the trip between processes.
"""

import inspect
import pickle
import ssl

import pytest
import shotgun_api3

import sgextended
from sgextended import errors
from sgextended.errors import SGExtendedError

ATTRIBUTES = {
    "entity": {"type": "Attachment", "id": 7},
    "copy": [3, 4],
    "problems": ["a", "b"],
    "item": {"type": "Shot", "id": 12},
    "pool": "studio",
    "waited": 2.5,
    "sent": False,
    "rpc": "create",
    "attempts": 3,
    "lasting": True,
    "url": "studio.example",
    "errcode": 503,
    "errmsg": "busy",
    "headers": {"retry-after": "7"},
    "retry_after": 7.0,
    "found": [{"type": "Shot", "id": 1}],
    "done": 5,
    "report": [1, 2],
    "failed": 2,
    "written": (("create", {"type": "Shot", "id": 1}),),
    "result": {"type": "Shot", "id": 1},
}
MESSAGE = "No connection to 'studio' within 2.5 s: raise max_size."


def walk(error_class):
    yield error_class
    for subclass in error_class.__subclasses__():
        yield from walk(subclass)


CLASSES = sorted(
    {found for found in walk(SGExtendedError) if found.__module__ == "sgextended"}, key=lambda c: c.__name__
)


def attributes_of(error_class):
    parameters = inspect.signature(error_class.__init__).parameters.values()
    return {each.name: ATTRIBUTES[each.name] for each in parameters if each.kind is each.KEYWORD_ONLY}


def make_error(error_class):
    """
    Return an error with each attribute that its class takes set to something else than its default.
    """
    return error_class(MESSAGE, **attributes_of(error_class))


@pytest.mark.parametrize("error_class", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_error_survives_pickling(error_class, protocol):
    """
    An error that a worker process raises arrives with its class, its message and all its attributes.
    """
    error = make_error(error_class)

    copy = pickle.loads(pickle.dumps(error, protocol))

    assert type(copy) is error_class
    assert str(copy) == MESSAGE
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("error_class", CLASSES)
def test_error_attributes_are_those_given(error_class):
    """
    What is given by keyword is an attribute of the same name.
    """
    error = make_error(error_class)

    assert {name: getattr(error, name) for name in attributes_of(error_class)} == attributes_of(error_class)


@pytest.mark.parametrize("error_class", CLASSES)
def test_error_needs_only_a_message(error_class):
    """
    Every error can be created from one positional message, which is what unpickling passes.
    """
    assert str(error_class(MESSAGE)) == MESSAGE


@pytest.mark.parametrize("error_class", CLASSES)
def test_error_shows_its_message(error_class):
    """
    Text and repr of an error are the message, whatever bases it has.
    """
    error = make_error(error_class)

    assert str(error) == MESSAGE
    assert repr(error) == f"{error_class.__name__}({MESSAGE!r})"


@pytest.mark.parametrize("error_class", CLASSES)
def test_error_is_public(error_class):
    """
    Each error can be imported from the package, which its module says.
    """
    assert error_class.__module__ == "sgextended"
    assert getattr(sgextended, error_class.__name__) is error_class
    assert error_class.__name__ in sgextended.__all__


@pytest.mark.parametrize(
    ("error_class", "caught_as"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.InvalidArgumentError, ValueError),
        (errors.NotFoundError, LookupError),
        (errors.WorkerError, RuntimeError),
        (errors.PoolClosed, RuntimeError),
        (errors.PoolClosed, errors.PoolError),
        (errors.PoolTimeout, TimeoutError),
        (errors.PoolTimeout, errors.PoolError),
        (errors.TransportError, ConnectionError),
        (errors.TransportError, OSError),
        (errors.Unreachable, ConnectionRefusedError),
        (errors.TransportTimeout, TimeoutError),
        (errors.TLSError, ssl.SSLError),
        (errors.HTTPStatusError, shotgun_api3.ProtocolError),
        (errors.HTTPStatusError, errors.TransportError),
        (errors.OutcomeUnknown, errors.TransportError),
    ],
)
def test_error_is_what_users_catch(error_class, caught_as):
    """
    Whoever caught the error of shotgun_api3 or Python catches ours.
    """
    with pytest.raises(caught_as, match="No connection"):
        raise make_error(error_class)


def test_status_error_has_the_fields_of_the_native_one():
    """
    Code that reads ``errcode``, ``errmsg``, ``url`` and ``headers`` of a ProtocolError reads ours.
    """
    error = make_error(errors.HTTPStatusError)

    assert (error.errcode, error.errmsg, error.url) == (503, "busy", "studio.example")
    assert error.headers == {"retry-after": "7"}


def test_status_error_has_no_cookies():
    """
    What a site sets as a cookie may be a session, which is no business of logs and pickles.
    """
    error = errors.HTTPStatusError(MESSAGE, headers={"set-cookie": "_session_id=s3cr3t", "retry-after": "7"})

    assert error.headers == {"retry-after": "7"}
