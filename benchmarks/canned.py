"""
A server that answers ``info``, ``read``, ``create``, ``update`` and ``batch`` with records encoded beforehand: it is
never the bottleneck.

Started by ``run.py`` in a process of its own. It prints its address, and with --tls the path of its authority's
certificate, in one line, and serves until its input ends.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import re
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

import shotgun_api3
import trustme
from records import PAGE_SIZE, SHOT, created, record

INFO = {"version": [8, 60, 0], "full_version": [8, 60, 0, 0], "api_max_entities_per_page": PAGE_SIZE}
# Records beyond have an id of their own and the content of an earlier one, so that any number fits into memory.
DIFFERENT_RECORDS = 20_000
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def packed(value: object) -> bytes:
    """
    Return a value as JSON, without blanks.
    """
    return json.dumps(value, separators=(",", ":")).encode()


def answer(body: bytes) -> bytes:
    """
    Return a whole HTTP answer with a JSON body.
    """
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def bounds(filters: Mapping[str, Any], total: int) -> Tuple[int, int]:
    """
    Return the lowest and the highest id that the conditions on ids leave; others are not looked at.
    """
    low, high = 1, total
    for condition in filters.get("conditions", ()):
        if "conditions" in condition:
            inner = bounds(condition, total)
            low, high = max(low, inner[0]), min(high, inner[1])
        elif condition["path"] == "id" and condition["relation"] == "greater_than":
            low = max(low, condition["values"][0] + 1)
        elif condition["path"] == "id" and condition["relation"] == "less_than":
            high = min(high, condition["values"][0] - 1)
        elif condition["path"] == "id":
            raise NotImplementedError(condition)
    return low, high


def assets_of(project: int) -> int:
    """
    Return how many assets a project has; two projects that follow each other never have as many.
    """
    return 20 + project % 50


def asset(project: int, number: int) -> Dict[str, Any]:
    """
    Return an asset of a project as a site sends it: the five fields of ``find_assets``.
    """
    return {
        "type": "Asset",
        "id": 1000 * project + number,
        "code": f"asset_{number:03}",
        "sg_asset_type": ("Character", "Prop", "Environment")[number % 3],
        "sg_status_list": ("wtg", "ip", "fin")[number % 3],
        "description": f"Asset {number} of project {project}, as the art department wants it.",
        "project": {"type": "Project", "id": project, "name": f"Project {project}"},
    }


class Answers:
    """
    What a site says that has the records 1 to *total*, and some assets in each project, whole HTTP answers. Pages are
    made once and kept, for a while.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._info = answer(packed(INFO))
        self._shot = answer(packed({"results": SHOT}))
        self._shots = answer(packed({"results": {"entities": [SHOT], "paging_info": {"has_next_page": False}}}))
        self._ends = [self._end(number) for number in range(1, min(total, DIFFERENT_RECORDS) + 1)]
        for first in range(1, len(self._ends) + 1, PAGE_SIZE):
            self._page(first, PAGE_SIZE, total)

    def to(self, body: bytes) -> bytes:
        """
        Return the answer to a request.
        """
        request = json.loads(body)
        method = request["method_name"]
        if method == "info":
            return self._info
        params = request["params"][-1]  # the first one says who asks
        if method == "batch":
            return self._created(len(params))
        if method in {"create", "update"}:
            return self._shot
        if method != "read":
            raise NotImplementedError(method)
        if params.get("type") == "Shot":
            return self._shots
        if params.get("type") == "Asset":
            (condition,) = params["filters"]["conditions"]
            return self._assets(condition["values"][0]["id"])
        size, number = params["paging"]["entities_per_page"], params["paging"]["current_page"]
        low, high = bounds(params["filters"], self._total)
        if [key["direction"] for key in params.get("sorts", ())] == ["desc"]:
            assert size == number == 1, "backwards only the last one can be asked for"
            low = max(low, high)
        return self._page(low + (number - 1) * size, size, high)

    @staticmethod
    def _end(number: int) -> bytes:
        """
        Return what follows the id in the JSON of a record.
        """
        start, text = b'{"type":"Task","id":%d,' % number, packed(record(number))
        assert text.startswith(start), text
        return text[len(start) :]

    @functools.lru_cache(maxsize=2 * DIFFERENT_RECORDS // PAGE_SIZE)  # noqa: B019 - one object, as long as the process
    def _page(self, first: int, size: int, last: int) -> bytes:
        """
        Return the page that begins with the record *first*, of a result that ends with *last*.
        """
        numbers = range(first, min(first + size - 1, last) + 1)
        ends, different = self._ends, len(self._ends)
        records = b",".join([b'{"type":"Task","id":%d,%b' % (at, ends[(at - 1) % different]) for at in numbers])
        more = b"true" if first + size <= last else b"false"
        return answer(b'{"results":{"entities":[%b],"paging_info":{"has_next_page":%b}}}' % (records, more))

    @functools.cache  # noqa: B019 - as above
    def _assets(self, project: int) -> bytes:
        """
        Return the one page with the assets of a project.
        """
        entities = [asset(project, number) for number in range(1, assets_of(project) + 1)]
        return answer(packed({"results": {"entities": entities, "paging_info": {"has_next_page": False}}}))

    @functools.lru_cache(maxsize=2)  # noqa: B019 - as above
    def _created(self, number: int) -> bytes:
        """
        Return the answer to a batch of so many creates.
        """
        return answer(packed({"results": [created(at) for at in range(1, number + 1)]}))


async def serve(answers: Answers, latency: float, context: Optional[ssl.SSLContext], ca_file: str) -> None:
    """
    Serve on a free port of loopback until the input ends; each answer is held back for *latency* seconds.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if latency:
                    await asyncio.sleep(latency)
                writer.write(answers.to(body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    print(f"http{'s' if context else ''}://127.0.0.1:{port} {ca_file}", flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def certificates() -> Iterator[Tuple[ssl.SSLContext, str]]:
    """
    Give a server's TLS context and the path of a file with the authority that signed its certificate.
    """
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    # As many authorities as a client really loads: those of shotgun_api3, and this one.
    usual = Path(shotgun_api3.__file__).parent / "lib" / "certifi" / "cacert.pem"
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_bytes(usual.read_bytes() + authority.cert_pem.bytes())
        yield context, str(ca_file)


def main() -> None:
    """
    Serve.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--total", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    answers = Answers(options.total)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        secured = stack.enter_context(certificates()) if options.tls else (None, "")
        asyncio.run(serve(answers, options.latency, *secured))


if __name__ == "__main__":
    main()
