"""
Transfers on a local site, over HTTP and HTTPS, by form and through storage: what arrives when things go wrong on the
way, and how much memory a large file takes.
"""

import contextlib
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fix_native import AT_ONCE, meet

from sgextended import OutcomeUnknown, SGExtended, TransportTimeout
from sgextended.localsite import LocalSite

# The local site's oldest Starlette leaves the file of an answer that breaks off to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO name='[^']*sgextended-media:pytest.PytestUnraisableExceptionWarning"
)

CONTENT = os.urandom(250_000)


@pytest.fixture(scope="module", params=["http form", "https form", "http storage", "https storage"])
def site(request):
    """
    A site, over each scheme and with each way of uploading.
    """
    scheme, way = request.param.split()
    with LocalSite(tls=scheme == "https", direct_uploads=way == "storage") as site:
        yield site
    gc.collect()  # while that warning is ignored


@pytest.fixture
def sg(site, make_site):
    """
    A wrapper that does not wait between attempts.
    """
    with SGExtended(site=make_site(site, retry=AT_ONCE)) as sg:
        yield sg
    site.faults.clear()


@pytest.fixture
def shot(sg):
    """
    A shot to upload to.
    """
    project = sg.create("Project", {"name": os.urandom(8).hex()})
    return sg.create("Shot", {"code": "sh010", "project": project})


@pytest.fixture
def path(tmp_path, small_parts):
    """
    A file of three parts.
    """
    path = tmp_path / "take.mov"
    path.write_bytes(CONTENT)
    return path


def attachments_of(sg, shot):
    return sg.find("Attachment", [["attachment_links", "is", shot]], ["this_file"])


@pytest.mark.parametrize(
    "mishap",
    ["", "close-after:rpc=put,next=2", "reset-before:rpc=put,next=3", "status=500:rpc=put,next=2",
     "status=503:rpc=put+download,next=3", "reset-after:rpc=api_get_upload_link_info+download,next=3",
     "expired:next=1", "cut-off:rpc=download,next=3", "reset-during:rpc=download,next=2",
     "close-after:rpc=api_get_upload_link_for_part+get_session_token,next=2",
     # Not before a last step: a close that is still on its way when that is sent makes it uncertain.
     "hang-up:rpc=api_get_upload_link_info+upload_file+download,next=5",
     "status=429:rpc=upload_file+api_link_file,next=3"],
)  # fmt: skip
def test_file_arrives(site, sg, shot, path, mishap):
    """
    What goes up comes down, once, whatever goes wrong on the way and can be mended.
    """
    with site.faults.during(mishap) if mishap else contextlib.nullcontext():
        number = sg.upload("Shot", shot["id"], str(path))
        target = path.with_name("down.mov")
        sg.download_attachment({"type": "Attachment", "id": number}, str(target))

    (row,) = attachments_of(sg, shot)
    assert row["id"] == number
    assert target.read_bytes() == CONTENT
    assert sg.download_attachment(row["this_file"]) == CONTENT
    assert {each.name for each in path.parent.iterdir()} == {"take.mov", "down.mov"}


@pytest.mark.parametrize("mishap", ["close-after", "reset-after", "status=502:when=after", "html:when=after"])
def test_upload_is_never_done_twice(site, sg, shot, path, mishap):
    """
    An upload whose answer is lost was done once, and the error says that nobody knows.
    """
    last = "upload_file+api_link_file"
    kind, _, options = mishap.partition(":")

    with site.faults.during(f"{kind}:rpc={last}{',' if options else ''}{options}"), pytest.raises(OutcomeUnknown):
        sg.upload("Shot", shot["id"], str(path))

    assert len(attachments_of(sg, shot)) == 1


def test_link_that_was_read_long_ago_leads_to_the_file(site, sg, shot, path):
    """
    The address of a file that has expired is renewed by its id.
    """
    number = sg.upload("Shot", shot["id"], str(path))
    link = attachments_of(sg, shot)[0]["this_file"]
    old = {**link, "url": link["url"].replace("signature=", "signature=0")}

    assert link["id"] == number
    assert sg.download_attachment(old) == CONTENT


def test_trickling_download_ends_in_time(site, sg, shot, path):
    """
    A download that trickles ends at the caller's time, and leaves nothing.
    """
    number = sg.upload("Shot", shot["id"], str(path))

    with site.faults.during("trickle=60:rpc=download"), pytest.raises(TransportTimeout, match=r"within the 0\.5 s"):
        sg.download_attachment(number, str(path.with_name("down.mov")), timeout=0.5)

    assert [each.name for each in path.parent.iterdir()] == ["take.mov"]


def test_many_threads_transfer_through_one_wrapper(site, sg, shot, path):
    """
    Five threads upload and download through one wrapper, with mishaps, and each gets its own file back.
    """
    for mishap in ("reset-before:rpc=put,rate=0.1,seed=1", "cut-off:rpc=download,rate=0.2,seed=2"):
        site.faults.add(mishap)

    def go(number):
        mine = path.with_name(f"{number}.bin")
        mine.write_bytes(CONTENT[number * 1000 :])
        attachment = sg.upload("Shot", shot["id"], str(mine))
        assert sg.download_attachment(attachment) == CONTENT[number * 1000 :]

    meet(*[lambda number=number: go(number) for number in range(5)])
    site.faults.clear()

    assert len(attachments_of(sg, shot)) == 5


CLIENT = """
import os, sys
from pathlib import Path
from sgextended import SGExtended, Site

url, script_name, api_key, ca_file, path = sys.argv[1:]
with SGExtended(site=Site(url=url, script_name=script_name, api_key=api_key, ca_file=ca_file)) as sg:
    shot = sg.create("Shot", {"code": "a", "project": sg.create("Project", {"name": path})})
    number = sg.upload("Shot", shot["id"], path)
    sg.download_attachment(number, path + ".down")
assert os.path.getsize(path + ".down") == os.path.getsize(path)
for line in Path("/proc/self/status").read_text().splitlines():
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of a process")
@pytest.mark.parametrize("direct_uploads", [False, True], ids=["form", "storage"])
def test_large_file_takes_little_memory(direct_uploads, tmp_path):
    """
    A file of 200 MB goes up and down through less than 100 MB of memory, that of Python itself included.
    """
    path = tmp_path / "large.mov"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with LocalSite(tls=True, direct_uploads=direct_uploads) as site:
        identity = [site.url, site.script_name, site.api_key, site.ca_file]
        command = [sys.executable, "-W", "error", "-c", CLIENT, *identity, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.stderr == ""
    assert int(done.stdout) < 100_000  # KB
