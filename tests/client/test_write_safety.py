"""
`NativeClient`: what a repeated delete returns, whose credentials are used, what errors tell, and what they hide.
"""

import json
import pickle
import threading
import traceback
import warnings

import pytest
import shotgun_api3
from fix_native import KEY, failing, make_client, meet
from fix_servers import GUARD, Last, http_reply, page, results

from sgextended import HTTPStatusError, NativeClient, OutcomeUnknown, RetryPolicy, Secret, Site

AT_ONCE = RetryPolicy(attempts=4, first_wait=0, longest_wait=0)
EXPIRED = http_reply(b'{"exception": true, "error_code": 102, "message": "Can\'t authenticate session token"}')


@pytest.mark.parametrize("call", ["delete", "revive"])
def test_a_repeated_delete_that_finds_it_gone_counts_as_done(make_site_server, call):
    """
    The first attempt's answer was lost, the second says that nothing was left to do: the entity was deleted by us.
    """
    server = make_site_server(**{call: failing(Last(reset=True), then=False)})

    assert getattr(make_client(server), call)("Shot", 7) is True
    assert len(server.sent(call)) == 2


@pytest.mark.parametrize("call", ["delete", "revive"])
def test_a_delete_that_was_not_repeated_says_what_it_found(make_site_server, call):
    """
    Without a doubtful attempt before it, False is False, as native; also after one that was turned away.
    """
    server = make_site_server(**{call: failing(http_reply(status=429), then=False)})

    assert getattr(make_client(server), call)("Shot", 7) is False
    assert getattr(make_client(server), call)("Shot", 7) is False


DELETING = [
    {"request_type": "update", "entity_type": "Shot", "entity_id": 7, "data": {"code": "a"}},
    {"request_type": "delete", "entity_type": "Shot", "entity_id": 8},
]


def gone(what):
    return http_reply(json.dumps({"exception": True, "error_code": 104, "message": f"{what} exist."}).encode())


def test_deletes_of_a_repeated_batch_count_as_done(make_site_server):
    """
    A batch that is repeated after its answer was lost finds its deletes done, and they count as such.
    """
    row = {"type": "Shot", "id": 7, "code": "a"}
    server = make_site_server(batch=failing(None, then=[row, False]))

    assert make_client(server).batch(DELETING) == [row, True]


@pytest.mark.parametrize(("lost", "error"), [(True, OutcomeUnknown), (False, shotgun_api3.Fault)])
def test_a_repeated_batch_that_finds_something_gone_is_uncertain(make_site_server, lost, error):
    """
    Its own first attempt may have deleted what it then misses; without such an attempt, the site's fault is the answer.
    """
    first = None if lost else http_reply(status=429)
    fault = gone("Entity of type [Shot] with id=7 does not")
    server = make_site_server(batch=failing(first, fault, then=[]))

    with pytest.raises(error, match="id=7 does not exist"):
        make_client(server).batch(DELETING)


def test_a_repeated_delete_of_a_field_that_finds_it_gone_counts_as_done(make_site_server):
    """
    As with entities; when nothing was sent before, the site's fault is the answer.
    """
    fault = gone("API schema_field_delete() Shot.sg_zap doesn't")
    server = make_site_server(schema_field_delete=failing(None, fault, fault, then=None))
    client = make_client(server)

    assert client.schema_field_delete("Shot", "sg_zap") is True
    with pytest.raises(shotgun_api3.Fault, match="sg_zap doesn't exist"):
        client.schema_field_delete("Shot", "sg_zap")


def test_one_thread_is_told_to_wait_and_all_do(make_site_server):
    """
    While a Retry-After lasts, calls of other threads and wrappers send nothing.
    """
    server = make_site_server(read=failing(http_reply(status=429, headers={"retry-after": "1"}), then=page()))
    client, other = make_client(server), make_client(server)
    client.server_caps  # noqa: B018
    backoff = client._transport.backoff
    closed = threading.Event()

    def extend(seconds):
        type(backoff).extend(backoff, seconds)
        closed.set()

    backoff.extend = extend
    first = threading.Thread(target=client.find, args=("Shot", []))
    first.start()
    assert closed.wait(GUARD)
    other.find("Shot", [])
    first.join(GUARD)

    assert other._transport.backoff is backoff
    assert backoff.left() == 0  # the other has waited for it too
    assert len(server.sent("read")) == 3


# --- Sessions


def with_session(server, renew, token="old"):
    return NativeClient(Site(url=server.url, session_token=token, renew_session=renew, retry=AT_ONCE))


def accepting(*tokens):
    """
    Return an answer that refuses all sessions but these.
    """
    return lambda request: results(page()) if request.auth.get("session_token") in tokens else EXPIRED


@pytest.mark.parametrize("make", [str, Secret])
def test_an_expired_session_is_renewed(make_site_server, make):
    """
    The hook is asked with the site, and the call goes on with what it gives.
    """
    server = make_site_server(read=accepting("new"))
    asked = []
    client = with_session(server, lambda site: asked.append(site) or make("new"))

    assert client.find("Shot", []) == []
    assert [site.session_token.reveal() for site in asked] == ["old"]
    assert client.site.session_token.reveal() == "new"


def test_a_session_is_renewed_once_for_all_threads(make_site_server):
    """
    Eight threads on four clients of one session ask the hook once, and all go on.
    """
    server = make_site_server(read=accepting("new"))
    asked = []
    clients = [with_session(server, lambda _site: asked.append(1) or "new") for _ in range(4)]

    meet(*[lambda client=client: client.find("Shot", []) for client in clients * 2])

    assert asked == [1]


def test_a_page_read_ahead_survives_a_renewal(make_site_server):
    """
    A session that expires between two pages costs no page.
    """
    expired = threading.Event()

    def read(request):
        number = request.payload["params"][1]["paging"]["current_page"]
        if number == 3:
            expired.set()
        if expired.is_set() and request.auth["session_token"] == "old":
            return EXPIRED
        entities = [{"type": "Shot", "id": number}]
        return results({"entities": entities, "paging_info": {"has_next_page": number < 6}})

    client = with_session(make_site_server(read=read), lambda _site: "new")

    assert [row["id"] for row in client.find("Shot", [])] == [1, 2, 3, 4, 5, 6]


def test_a_site_that_refuses_new_sessions_is_not_asked_for_ever(make_site_server):
    """
    When each new session is refused as well, the refusal stands after the second.
    """
    server = make_site_server(read=accepting())
    made = (f"new{number}" for number in range(9))

    with pytest.raises(shotgun_api3.AuthenticationFault):
        with_session(server, lambda _site: next(made)).find("Shot", [])
    assert [request.auth["session_token"] for request in server.sent("read")] == ["old", "new0", "new1"]


def test_a_hook_that_asks_with_the_old_session_is_not_asked_again(make_site_server):
    """
    A hook that uses the client whose session it is to renew gets the site's refusal, and so does the caller.
    """
    server, asked = make_site_server(read=accepting("new")), []

    def renew(_site):
        asked.append(1)
        client.find("HumanUser", [])

    client = with_session(server, renew)

    with pytest.raises(shotgun_api3.AuthenticationFault):
        client.find("Shot", [])
    assert asked == [1]


def test_an_old_session_leads_to_the_newest(make_site_server):
    """
    A client that begins with a session which was replaced several times since goes on with the last one at once.
    """
    valid, made = [], iter(("s1", "s2", "s3"))

    def renew(_site):
        valid[:] = [next(made)]
        return valid[0]

    def read(request):
        return accepting(*valid)(request)

    server = make_site_server(read=read)
    client = with_session(server, renew)
    for _ in range(3):
        client.find("Shot", [])
        valid.clear()
    valid.append("s3")
    before = len(server.sent("read"))
    with_session(server, renew).find("Shot", [])

    assert [request.auth["session_token"] for request in server.sent("read")[before:]] == ["old", "s3"]


@pytest.mark.parametrize("given", [None, "", "old"])
def test_without_a_new_session_the_refusal_stands(make_site_server, given):
    """
    A hook that gives nothing new leaves the site's own refusal, after one request.
    """
    server = make_site_server(read=accepting("new"))

    with pytest.raises(shotgun_api3.AuthenticationFault):
        with_session(server, lambda _site: given).find("Shot", [])
    assert len(server.sent("read")) == 1


def test_a_create_is_sent_again_with_the_new_session(make_site_server):
    """
    The site has refused it, so it was not done: it is sent again, once.
    """
    created = results({"type": "Shot", "id": 7})
    server = make_site_server(create=lambda r: created if r.auth["session_token"] == "new" else EXPIRED)

    assert with_session(server, lambda _site: "new").create("Shot", {})["id"] == 7
    assert len(server.sent("create")) == 2


def renewed_by_name(_site):
    return "new"


def test_the_hook_goes_into_pickles_by_its_name(make_site_server):
    """
    A worker process renews sessions too.
    """
    site = Site(url="https://studio.example", renew_session=renewed_by_name)

    assert pickle.loads(pickle.dumps(site)).renew_session is renewed_by_name


def test_a_session_token_stays_with_who_asked_for_it(make_site_server):
    """
    Asking for a session changes nothing for other threads that use the client; the native method goes on with it.
    """
    server = make_site_server(get_session_token={"session_id": "fresh"})
    client = make_client(server)

    assert client.get_session_token() == "fresh"
    assert client.config.session_token is None


def test_a_login_is_tried_once(make_site_server):
    """
    Attempts to log in count towards a lock-out, so a failure on the way is not repeated.
    """
    server = make_site_server(read=failing(http_reply(status=502), then=page()))

    with pytest.raises(HTTPStatusError):
        make_client(server).authenticate_human_user("ada", "pw")
    assert len(server.sent("read")) == 1


# --- What errors tell


def test_a_transport_error_tells_what_it_was_about(make_site_server):
    """
    RPC, entity type, attempts and elapsed time are there, and survive pickling.
    """
    server = make_site_server(read=lambda _request: http_reply(status=502))

    with pytest.raises(HTTPStatusError) as caught:
        make_client(server).find("Shot", [])
    copy = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, copy):
        assert (error.rpc, error.entity_type, error.attempts) == ("read", "Shot", 4)
        assert 0 < error.elapsed < GUARD


def test_an_uncertain_write_keeps_its_data_through_a_pickle(make_site_server):
    """
    What a worker process could not make sure of can be looked for by who started it.
    """
    server = make_site_server(create=lambda _request: Last())

    with pytest.raises(OutcomeUnknown) as caught:
        make_client(server).create("Shot", {"code": "sh010"})
    copy = pickle.loads(pickle.dumps(caught.value))

    assert (copy.data, copy.entity_type, copy.sent_at) == ({"code": "sh010"}, "Shot", caught.value.sent_at)


def test_a_fault_tells_what_it_was_about(make_site_server):
    """
    The site's refusal has its code, the RPC and the entity type, also on the other side of a pickle.
    """
    refusal = http_reply(b'{"exception": true, "error_code": 104, "message": "no such field"}')
    server = make_site_server(read=lambda _request: refusal)

    with pytest.raises(shotgun_api3.Fault) as caught:
        make_client(server).find("Shot", [])
    copy = pickle.loads(pickle.dumps(caught.value))

    assert (copy.error_code, copy.rpc, copy.entity_type, str(copy)) == (104, "read", "Shot", "no such field")


def test_tracebacks_with_local_variables_show_no_secret(make_site_server):
    """
    What crash reporters make of a failed call, the values of all frames included, has neither key nor password.
    """
    server = make_site_server(create=lambda _request: Last())
    client = make_client(server, basic_auth="web:letmein")

    with pytest.raises(OutcomeUnknown) as caught:
        client.create("Shot", {"code": "sh010"})
    report = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert "sh010" in report  # so it does show values
    assert KEY not in report
    assert "letmein" not in report
    assert "d2ViOmxldG1laW4" not in report  # the same in base64


# --- Plain http


@pytest.mark.parametrize("host", ["studio.example", "10.0.0.7", "localhost.example"])
def test_plain_http_warns(host):
    """
    A key that would travel in clear is worth a warning, once it is known where to.
    """
    with pytest.warns(UserWarning, match=f"http://{host} .*sent unencrypted"):
        NativeClient(Site(url=f"http://{host}", script_name="robot", api_key=KEY))


@pytest.mark.parametrize("url", ["http://localhost:8010", "http://127.0.0.1", "http://127.1.2.3", "https://a.example"])
def test_loopback_and_https_do_not_warn(url):
    """
    What stays on the machine, and what is encrypted, is no reason to warn.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NativeClient(Site(url=url, script_name="robot", api_key=KEY))
