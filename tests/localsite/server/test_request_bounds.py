"""
What a request can make the site hold or do: large bodies before and after the credentials are known, many values.
"""

import contextlib
import http.client
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from fix_fuzz import Fuzz
from fix_fuzz_sending import Sent, is_failure, send
from page_login import script_login

from sgextended.localsite import LocalSite
from sgextended.localsite.server import request_body
from sgextended.localsite.services.ledger import LONGEST_TEXT, MOST_NAMES

STRANGER = {"script_name": "nobody", "script_key": "x"}
REQUESTS = 150  # benchmarks/fuzz.py sends them for an hour


def ask(site, auth, payload, method="read"):
    """
    Send a request as the official client writes it; return its status and body.
    """
    body = json.dumps({"method_name": method, "params": [auth, payload]})
    return post(site, body.encode())


def post(site, body):
    """
    Send a body to the site's calls; return status and body of the response.
    """
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/api3/json", body, {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def known(site):
    """
    Return the credentials of the site's script.
    """
    return {"script_name": site.script_name, "script_key": site.api_key}


def padded(size):
    """
    Return a payload with this many characters of text.
    """
    return {"type": "Shot", "filters": {"logical_operator": "and", "conditions": []}, "remark": "x" * size}


def test_large_body_of_a_stranger_is_not_kept(site, monkeypatch):
    """
    The rest of a large body is not even decoded if the credentials at its start are not valid.
    """
    decoded = []
    monkeypatch.setattr("sgextended.localsite.server.http_routes.parse_request", decoded.append)
    status, body = ask(site, STRANGER, padded(request_body.MAX_UNKNOWN_BYTES))

    assert (status, json.loads(body)["error_code"]) == (200, 102)
    assert decoded == []


@pytest.mark.parametrize("size", [1000, request_body.MAX_UNKNOWN_BYTES, 3_000_000])
def test_large_body_of_a_known_caller_is_executed(site, size):
    """
    Whoever is known may send a large request.
    """
    short, long = (ask(site, known(site), padded(length)) for length in (10, size))

    assert long[0] == 200
    assert long == short


@pytest.mark.parametrize("start", ['{"params":[%s', '{"a":[1,{"b":2}],"params" : [ %s', ' {"params":[{"x":"\\ud800"}'])
def test_credentials_are_found_at_the_start(start):
    """
    The credentials are found wherever the parameters begin, without the rest of the request.
    """
    auth = {"user_login": "é", "user_password": "1"}
    text = start.replace("%s", json.dumps(auth, ensure_ascii=False)) + ', {"type": "cut o'
    if "ud800" in start:
        with pytest.raises(request_body.RefusedRequest, match="not valid Unicode"):
            request_body.credentials_at_start(text.encode())
    else:
        assert request_body.credentials_at_start(text.encode()) == auth


@pytest.mark.parametrize(
    "start", ["", "[", "{}", '{"params":{}', '{"params":[', '{"params":[{"a":"', '{"a":1 "params":[{}]', "[" * 100_000]
)
def test_large_request_without_credentials_at_its_start_is_refused(site, start):
    """
    A large body whose start has no credentials is refused with status 413 and the reason.
    """
    status, body = post(site, start.encode() + b" " * (request_body.MAX_UNKNOWN_BYTES + 1))

    assert (status, b"must have its credentials at its start" in body) == (413, True)


def test_stranger_costs_no_memory(tmp_path):
    """
    A body of 9 MB that would need 200 MB when it is decoded leaves the memory of the site as it was.
    """
    command = [sys.executable, "-m", "sgextended", "site", "--api-key", "k"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        port = int(process.stdout.readline().split()[3].rpartition(":")[2])
        before = _most_memory(process.pid)
        body = b'{"method_name":"read","params":[' + b",".join([b"[]"] * 3_000_000) + b"]}"
        status, _body = send(Sent("call", "POST", "/api3/json", {}, body), port)
        after = _most_memory(process.pid)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()

    assert status == 200
    assert after - before < 60


def _most_memory(pid):
    """
    Return the most memory of a process so far in MB.
    """
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("only Linux tells the memory of another process")
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("[],[]", "more than 3 values"),
        ("1e400", "beyond the range"),
        ("9" * 309, "more than 308 digits"),
        ("-" + "9" * 400 + ".5", "beyond the range"),
        ("NaN", "NaN is not a number"),
        ('"\ud800"', "not JSON in UTF-8"),
    ],
)
def test_request_that_cannot_be_meant_is_refused(site, monkeypatch, values, reason):
    """
    Too many values, numbers beyond the range of a float, and bytes that are no UTF-8 are refused with the reason.
    """
    monkeypatch.setattr(request_body, "MAX_VALUES", 3)
    status, body = post(site, f'{{"method_name":"read","params":[{values}]}}'.encode("utf-8", "surrogatepass"))

    assert status in {400, 413}
    assert reason in body.decode()


def test_number_of_300_digits_faults(call):
    """
    A number within the range of a float is refused by the field, or compared, and as JSON read again as it was.
    """
    condition = {"path": "sg_cut_in", "relation": "less_than", "values": [10**300]}
    filters = {"logical_operator": "and", "conditions": [condition]}
    fields = [{"field_name": "name", "value": "n"}, {"field_name": "tracking_settings", "value": {"n": 2**200}}]

    assert "entities" in call("read", {"type": "Shot", "filters": filters})["results"]
    condition["values"] = ["9" * 5000]
    assert "Invalid data for 'number'" in call("read", {"type": "Shot", "filters": filters})["message"]
    made = call("create", {"type": "Project", "fields": fields, "return_fields": ["tracking_settings"]})["results"]
    assert made["tracking_settings"]["n"] == 2**200


def test_paths_beyond_the_limits_of_the_database_fault(call):
    """
    A path through so many links that SQLite refuses the statement is answered with a fault that says what to do.
    """
    path = "project." + "Project.layout_project." * 70 + "Project.name"
    condition = {"path": path, "relation": "is", "values": ["x"]}
    filters = {"logical_operator": "and", "conditions": [condition]}
    deep = "users.HumanUser.projects.Project." * 12 + "name"

    assert "too complex for the site's database" in call("read", {"type": "Shot", "filters": filters})["message"]
    condition["path"] = deep
    assert "too complex for the site's database" in call("read", {"type": "Project", "filters": filters})["message"]
    condition["path"] = "code"
    sorts = [{"field_name": "code"}] * 3000
    assert "too complex" in call("read", {"type": "Shot", "filters": filters, "sorts": sorts})["message"]


def test_too_many_conditions_and_requests_fault(call, monkeypatch):
    """
    The number of conditions, and of requests in a batch, is limited; the fault names the limit and the way around it.
    """
    monkeypatch.setattr("sgextended.localsite.reading.filters.MAX_CONDITIONS", 5)
    monkeypatch.setattr("sgextended.localsite.server.rpc_table.MAX_BATCH", 5)
    conditions = [{"path": "id", "relation": "is", "values": [number]} for number in range(6)]
    group = {"logical_operator": "or", "conditions": [{"logical_operator": "and", "conditions": conditions}]}
    batch = [{"request_type": "delete", "type": "Shot", "id": 1}] * 6

    assert "more than 5 conditions" in call("read", {"type": "Shot", "filters": group})["message"]
    assert "at most 5. Send several batches" in call("batch", batch)["message"]


@pytest.mark.parametrize("auth_token", [{}, {"auth_token": "1"}])
def test_search_that_takes_too_long_is_ended(site, monkeypatch, auth_token):
    """
    A search ends when it has used the database for too long, also one with a one-time code, whose transaction writes.
    Writes are not ended, and the next search has its own time.
    """
    path = "users.HumanUser.projects.Project.users.HumanUser.login"
    condition = {"path": path, "relation": "contains", "values": ["nobody"]}
    search = {"type": "Project", "filters": {"logical_operator": "and", "conditions": [condition] * 3}}
    fields = [{"field_name": "name", "value": f"limited {len(auth_token)}"}]
    auth = {**known(site), **auth_token}
    monkeypatch.setattr("sgextended.localsite.reading.time_limit._STEPS", 1)
    with monkeypatch.context() as limited:
        limited.setattr("sgextended.localsite.reading.time_limit.MAX_SECONDS", 0.0)
        ended = json.loads(ask(site, auth, search)[1])
        status, page = _page(site, "/records/Project")
        made = json.loads(ask(site, auth, {"type": "Project", "fields": fields}, "create")[1])

    assert "longer than 0 seconds, so it was ended" in ended["message"]
    assert (status, b"so it was ended" in page) == (404, True)
    assert made["results"]["type"] == "Project"
    assert "entities" in json.loads(ask(site, auth, search)[1])["results"]


@pytest.mark.parametrize("path", ["/detail/Shot/{}", "/calls/{}", "/calls/after/{}"])
def test_numbers_of_thousands_of_digits_lead_nowhere(site, caplog, path):
    """
    Python refuses to decode such a number, so the address is not one of the site's, whoever asks.
    """
    assert _page(site, path.format("9" * 5000))[0] == 404
    assert [record for record in caplog.records if record.exc_info] == []


def test_ledger_keeps_little_of_what_strangers_send():
    """
    Texts in the ledger are short and can be shown, and made-up names of requests do not fill its counter.
    """
    with LocalSite() as site:
        for number in range(MOST_NAMES + 20):
            site.ledger.add(
                rpc=f"made up {number}" + "x" * 10_000, entity_type="\ud800" * 500, user_agent="a" * 5000,
                started=0.0, seconds=0.0, rows=0, ok=False, who="w" * 5000,
            )  # fmt: skip
        ask(site, {"user_login": "\ud800", "user_password": "x"}, {"type": "Shot"})
        ask(site, known(site), {"type": "Shot"})
        entry = site.ledger.entries[0]
        status, page = _page(site, "/calls")

        assert {len(entry.rpc), len(entry.entity_type), len(entry.user_agent), len(entry.who)} == {LONGEST_TEXT}
        assert site.ledger.count() == MOST_NAMES + 22
        assert (status, b"made up" in page) == (200, True)


def _page(site, path):
    connection = http.client.HTTPConnection(site.url.partition("//")[2], timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=script_login(site))
        response = connection.getresponse()
        return response.status, response.read()


def test_random_requests_never_fail_inside_the_site(tmp_path):
    """
    Random calls, filters, forms, images, addresses and bytes get a result, a fault or a refusal, never status 500.
    """
    with LocalSite(db=tmp_path / "site.db", api_key="k") as site:
        fuzz = Fuzz(random.randrange(2**32), known(site))
        port = int(site.url.rpartition(":")[2])
        for _each in range(REQUESTS):
            sent = fuzz.request()
            status, body = send(sent, port)

            assert not is_failure(status, body), sent
