"""
Downloads: a file takes its place when it is complete, and a failure leaves what was there.
"""

import errno
import threading
import time

import pytest
import shotgun_api3
from fix_native import KEY
from fix_servers import HANG, Last, http_reply
from fix_transfers import CONTENT, FAILURES, OLD, client_of, data, denied, dumped, failing, left_in
from shotgun_api3 import ShotgunFileDownloadError

from sgextended import HTTPStatusError, SGExtended, TransportError, TransportTimeout, Unreachable

# --- What comes


def test_download_returns_the_bytes(site):
    """
    Without a path the bytes are returned; an id, a link and a value with an address lead to them.
    """
    sg = client_of(site)
    link = {"type": "Attachment", "id": 7}

    assert sg.download_attachment(7) == CONTENT
    assert sg.download_attachment(link) == CONTENT
    assert sg.download_attachment({**link, "url": f"{site.url}/file_serve/attachment/7"}) == CONTENT
    assert sg.download_attachment(attachment_id=7) == CONTENT
    assert type(sg.download_attachment(7)) is bytes


@pytest.mark.parametrize("old", [None, OLD], ids=["new", "old"])
def test_download_writes_the_file(site, target, old):
    """
    With a path it is returned once the file is there, and nothing else is in the folder.
    """
    if old is not None:
        target.write_bytes(old)

    assert client_of(site).download_attachment(7, str(target)) == str(target)
    assert left_in(target) == {"take.mov": CONTENT}


def test_wrong_arguments_are_refused_as_native(site, target):
    """
    What is no attachment is refused in the native words, and no file is touched.
    """
    target.write_bytes(OLD)
    sg, official = client_of(site), shotgun_api3.Shotgun(site.url, "robot", KEY, connect=False)
    for given in ({}, {"attachment": "7"}, {"attachment": {"type": "Shot", "id": 7}}):
        with pytest.raises((TypeError, ValueError)) as theirs:
            official.download_attachment(**given)
        with pytest.raises((TypeError, ValueError)) as ours:
            sg.download_attachment(**given, file_path=str(target))
        assert (type(ours.value), str(ours.value)) == (type(theirs.value), str(theirs.value))

    assert left_in(target) == {"take.mov": OLD}


def test_no_attachment_is_none(site, target):
    """
    None, as an empty field reads, gives None and leaves no file; one that is there stays.
    """
    sg = client_of(site)

    assert sg.download_attachment(None) is None
    assert sg.download_attachment(None, str(target)) is None
    assert left_in(target) == {}
    target.write_bytes(OLD)
    assert sg.download_attachment({"url": None}, str(target)) is None
    assert left_in(target) == {"take.mov": OLD}
    assert [each for each in site.requests if each.method == "GET"] == []


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_official_client_destroys_what_was_there(site, target):
    """
    The official client empties the file before it knows whether there is another one, and takes a cut one for whole.
    """
    official = shotgun_api3.Shotgun(site.url, "robot", KEY)
    target.write_bytes(OLD)
    site.answers["7"] = FAILURES["404"][0]
    with pytest.raises(ShotgunFileDownloadError):
        official.download_attachment(7, str(target))
    destroyed = target.read_bytes()
    official.close()

    assert destroyed == b""


def test_packed_file_stays_packed(site):
    """
    A file that a server calls packed is given as it was uploaded, with its own length.
    """
    told = []
    site.answers["7"] = lambda _request: data(b"\x1f\x8b no real gzip", **{"content-encoding": "gzip"})

    assert client_of(site).download_attachment(7, progress=lambda *each: told.append(each)) == b"\x1f\x8b no real gzip"
    assert told[-1] == (15, 15)
    assert site.sent("7")[0].headers["accept-encoding"] == "identity"


def test_file_of_unknown_length_comes(site):
    """
    Where the server does not say how long the file is, the total is None.
    """
    told = []
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n2\r\nfg\r\n0\r\n\r\n"
    site.answers["7"] = lambda _request: chunked

    assert client_of(site).download_attachment(7, progress=lambda *each: told.append(each)) == b"abcdefg"
    assert told[-1] == (7, None)


def test_empty_file_is_a_file(site, target):
    """
    No bytes are a file too.
    """
    site.answers["7"] = lambda _request: data(b"")

    assert client_of(site).download_attachment(7) == b""
    assert client_of(site).download_attachment(7, str(target)) == str(target)
    assert left_in(target) == {"take.mov": b""}


def test_local_file_is_copied(site, target, tmp_path):
    """
    What lies in a local storage is copied from there, as native.
    """
    source = tmp_path / "on disk größe.exr"
    source.write_bytes(CONTENT)
    attachment = {"type": "Attachment", "id": 7, "link_type": "local", "url": source.as_uri()}
    sg, told = client_of(site), []

    assert sg.download_attachment(attachment) == CONTENT
    assert sg.download_attachment(attachment, str(target), progress=lambda *each: told.append(each)) == str(target)
    assert left_in(target) == {"take.mov": CONTENT}
    assert (told[0], told[-1]) == ((0, 300_000), (300_000, 300_000))
    with pytest.raises(ShotgunFileDownloadError, match=r"Failed to open file:.*\n.*No such file"):
        sg.download_attachment({**attachment, "url": (tmp_path / "none").as_uri()}, str(target))
    with pytest.raises(ShotgunFileDownloadError, match="only on localhost"):
        sg.download_attachment({**attachment, "url": "file://elsewhere/etc/hosts"}, str(target))
    with pytest.raises(TransportTimeout, match="was not copied within"), SGExtended(sg).deadline(1e-9):
        sg.download_attachment(attachment, str(target))
    assert left_in(target) == {"take.mov": CONTENT}
    assert [each for each in site.requests if each.method == "GET"] == []


@pytest.mark.parametrize("value", [{"link_type": "web"}, {}, {"link_type": "upload", "type": "Attachment", "id": 7}])
@pytest.mark.parametrize("scheme", ["file:", "FILE:", " file:"])
def test_file_address_of_a_web_link_is_not_opened(site, target, tmp_path, value, scheme):
    """
    Whoever may write a link on the site cannot make others copy files of their machine.
    """
    secret = tmp_path / "id_rsa"
    secret.write_bytes(b"PRIVATE KEY")
    link = {**value, "url": secret.as_uri().replace("file:", scheme), "name": "movie.mov"}

    with pytest.raises(ShotgunFileDownloadError, match="not a file in a local storage"):
        client_of(site).download_attachment(link, str(target))
    assert left_in(target) == {}


# --- Failures


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("old", [None, OLD], ids=["new", "old"])
def test_a_failed_download_leaves_what_was_there(site, target, name, old):
    """
    A download that fails leaves the old file, or none, and nothing beside it; its error can be caught in both ways.
    """
    answer, says = FAILURES[name]
    site.answers["7"] = answer
    if old is not None:
        target.write_bytes(old)
    timeout = 0.3 if name == "hangs" else None

    with pytest.raises(ShotgunFileDownloadError) as caught:
        client_of(site).download_attachment(7, str(target), timeout=timeout)

    assert says in str(caught.value)
    assert isinstance(caught.value, TransportTimeout if name == "hangs" else TransportError)
    assert left_in(target) == ({} if old is None else {"take.mov": OLD})


@pytest.mark.parametrize("name", ["cut", "reset", "no answer", "503"])
def test_download_is_repeated_from_the_first_byte(site, target, name):
    """
    What breaks off on its way, or is refused by a busy server, is asked for again, and begins again.
    """
    site.answers["7"] = failing(FAILURES[name][0](None), FAILURES[name][0](None))
    told = []

    sg = client_of(site)
    assert sg.download_attachment(7, str(target), progress=lambda *each: told.append(each)) == str(target)
    assert left_in(target) == {"take.mov": CONTENT}
    assert len(site.sent("7")) == 3
    assert told == sorted(set(told))
    assert (told[0], told[-1]) == ((0, 300_000), (300_000, 300_000))


def test_attempts_end(site):
    """
    The last failure is raised, with the number of attempts.
    """
    site.answers["7"] = lambda _request: http_reply(status=503)

    with pytest.raises(HTTPStatusError, match="503") as caught:
        client_of(site).download_attachment(7)

    assert isinstance(caught.value, ShotgunFileDownloadError)
    assert (caught.value.rpc, caught.value.attempts, caught.value.errcode) == ("download", 4, 503)


@pytest.mark.parametrize(
    ("status", "body"), [(409, b"This file is undergoing a malware scan\n"), (410, b"Malware was found\n")]
)
def test_scan_for_malware_is_told(site, status, body):
    """
    The official client fails to say that a file is scanned for malware; ours says what the site says.
    """
    site.answers["7"] = lambda _request: http_reply(body, status=status)

    with pytest.raises(ShotgunFileDownloadError, match=body.decode().strip()) as caught:
        client_of(site).download_attachment(7)

    assert caught.value.errcode == status


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_refusals_have_the_native_words(site, status):
    """
    Class name and text of a refusal are those of the official client.
    """
    site.answers["7"] = lambda _request: http_reply(b"no", status=status)
    official = shotgun_api3.Shotgun(site.url, "robot", KEY)
    with pytest.raises(ShotgunFileDownloadError) as theirs:
        official.download_attachment(7)
    official.close()
    with pytest.raises(ShotgunFileDownloadError) as ours:
        client_of(site).download_attachment(7)

    assert str(ours.value) == str(theirs.value)
    assert type(ours.value).__name__ == type(theirs.value).__name__


def test_storage_says_why_it_refuses(site):
    """
    The message of storage is in the error, and neither its signatures nor those of the link.
    """
    site.answers["file"] = lambda _request: denied("The AWS Access Key &amp; so on is unknown")

    with pytest.raises(ShotgunFileDownloadError, match="Forbidden - The AWS Access Key & so on is unknown") as caught:
        client_of(site).download_attachment({"url": f"{site.url}/bucket/file?X-Sig=s3cr3t"})

    assert "s3cr3t" not in dumped(caught.value)
    assert "/bucket/file?..." in str(caught.value)


def test_server_that_is_not_there_is_a_download_error(site, unused_port):
    """
    No connection: `Unreachable`, and a ShotgunFileDownloadError, as native.
    """
    with pytest.raises(Unreachable) as caught:
        client_of(site).download_attachment({"url": f"http://127.0.0.1:{unused_port}/a"})

    assert isinstance(caught.value, ShotgunFileDownloadError)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a", "http://[::1/a", "http:///a", "gopher", "http://h:x/"])
def test_address_that_cannot_be_asked_is_refused(site, url):
    """
    A download from an invalid address raises an error with the reason.
    """
    with pytest.raises(ShotgunFileDownloadError, match="is not a valid http or https address"):
        client_of(site).download_attachment({"url": url})


# --- Time, and how far it is


def test_download_that_trickles_ends_in_time(site, target):
    """
    An answer that comes byte by byte ends at the caller's time, which the error names.
    """

    class Trickle(Last):
        pass

    def trickle(_request):
        sock = site._open[-1]
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            if site.stopping.wait(0.01):
                break
            sock.sendall(b"x")

    site.answers["7"] = trickle
    sg = client_of(site)
    sg.info()
    started = time.monotonic()

    with pytest.raises(TransportTimeout, match=r"within the 0\.4 s that the caller allows") as caught:
        sg.download_attachment(7, str(target), timeout=0.4)

    assert isinstance(caught.value, ShotgunFileDownloadError)
    assert time.monotonic() - started < 4
    assert left_in(target) == {}


@pytest.mark.parametrize("error", [KeyError("enough"), OSError(errno.EIO, "enough"), KeyboardInterrupt("enough")])
def test_progress_may_end_the_download(site, target, error):
    """
    What the caller's function raises comes out as it is, and the old file stays.
    """
    target.write_bytes(OLD)
    threads = []

    def progress(done, _total):
        threads.append(threading.current_thread())
        if done:
            raise error

    with pytest.raises(type(error), match="enough") as caught:
        client_of(site).download_attachment(7, str(target), progress=progress)

    assert caught.value is error
    assert left_in(target) == {"take.mov": OLD}
    assert set(threads) == {threading.current_thread()}
    assert len(site.sent("7")) == 1


def test_wait_for_anothers_session_is_bounded(site):
    """
    While one thread asks for the session, another waits for it no longer than its caller allows.
    """
    is_asked = threading.Event()

    def hang(_request):
        is_asked.set()
        return HANG

    site.answers["get_session_token"] = hang
    sg = client_of(site)
    errors = []

    def ask():
        with pytest.raises(TransportTimeout) as caught:
            sg.download_attachment(7, timeout=2)
        errors.append(caught.value)

    first = threading.Thread(target=ask)
    first.start()
    is_asked.wait(5)

    with pytest.raises(TransportTimeout, match="Another thread is still requesting"):
        sg.download_attachment(7, timeout=0.1)
    first.join(5)

    assert len(errors) == 1
