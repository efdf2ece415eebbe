"""
A server that answers ``info`` and ``read`` with pages made beforehand, so that it is never the bottleneck.

Started by the benchmarks in a process of its own. It prints its address, and with --tls the path of its authority's
certificate, in one line, and serves until it is killed.
"""

import argparse
import asyncio
import contextlib
import json
import re
import ssl
import tempfile
from pathlib import Path

import shotgun_api3
import trustme

INFO = {"version": [8, 60, 0], "full_version": [8, 60, 0, 0], "api_max_entities_per_page": 500}
PAGE_SIZE = 500
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PAGE = re.compile(rb'"current_page": *(\d+)')
_SIZE = re.compile(rb'"entities_per_page": *(\d+)')


def record(number: int) -> "dict[str, object]":
    """
    Return a record of 15 fields: two datetimes, two lists of 6 to 8 links, two links, texts and numbers.
    """
    people = [{"type": "HumanUser", "id": n, "name": f"Artist {n}"} for n in range(number % 3 + 6)]
    assets = [{"type": "Asset", "id": number + n, "name": f"char_{number + n:05}"} for n in range(8 - number % 3)]
    return {
        "type": "Task",
        "id": number,
        "content": f"animation {number}",
        "sg_status_list": ("wtg", "ip", "fin")[number % 3],
        "sg_description": f"Second pass on shot {number}, see the notes of the last review.",
        "start_date": "2026-03-02",
        "due_date": "2026-03-20",
        "duration": 480 * (number % 9 + 1),
        "est_in_mins": 960,
        "milestone": False,
        "entity": {"type": "Shot", "id": number // 4, "name": f"sh{number // 4:04}"},
        "project": {"type": "Project", "id": 70, "name": "Benchmark"},
        "task_assignees": people,
        "assets": assets,
        "created_at": f"2026-01-{number % 28 + 1:02}T09:{number % 60:02}:00Z",
        "updated_at": f"2026-02-{number % 28 + 1:02}T17:30:{number % 60:02}Z",
    }


def pages(total: int) -> "list[bytes]":
    """
    Return the answers to ``read`` for each page, ready to send.
    """
    made = []
    for start in range(0, total, PAGE_SIZE):
        entities = [record(number) for number in range(start + 1, min(start + PAGE_SIZE, total) + 1)]
        paging = {"has_next_page": start + PAGE_SIZE < total}
        made.append(answer({"results": {"entities": entities, "paging_info": paging}}))
    return made


def answer(reply: object) -> bytes:
    """
    Return a whole HTTP answer with a JSON body.
    """
    body = json.dumps(reply, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(total: int, latency: float, context: "ssl.SSLContext | None", ca_file: str) -> None:
    """
    Serve on a free port of loopback; each answer is held back for *latency* seconds.
    """
    ready, info, one = pages(total), answer(INFO), answer({"results": {"entities": [record(1)]}})
    beyond = answer({"results": {"entities": [], "paging_info": {"has_next_page": False}}})

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if latency:
                    await asyncio.sleep(latency)
                if b'"method_name": "info"' in body:
                    writer.write(info)
                elif _SIZE.search(body)[1] == b"1":
                    writer.write(one)
                else:
                    number = int(_PAGE.search(body)[1])
                    writer.write(ready[number - 1] if number <= len(ready) else beyond)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    print(f"http{'s' if context else ''}://127.0.0.1:{port} {ca_file}", flush=True)
    async with server:
        await server.serve_forever()


def certificates(folder: str) -> "tuple[ssl.SSLContext, str]":
    """
    Return a server's TLS context and the path of a file with the authority that signed its certificate.
    """
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    # As many authorities as a client really loads: those of shotgun_api3, and this one.
    usual = Path(shotgun_api3.__file__).parent / "lib" / "certifi" / "cacert.pem"
    ca_file = Path(folder) / "ca.pem"
    ca_file.write_bytes(usual.read_bytes() + authority.cert_pem.bytes())
    return context, str(ca_file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--total", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, contextlib.suppress(KeyboardInterrupt):
        secured = certificates(place) if options.tls else (None, "")
        asyncio.run(serve(options.total, options.latency, *secured))
