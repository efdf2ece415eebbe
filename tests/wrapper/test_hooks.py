"""
The hooks of a studio's class: their arguments, their effects, and their absence in plain wrappers.
"""

import functools
import gc
import inspect
import logging
import pickle
import threading
import weakref
from unittest import mock

import attrs
import pytest
import shotgun_api3
from fix_extended import KEY, SHOT
from fix_extended import make_site as make_scripted
from fix_hooks import WRITES
from fix_native import failing
from fix_servers import Last, http_reply, page

from sgextended import (
    ConfigurationError,
    NativeClient,
    OutcomeUnknown,
    PartialSuccessError,
    RetryPolicy,
    SGExtended,
    SGPool,
)
from sgextended.writes.interception import READING

WRITING = {
    "batch", "create", "delete", "follow", "revive", "schema_field_create", "schema_field_delete",
    "schema_field_update", "share_thumbnail", "unfollow", "update", "update_project_last_accessed", "upload",
    "upload_filmstrip_thumbnail", "upload_thumbnail", "user_subscriptions_create", "work_schedule_update",
}  # fmt: skip


class Telling(SGExtended):
    """
    A studio's class that records the calls of on_call.
    """

    @property
    def told(self):
        return self.__dict__.setdefault("_told", [])

    def on_call(self, call):
        self.told.append(call)


class Strict(SGExtended):
    """
    A studio's class that refuses each write.
    """

    def before_write(self, write):
        raise PermissionError(f"no {write}")


class Stamping(SGExtended):
    """
    A mix-in that adds a field to each create.
    """

    def before_write(self, write):
        write = super().before_write(write)
        return attrs.evolve(write, data={**write.data, "description": "stamped"}) if write.method == "create" else write


class Upper(SGExtended):
    """
    Another one, that changes the data in place.
    """

    def before_write(self, write):
        write = super().before_write(write)
        if "code" in write.data:
            write.data["code"] = write.data["code"].upper()
        return write


class Both(Upper, Stamping):
    """
    Two mix-ins at once.
    """


class Audited(Telling):
    """
    A studio's class whose hooks read and write themselves.
    """

    def before_write(self, write):
        self.find_one("Shot", [])
        return write

    def after_write(self, write, result):
        self.create("Step", {"code": f"audit of {write}"})

    def on_call(self, call):
        super().on_call(call)
        self.find_one("Shot", [])


# --- on_call


def test_calls_of_every_kind_are_reported(site, shot_server):
    """
    Native, domain and forwarded calls are all reported, with entity type and number of rows.
    """
    sg = Telling(site=site)
    shot_server.answers["preferences_read"] = {}

    sg.find("Shot", [])
    sg.find_shots()
    sg._sg.find_one("Shot", [])
    list(sg.find_iter("Shot", []))
    sg.preferences_read()

    assert [call.rpc for call in sg.told] == ["read", "read", "read", "read", "preferences_read"]
    read = sg.told[0]
    assert (read.entity_type, read.rows, read.attempts, read.error) == ("Shot", 1, 1, None)
    assert read.bytes_sent > 100
    assert read.bytes_received > 50
    assert 0 < read.seconds < 60


def test_failures_are_reported_with_their_class(site, shot_server):
    """
    A fault of the site and a lost connection are reported with the class that the caller receives.
    """
    sg = Telling(site=site)
    refusal = http_reply(b'{"exception": true, "message": "no", "error_code": 104}')
    shot_server.answers.update({"delete": lambda _request: refusal, "create": lambda _request: Last(reset=True)})

    with pytest.raises(shotgun_api3.Fault):
        sg.delete("Shot", 7)
    with pytest.raises(OutcomeUnknown):
        sg.create("Shot", {"code": KEY})

    failed = [(call.rpc, call.error) for call in sg.told if call.error]
    assert failed == [("delete", shotgun_api3.Fault), ("create", OutcomeUnknown)]
    assert KEY not in repr(sg.told)


def test_attempts_are_counted(shot_server):
    """
    A call that was retried is reported once, with its attempts and the bytes of all of them.
    """
    shot_server.answers["read"] = failing(http_reply(status=502), http_reply(status=502), then=page(SHOT))
    sg = Telling(site=make_scripted(shot_server, retry=RetryPolicy(first_wait=0)))

    sg.find_one("Shot", [])
    assert [(call.rpc, call.attempts) for call in sg.told] == [("read", 3)]
    assert sg.told[0].bytes_sent == sum(len(request.body) for request in shot_server.sent("read"))


@pytest.fixture(scope="module")
def shots(any_tls_site, make_sg):
    """
    An entity type with more entities than two pages hold, on a local site.
    """
    sg = make_sg(any_tls_site)
    sg.batch([{"request_type": "create", "entity_type": "Step", "data": {"code": f"s{i}"}} for i in range(40)])
    return any_tls_site


def test_prefetched_pages_are_reported(shots, make_site):
    """
    Each page is reported once, in the thread that fetched it.
    """
    threads = []

    class Here(Telling):
        def on_call(self, call):
            super().on_call(call)
            threads.append(threading.current_thread())

    sg = Here(site=make_site(shots))
    steps = list(sg.find_iter("Step", [], page_size=10))

    reads = [call for call in sg.told if call.rpc == "read"]
    assert len(reads) >= len(steps) // 10
    assert len(set(threads)) > 1


def test_transfers_are_reported(any_tls_site, make_site, tmp_path):
    """
    An upload and a download are reported with the bytes of the file.
    """
    sg = Telling(site=make_site(any_tls_site))
    step = sg.create("Step", {"code": "with a file"})
    (tmp_path / "note.txt").write_bytes(b"x" * 5000)

    number = sg.upload("Step", step["id"], str(tmp_path / "note.txt"))
    sg.download_attachment({"type": "Attachment", "id": number})

    sent = max((call.bytes_sent, call.rpc) for call in sg.told)
    assert sent[0] >= 5000
    assert sent[1] in ("put", "upload_file")
    assert [call.bytes_received for call in sg.told if call.rpc == "download"][-1] >= 5000


def test_a_hook_that_fails_is_logged(site, caplog):
    """
    An exception in on_call is logged, and does not change the result of the call.
    """

    class Failing(SGExtended):
        def on_call(self, call):
            raise ZeroDivisionError

    assert Failing(site=site).find("Shot", []) == [SHOT]
    assert "Failing.on_call raised an exception" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


def test_a_hook_set_on_an_instance_is_called(site):
    """
    A function that is set on an instance works as a hook.
    """
    sg, told = SGExtended(site=site), []
    sg.on_call = told.append

    sg.find("Shot", [])
    sg.clone().find("Shot", [])

    assert [call.rpc for call in told] == ["read", "read"]


def test_a_hook_that_wraps_the_default_hook_is_called(site):
    """
    A default hook does nothing and is not called. A hook with copied attributes of the default, or a mock, is called.
    """
    told = []

    class Studio(SGExtended):
        @functools.wraps(SGExtended.on_call)
        def on_call(self, call):
            told.append(call.rpc)
            super().on_call(call)

    mocked = SGExtended(site=site)
    mocked.on_call = mock.Mock()

    Studio(site=site).find("Shot", [])
    with mocked.trace() as trace:
        mocked.find("Shot", [])

    assert told == ["read"]
    assert [call.args[0].rpc for call in mocked.on_call.mock_calls] == ["read"]
    assert trace.total.calls == 1


# --- before_write and after_write


def test_every_native_name_is_known_to_read_or_to_write():
    """
    The names of shotgun_api3 that read are listed, and all others write.
    """
    public = {name for name, _method in inspect.getmembers(shotgun_api3.Shotgun, callable) if not name.startswith("_")}

    assert public - READING <= WRITING
    assert READING - public <= {"from_shotgun", "clone", "find_iter", "watched_by", "export_page"}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_refused_write_is_not_sent(site, shot_server, write, monkeypatch):
    """
    The caller receives the exception of before_write, and nothing was sent.
    """
    monkeypatch.setattr(NativeClient, "brand_new", lambda self, _type: self.find("Shot", []), raising=False)

    with pytest.raises(PermissionError, match="no "):
        write(Strict(site=site))

    assert shot_server.requests == []


@pytest.mark.parametrize("batch", [False, True])
def test_what_a_hook_changes_is_what_is_sent(any_tls_site, make_site, batch):
    """
    Mix-ins change the data one after the other, by a new write or in place; the caller's own dict stays.
    """
    sg, data = Both(site=make_site(any_tls_site)), {"code": "abc"}

    made = sg.create("Step", data)
    if batch:
        (made,) = sg.batch([{"request_type": "create", "entity_type": "Step", "data": data}])

    found = sg.find_one("Step", [["id", "is", made["id"]]], ["code", "description"])
    assert (found["code"], found["description"]) == ("ABC", "stamped")
    assert data == {"code": "abc"}


def test_arguments_of_other_methods_can_be_changed(site, shot_server):
    """
    The arguments of a forwarded method are data by their names.
    """

    class Elsewhere(SGExtended):
        def before_write(self, write):
            assert (write.method, set(write.data)) == ("follow", {"user", "entity"})
            return attrs.evolve(write, data={**write.data, "entity": {"type": "Shot", "id": 9}})

    shot_server.answers["follow"] = {}
    Elsewhere(site=site).follow({"type": "HumanUser", "id": 1}, SHOT)

    assert shot_server.sent("follow")[0].payload["params"][1]["entity"] == {"type": "Shot", "id": 9}


@pytest.mark.parametrize("wrong", [None, "other", {"code": "a"}])
def test_a_hook_must_return_the_write(site, shot_server, wrong):
    """
    A before_write that returns None, or another write, is refused; the message says what to do.
    """

    class Wrong(SGExtended):
        def before_write(self, write):
            return attrs.evolve(write, entity_id=8) if wrong == "other" else wrong

    with pytest.raises(ConfigurationError, match=r"Wrong\.before_write returned .* for update Shot 7"):
        Wrong(site=site).update("Shot", 7, {"code": "a"})
    assert shot_server.requests == []


def test_after_write_receives_the_results(any_tls_site, make_site):
    """
    after_write receives each write with its result, those of a batch one by one.
    """
    done = []

    class After(SGExtended):
        def after_write(self, write, result):
            done.append((write.method, result))

    sg = After(site=make_site(any_tls_site))
    made = sg.create("Step", {"code": "one"})
    several = sg.batch(
        [
            {"request_type": "create", "entity_type": "Step", "data": {"code": "two"}},
            {"request_type": "delete", "entity_type": "Step", "entity_id": made["id"]},
        ]
    )

    assert done == [("create", made), ("create", several[0]), ("delete", True)]


def test_a_failure_after_a_write_says_that_it_is_done(any_tls_site, make_site):
    """
    An exception in after_write becomes PartialSuccessError, which has the written entity.
    """

    class Failing(SGExtended):
        def after_write(self, write, result):
            raise ZeroDivisionError

    with pytest.raises(PartialSuccessError, match=r"create Step was done, but Failing\.after_write raised") as caught:
        Failing(site=make_site(any_tls_site)).create("Step", {"code": "done"})
    assert caught.value.entity["code"] == "done"


def test_what_a_hook_asks_calls_no_hooks(any_tls_site, make_site):
    """
    Hooks may find and create themselves without going round in circles.
    """
    sg = Audited(site=make_site(any_tls_site))

    sg.create("Step", {"code": "audited"})

    assert [call.rpc for call in sg.told] == ["create"]
    assert sg.find_one("Step", [["code", "is", "audit of create Step"]]) is not None


def test_wrapped_clients_have_hooks(make_mockgun):
    """
    The calls of a Mockgun are reported and can be refused.
    """

    class Careful(Telling, Strict):
        pass

    sg = Careful(make_mockgun())

    assert sg.find("Shot", []) == []
    with pytest.raises(PermissionError, match="no create Shot"):
        sg.create("Shot", {"code": "a"})
    (call,) = sg.told
    assert (call.rpc, call.entity_type, call.rows, call.bytes_sent) == ("find", "Shot", 0, None)


# --- One wrapper among others


def test_wrappers_of_one_client_have_their_own_hooks(site):
    """
    Two classes over the same client hear of their own calls alone.
    """
    plain = SGExtended(site=site)
    one, other = Telling(plain), Telling(plain)

    plain.find("Shot", [])
    one.find("Shot", [])

    assert (len(one.told), other.told) == (1, [])


def test_copies_keep_their_hooks(environment):
    """
    Clones, pickles, the instances of a pool and the workers of a map have the hooks of the class.
    """
    sg = Strict()
    with SGPool(Strict, max_size=1) as pool, pool.lease() as lent:
        copies = [sg.clone(), pickle.loads(pickle.dumps(sg)), lent, Strict(sg)]
        errors = []
        for each in copies:
            with pytest.raises(PermissionError) as caught:
                each.delete("Shot", 7)
            errors.append(caught.value)
    failures = list(sg.map(lambda sg, number: sg.delete("Shot", number), [1, 2], workers=2, on_error="collect"))

    assert len(errors) == 4
    assert [type(failure.error) for failure in failures] == [PermissionError] * 2


def test_a_wrapper_without_hooks_calls_its_client(site):
    """
    A wrapper without hooks calls its client directly.
    """
    sg = SGExtended(site=site)

    assert type(sg._sg) is NativeClient
    assert sg._sg is sg._sg


def test_a_wrapper_with_hooks_ends_with_its_last_use(site):
    """
    The client does not keep the wrapper alive: it is freed without the garbage collector.
    """
    gc.disable()
    try:
        sg = Telling(site=site)
        sg.find("Shot", [])
        sg.follow  # noqa: B018 - a method that was read is one way to be kept
        gone = weakref.ref(sg)
        del sg

        assert gone() is None
    finally:
        gc.enable()


def test_a_method_keeps_its_wrapper_and_its_hooks(site, shot_server):
    """
    A forwarded method keeps its wrapper alive, and its hooks apply.
    """
    follow = Strict(site=site).follow

    with pytest.raises(PermissionError):
        follow({"type": "HumanUser", "id": 1}, SHOT)
    assert shot_server.requests == []
