"""
Fixtures for the tests of the local site. The caller is always the official, unchanged client.
"""

import itertools
import json
import socket
import urllib.error
import urllib.request

import pytest
import shotgun_api3

from sgextended.localsite import LocalSite

_numbers = itertools.count(1)
_colors = itertools.count(1)


def connect(site, **options):
    """
    Return an official client of a site.
    """
    if "login" not in options and "session_token" not in options:
        options = {"script_name": site.script_name, "api_key": site.api_key, **options}
    return shotgun_api3.Shotgun(site.url, ca_certs=site.ca_file, **options)


@pytest.fixture(scope="session")
def make_connection():
    """
    Makes official clients of any site; whoever makes one closes it.
    """
    return connect


@pytest.fixture(scope="session")
def site():
    """
    A site without rows of ours; tests add what they need under projects of their own.
    """
    with LocalSite() as site:
        yield site


@pytest.fixture(scope="session")
def sg(site):
    """
    The official client, connected to the shared site by its script.
    """
    sg = connect(site)
    yield sg
    sg.close()


@pytest.fixture(scope="module")
def demo(demo_site):
    """
    A client of a site with the demo production, which is only read.
    """
    sg = connect(demo_site)
    yield sg
    sg.close()


@pytest.fixture
def make_client(site):
    """
    Makes official clients of the shared site, and closes them after the test.
    """
    clients = []

    def make(**options):
        client = connect(options.pop("site", site), **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def name():
    """
    A name that no other test uses.
    """
    return f"unique {next(_numbers)}"


@pytest.fixture
def project(sg, name):
    """
    A project of this test's own.
    """
    return sg.create("Project", {"name": name})


@pytest.fixture
def make(sg, project):
    """
    Makes rows in this test's project and returns links to them.
    """

    def make_row(entity_type, **data):
        return {"type": entity_type, "id": sg.create(entity_type, {"project": project, **data})["id"]}

    return make_row


@pytest.fixture
def make_page_with(site, sg, make_client, name):
    """
    Makes a page as a person, because a script makes none, writes its shared settings and returns a link to it.
    """

    def make_page(settings, **data):
        login = f"{name} {next(_numbers)}"
        site.add_user(login, "x")
        person = make_client(script_name=site.script_name, api_key=site.api_key, sudo_as_login=login)
        page = {"type": "Page", "id": person.create("Page", {"name": "p", **data})["id"]}
        setting = sg.find_one("PageSetting", [["page", "is", page]])
        sg.update("PageSetting", setting["id"], {"settings_json": settings})
        return page

    return make_page


@pytest.fixture
def post(site):
    """
    Sends bytes to the shared site as they are, and returns status, headers and body of the reply.
    """

    def send(body, path="/api3/json", **headers):
        request = urllib.request.Request(site.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, dict(reply.headers), reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    return send


@pytest.fixture
def call(site, post):
    """
    Makes a request of the protocol without the client, which would not send it so; returns the decoded reply.
    """

    def make_call(method, *payload):
        auth = {"script_name": site.script_name, "script_key": site.api_key}
        _status, _headers, body = post(json.dumps({"method_name": method, "params": [auth, *payload]}).encode())
        return json.loads(body)

    return make_call


@pytest.fixture
def raw_socket(site):
    """
    A TCP connection to the shared site.
    """
    host, port = site.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


@pytest.fixture(scope="module", params=["form", "storage over TLS"])
def media_site(request):
    """
    A site that takes uploads by form, and one that takes them to storage, over TLS.
    """
    with LocalSite(direct_uploads=request.param != "form", tls="TLS" in request.param) as site:
        yield site


@pytest.fixture
def media(media_site):
    """
    The official client of that site.
    """
    sg = connect(media_site)
    sg.BACKOFF = 0
    yield sg
    sg.close()


@pytest.fixture
def show(media, name):
    """
    A project of this test's own on that site.
    """
    return media.create("Project", {"name": name})


@pytest.fixture
def picture(tmp_path):
    """
    Makes images, no two of one color.
    """
    from PIL import Image

    def make(filename="picture.png", size=(1600, 900), mode="RGB"):
        path = tmp_path / filename
        number = next(_colors)
        color = (number % 200 + 20, number * 7 % 256, number * 31 % 256, 128)[: len(mode)]
        Image.new(mode, size, color if len(mode) > 1 else color[0]).save(path)
        return str(path)

    return make
