"""
Interim responses (status 1xx) before the final one: they are read past, and no call gets the response of another.
"""

import time

import pytest
from fix_http import find_by_id, own_record, wanted_id
from fix_native import make_client
from fix_servers import GUARD, results
from fix_transfers import MediaSite, client_of, data, text

from sgextended import OutcomeUnknown, RetryPolicy, TransportError, TransportTimeout

INTERIM = {
    100: b"HTTP/1.1 100 Continue\r\n\r\n",
    102: b"HTTP/1.1 102 Processing\r\n\r\n",
    103: b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
}
ONE_TRY = RetryPolicy(attempts=1)
FILE = bytes(range(256)) * 600

each_status = pytest.mark.parametrize("status", INTERIM)


def in_one_piece(*parts):
    return b"".join(parts)


def in_pieces(*parts):
    return iter(parts)


def byte_by_byte(*parts):
    return (bytes([byte]) for byte in b"".join(parts))


@each_status
@pytest.mark.parametrize("send", [in_one_piece, in_pieces, byte_by_byte])
def test_a_call_gets_its_own_record_after_an_interim_response(make_site_server, status, send):
    """
    A find reads past an interim response. Later calls on the same connection get their own records.
    """

    def read(request):
        record = own_record(request)
        return send(INTERIM[status], record) if wanted_id(request) % 2 else record

    server = make_site_server(read=read)
    client = make_client(server)

    assert [find_by_id(client, number) for number in (2, 1, 3, 4, 5, 6)] == [2, 1, 3, 4, 5, 6]
    assert len(server.sent("read")) == 6
    assert server.connections == 1


def test_several_interim_responses_are_read_past(make_site_server):
    """
    Several interim responses of different kinds may come before one final response.
    """
    server = make_site_server(read=lambda request: in_pieces(*INTERIM.values(), INTERIM[102], own_record(request)))
    client = make_client(server)

    assert [find_by_id(client, number) for number in (1, 2, 3)] == [1, 2, 3]
    assert server.connections == 1


@each_status
def test_a_create_after_an_interim_response_is_known(make_site_server, status):
    """
    A create returns the new record. It is sent once, and its outcome is not unknown.
    """
    shots = iter([{"type": "Shot", "id": 1}, {"type": "Shot", "id": 2}])
    server = make_site_server(create=lambda _request: in_pieces(INTERIM[status], results(next(shots))))
    client = make_client(server)

    assert [client.create("Shot", {"code": code})["id"] for code in "ab"] == [1, 2]
    assert len(server.sent("create")) == 2
    assert server.connections == 1


@each_status
def test_a_download_after_an_interim_response_is_whole(make_server, tmp_path, status):
    """
    A download writes the file of the final response. The next download on that connection gets its own file.
    """
    site = make_server(
        kind=MediaSite,
        **{
            "7": lambda _request: in_pieces(INTERIM[status], data(FILE)),
            "8": lambda _request: data(b"another file"),
        },
    )
    sg, target = client_of(site), tmp_path / "take.mov"
    sg.download_attachment(7, str(target))

    assert target.read_bytes() == FILE
    assert sg.download_attachment(8) == b"another file"
    assert site.connections == 1


@each_status
def test_an_upload_after_an_interim_response_is_known(make_server, make_file, status):
    """
    An upload by form returns the id of the final response.
    """
    site = make_server(kind=MediaSite, upload_file=lambda _request: in_pieces(INTERIM[status], text("1:77\n")))

    assert client_of(site).upload("Version", 12, make_file()) == 77
    assert len(site.sent("upload_file")) == 1


def test_a_switch_of_protocols_is_refused(make_site_server):
    """
    Status 101 is final, and this client asked for no other protocol: the call fails, and its connection is closed.
    """
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello"
    server = make_site_server(read=lambda request: switch if wanted_id(request) == 1 else own_record(request))
    client = make_client(server, retry=ONE_TRY)

    with pytest.raises(TransportError) as caught:
        find_by_id(client, 1)

    assert not isinstance(caught.value, TransportTimeout)
    assert find_by_id(client, 2) == 2
    assert server.connections == 2


@pytest.mark.parametrize("call", ["find_one", "create"])
def test_interim_responses_without_end_are_refused(make_site_server, call):
    """
    A server that sends interim responses for ever makes the call fail before any time limit ends it.
    """
    server = None

    def forever(_request):
        while not server.stopping.is_set():
            yield INTERIM[103] * 50

    server = make_site_server(read=forever, create=forever)
    client = make_client(server, retry=ONE_TRY, call_timeout=GUARD)

    with pytest.raises(TransportError) as caught:
        getattr(client, call)("Shot", [] if call == "find_one" else {"code": "a"})

    assert not isinstance(caught.value, TransportTimeout)
    assert "caller allows" not in str(caught.value)
    assert isinstance(caught.value, OutcomeUnknown) == (call == "create")


def test_slow_interim_responses_end_at_the_deadline(make_site_server):
    """
    Interim responses that come one by one keep each wait short, and still the deadline ends the call.
    """
    server = None

    def slowly(_request):
        while not server.stopping.wait(0.02):
            yield INTERIM[102]

    server = make_site_server(read=slowly)
    client = make_client(server, retry=ONE_TRY, read_timeout=GUARD, call_timeout=0.3)
    client.server_caps  # noqa: B018 - requested before the time is taken
    begin = time.monotonic()

    with pytest.raises(TransportError):
        find_by_id(client, 1)

    assert time.monotonic() - begin < GUARD / 2
