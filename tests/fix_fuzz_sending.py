"""
One request of the fuzzer as plain data, and how it is sent.
"""

import http.client
import socket
from typing import Dict, NamedTuple, Tuple


class Sent(NamedTuple):
    """
    One request: how it was made, and its parts.
    """

    kind: str
    method: str
    path: str
    headers: Dict[str, str]
    body: bytes


def send(sent: Sent, port: int, timeout: float = 30.0) -> Tuple[int, bytes]:
    """
    Send a request; return the status and the body of the response. Status 0: the site hung up, as it may on bad bytes.
    """
    if sent.kind == "bytes":
        return _send_bytes(sent.body, port, timeout)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.putrequest(
            sent.method, sent.path.encode("utf-8", "replace").decode("latin-1"), skip_accept_encoding=True
        )
        for name, value in {**sent.headers, "content-length": str(len(sent.body))}.items():
            connection.putheader(name, value)
        connection.endheaders(sent.body)
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.InvalidURL:
        return 0, b""
    except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
        return 0, b""
    finally:
        connection.close()


def _send_bytes(data: bytes, port: int, timeout: float) -> Tuple[int, bytes]:
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
    except OSError:
        return 0, answer
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, answer


def is_failure(status: int, body: bytes) -> bool:
    """
    Return whether a response is a failure inside the site.
    """
    return status >= 500 or b"The local site failed" in body
