"""HTTP as bytes: what is sent stands in the test as it goes out, and no client mends it on the way."""

import json
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: its headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of all its errors."""
        return [error["extensions"]["code"] for error in self.json().get("errors", [])]


def connect(url: str) -> socket.socket:
    """A connection to a server of ours."""
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=PATIENCE)


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request, with the length of its body where its headers do not say that it comes in chunks."""
    sent = {"Host": "127.0.0.1", **headers}
    if body and "Transfer-Encoding" not in sent:
        sent["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, size: int = 60_000) -> bytes:
    """The body in chunks, with the empty one that ends it."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


def exchange(url: str, sent: bytes) -> Answer:
    """What the server answers to these bytes, on a connection of their own."""
    with connect(url) as connection:
        connection.sendall(sent)
        return read(connection, sent.split(b" ", 1)[0].decode())


def read(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer of a connection."""
    with HTTPResponse(connection, method=method) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
