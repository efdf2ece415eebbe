"""
`SGPool` with the factories that studios use, over real sockets: their classes, the official client, other objects.
"""

import threading

import pytest
import shotgun_api3
from fix_extended import KEY
from fix_servers import GUARD, Last, page

from sgextended import SGExtended, SGPool, Site, TransportError


class Studio(SGExtended):
    """
    A studio's class, made from the environment.
    """

    def codes(self, project):
        return [shot["code"] for shot in self.find("Shot", [["project", "is", project]], ["code"])]


def in_threads(number, work):
    """
    Run the same work in so many threads that begin together; what one raises is raised here.
    """
    gate, errors = threading.Barrier(number), []

    def run(index):
        try:
            gate.wait(GUARD)
            work(index)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD * 6)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def test_pool_of_a_studio_class_lends_its_methods():
    """
    A lease is an instance of the studio's class, with its methods.
    """

    class Hello(SGExtended):
        def hello(self):
            return f"hello from {self.base_url}"

    pool = SGPool(lambda: Hello(site=Site(url="https://studio.example")))

    with pool, pool.lease() as sg:
        assert sg.hello() == "hello from https://studio.example"


@pytest.mark.parametrize("kind", ["official", "ours"])
def test_callers_read_their_own_answers(any_site, make_sg, monkeypatch, kind):
    """
    Eight threads that share three instances each read their own response, over at most three connections.
    """
    for name, value in any_site.environment().items():
        monkeypatch.setenv(name, value)
    sg = make_sg(any_site)
    projects = [sg.create("Project", {"name": f"{kind} {any_site.url} {n}"}) for n in range(8)]
    for n, project in enumerate(projects):
        sg.create("Shot", {"code": f"sh{n}", "project": project})
    made = []

    def official():
        made.append(
            shotgun_api3.Shotgun(any_site.url, any_site.script_name, any_site.api_key, ca_certs=any_site.ca_file)
        )
        return made[-1]

    def codes(sg, project):
        return [shot["code"] for shot in sg.find("Shot", [["project", "is", project]], ["code"])]

    with SGPool(official if kind == "official" else Studio, max_size=3) as pool:

        def work(index):
            for _ in range(5):
                with pool.lease() as sg:
                    assert codes(sg, projects[index]) == [f"sh{index}"]

        in_threads(8, work)
        stats = pool.stats()
        pool.close(wait=True)

    assert stats["made"] <= 3
    assert stats["broken"] == 0
    assert all(client._connection is None for client in made)


@pytest.mark.parametrize("kind", ["official", "ours"])
def test_instance_whose_connection_broke_is_replaced(shot_server, site, kind):
    """
    After a response that breaks off, the next caller has another instance; after a fault of the site the same one.
    """
    make = {
        "official": lambda: shotgun_api3.Shotgun(shot_server.url, "robot", KEY),
        "ours": lambda: SGExtended(site=site),
    }[kind]
    pool = SGPool(make, max_size=1)
    used = []

    def ask(**answers):
        shot_server.answers.update(answers)
        with pool.lease() as sg:
            used.append(sg)
            return sg.find_one("Shot", [])["id"]

    whole = page({"type": "Shot", "id": 7})
    assert ask(read=whole) == 7
    with pytest.raises(Exception) as broke:
        ask(read=lambda _request: Last(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"))
    assert ask(read=whole) == 7
    with pytest.raises(shotgun_api3.Fault, match="no such field"):
        ask(read=lambda _request: fault("no such field"))
    assert ask(read=whole) == 7
    pool.close(wait=True)

    first, same, second, third, fourth = used
    assert first is same
    assert first is not second
    assert second is third is fourth
    assert pool.stats()["broken"] == 1
    assert not isinstance(broke.value, shotgun_api3.Fault)


def fault(message):
    body = b'{"exception": true, "error_code": 100, "message": "%s"}' % message.encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def test_pool_of_whatever_has_no_close():
    """
    A factory may return any object; an object without close is dropped.
    """
    with SGPool(dict, max_size=1) as pool:
        with pool.lease() as first:
            first["seen"] = True
        with pytest.raises(TransportError), pool.lease():
            raise TransportError("lost")
        with pool.lease() as second:
            assert (first, second) == ({"seen": True}, {})
