"""Clients that send slowly, or nothing: their connections are closed, and others are answered meanwhile."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.processes import Serving, Spawn
from tests.sockets import connect, read, request

HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
QUERY = b'{"query": "{ __typename }"}'
ANSWER = {"data": {"__typename": "Query"}}
# The server's patience, and how long a test waits for what must come after it.
SECONDS, AT_MOST = 1, 10


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder: Path = tmp_path_factory.mktemp("impatient")
    with Spawn(folder) as spawn:
        yield spawn.serve(request_timeout=str(SECONDS), lock_timeout="0.4")


def seconds_until_closed(connection: socket.socket, dripping: bytes = b"") -> float:
    """How long the server keeps a connection on which nothing, or a byte now and then, is sent."""
    started = time.monotonic()
    connection.settimeout(0.2)
    while time.monotonic() - started < AT_MOST:
        with suppress(TimeoutError):
            try:
                if not connection.recv(1000):
                    break
            except ConnectionResetError:
                break
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(dripping[:1])
        dripping = dripping[1:]
    return time.monotonic() - started


@pytest.mark.parametrize(
    "sent", [b"", b"POST /", HEAD, HEAD + b"X: "], ids=["nothing", "a method", "half", "most"]
)
@pytest.mark.parametrize("dripping", [b"", b"x" * 1000], ids=["and stops", "and drips"])
def test_slow_headers_are_given_up(sent: bytes, dripping: bytes, impatient: Serving) -> None:
    """After the time that a request may take, however many letters come meanwhile."""
    with connect(impatient.url) as connection:
        connection.sendall(sent)
        seconds = seconds_until_closed(connection, dripping if sent else b"")

    assert SECONDS * 0.9 < seconds < AT_MOST
    assert ANSWER == impatient.post("{ __typename }")


def test_a_slow_body_is_given_up(impatient: Serving) -> None:
    """With an answer that says so."""
    with connect(impatient.url) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + QUERY)
        answer = read(connection, "POST")
        seconds = seconds_until_closed(connection)

    assert (408, ["TIMEOUT"]) == (answer.status, answer.codes)
    assert seconds < SECONDS
    assert ANSWER == impatient.post("{ __typename }")


def test_slow_headers_of_a_second_request_are_given_up(impatient: Serving) -> None:
    """The first one's good manners do not count."""
    with connect(impatient.url) as connection:
        connection.sendall(request("POST", "/graphql", {"Content-Type": "application/json"}, QUERY))
        answer = read(connection, "POST")
        connection.sendall(HEAD)
        seconds = seconds_until_closed(connection, b"x" * 1000)

    assert ANSWER == answer.json()
    assert SECONDS * 0.9 < seconds < AT_MOST


def test_an_idle_connection_is_closed(impatient: Serving) -> None:
    """After five seconds without a request."""
    with connect(impatient.url) as connection:
        connection.sendall(request("GET", "/ping", {}))
        answer = read(connection)
        seconds = seconds_until_closed(connection)

    assert b"pong" == answer.body
    assert 4 < seconds < AT_MOST


def test_silent_connections_keep_nobody_out(impatient: Serving) -> None:
    """Hundreds of them are open, and the next client is answered."""
    silent = [connect(impatient.url) for _ in range(800)]
    try:
        assert ANSWER == impatient.post("{ __typename }")
    finally:
        for connection in silent:
            connection.close()
