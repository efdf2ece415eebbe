"""
A watch over the whole suite: no key, password or token that any test uses may get out in a log, an error or a pickle.

Keys become known as they become a `Secret`. Short ones are left out, since other text may hold them by chance. A test
that shows on purpose how a secret gets out carries the marker ``leaks``.
"""

import logging
import multiprocessing.reduction
import pickle
import re
import traceback

import pytest

from sgextended.errors import SGExtendedError
from sgextended.secret import Secret

SHORTEST = 8  # characters of a secret that is looked for
ADDRESS = re.compile(r"[\w.]+:\d+")  # of a proxy, which is a secret as a whole because it may hold a password


class Watch:
    """
    The secrets that were used so far, and what has come out since a test began.
    """

    def __init__(self):
        self.secrets = set()
        self.seen = []

    def leaks(self):
        """
        Return where secrets came out, and which.
        """
        if not self.secrets:
            return []
        pattern = re.compile("|".join(re.escape(secret) for secret in sorted(self.secrets)))
        return [(what, found.group()) for what, text in self.seen for found in [pattern.search(text)] if found]


class Listener(logging.Handler):
    """
    Notes what is logged, as a file would have it.
    """

    def __init__(self, watch):
        super().__init__(logging.DEBUG)
        self._watch = watch

    def emit(self, record):
        if record.name.startswith("shotgun_api3"):
            return  # the official client's own, which does show keys: see client/test_hazards_secrets.py
        text = record.getMessage()
        if record.exc_info:
            text += "".join(traceback.format_exception(*record.exc_info))
        self._watch.seen.append((f"log of {record.name}", text))


@pytest.fixture(scope="session")
def watch():
    """
    The watch of this process.
    """
    watch = Watch()
    listener, ours = Listener(watch), logging.getLogger("sgextended")
    dumps, forking = pickle.dumps, multiprocessing.reduction.ForkingPickler.dumps

    def note_secret(self, value, **settings):
        if isinstance(value, str) and len(value) >= SHORTEST and not ADDRESS.fullmatch(value):
            watch.secrets.add(value)
        init(self, value, **settings)

    def note_error(self, *args, **settings):
        watch.seen.append((type(self).__name__, f"{args} {settings}"))
        super(SGExtendedError, self).__init__(*args, **settings)

    def noted(dump):
        def note_pickle(*args, **settings):
            data = dump(*args, **settings)
            watch.seen.append(("pickle", bytes(data).decode("utf-8", "replace")))
            return data

        return note_pickle

    init = Secret.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Secret, "__init__", note_secret)
        patch.setattr(SGExtendedError, "__init__", note_error)
        patch.setattr(pickle, "dumps", noted(dumps))
        patch.setattr(multiprocessing.reduction.ForkingPickler, "dumps", staticmethod(noted(forking)))
        level = ours.level
        ours.setLevel(logging.DEBUG)
        logging.getLogger().addHandler(listener)
        yield watch
        logging.getLogger().removeHandler(listener)
        ours.setLevel(level)


@pytest.fixture(autouse=True)
def no_secret_gets_out(watch, request):
    """
    Fail a test in which one did.
    """
    watch.seen.clear()
    yield
    if request.node.get_closest_marker("leaks") is None:
        assert watch.leaks() == []
