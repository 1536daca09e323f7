"""Clients that are slow, silent or many, on raw sockets against a real server: none holds it for long."""

import asyncio
import gc
import json
import re
import shutil
import socket
import struct
import time
import weakref
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from starlette.responses import Response

from graph.limits.limit_settings import LimitSettings
from tests.conftest import on_sqlite
from tests.in_process_server import connected, served
from tests.processes import Serving, Spawn

SECONDS = 0.5
# Closes with a reset.
AT_ONCE = struct.pack("ii", 1, 0)
SHORT = {name: str(SECONDS) for name in ("header_timeout", "body_timeout", "keep_alive_timeout")}
PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = PING.replace(b"Host", b"Connection: close\r\nHost")
HEAD = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Serving]:
    """A server of short patience."""
    folder = tmp_path_factory.mktemp("deadlines")
    shutil.copy(migrated_sqlite, folder / "tidegraph.db")
    with Spawn(folder) as spawn:
        yield spawn.serve(**SHORT)


@pytest.fixture
def client(serving: Serving) -> Iterator[socket.socket]:
    with connect(serving) as client:
        yield client


def connect(serving: Serving) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(serving.url.rpartition(":")[2])), timeout=10)


def read(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = b""
    try:
        while part := client.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def answers(client: socket.socket) -> list[str]:
    """The status lines of all that comes until the server closes."""
    return [line.decode() for line in re.findall(rb"HTTP/1\.1 \d[^\r]*", read(client))]


def trickle(client: socket.socket, sent: bytes, every: float = 0.1) -> float:
    """Send a byte at a time until the server closes; the seconds that it took."""
    started = time.monotonic()
    client.settimeout(every)
    for number in range(len(sent)):
        try:
            client.send(sent[number : number + 1])
            if not client.recv(1, socket.MSG_PEEK):
                break
            if client.recv(65536, socket.MSG_PEEK):
                break
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    client.settimeout(10)
    return time.monotonic() - started


def test_slow_headers_end_with_408(client: socket.socket) -> None:
    """However busily they trickle."""
    took = trickle(client, b"GET /ping HTTP/1.1\r\nX-Slow: " + b"x" * 500)

    assert ["HTTP/1.1 408 Request Timeout"] == answers(client)
    assert SECONDS - 0.1 < took < SECONDS + 2


def test_slow_headers_of_a_second_request_end_too(client: socket.socket) -> None:
    """A connection that was good once is not trusted for ever, nor is one that sends empty lines."""
    client.sendall(PING)
    first = client.recv(65536)
    took = trickle(client, b"\r\n" * 250)

    assert first.startswith(b"HTTP/1.1 200 OK")
    assert took < SECONDS + 2


def test_a_slow_body_ends_with_408(client: socket.socket) -> None:
    """The answer has a code like any other, and the connection is closed."""
    client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
    took = trickle(client, b" " * 500)
    received = read(client)
    # Nothing may follow the one answer.
    (error,) = json.loads(received.partition(b"\r\n\r\n")[2])["errors"]

    assert received.startswith(b"HTTP/1.1 408 Request Timeout")
    assert ("The body was not received within 0.5 seconds.", "TIMEOUT") == (
        error["message"],
        error["extensions"]["code"],
    )
    assert SECONDS - 0.1 < took < SECONDS + 2


def test_a_slow_chunked_body_ends_with_408(client: socket.socket) -> None:
    """Its length is not known, its deadline is."""
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    trickle(client, b"1\r\n \r\n" * 100)

    assert ["HTTP/1.1 408 Request Timeout"] == answers(client)


def test_the_rest_of_a_refused_body_is_not_waited_for(client: socket.socket) -> None:
    """Its answer is there already; the connection ends although bytes still come."""
    client.sendall(HEAD.replace(b"json", b"xml") + b"Content-Length: 1000\r\n\r\n")
    refused = client.recv(65536)
    took = trickle(client, b" " * 500)

    assert refused.startswith(b"HTTP/1.1 415 ")
    assert took < SECONDS + 2


@pytest.mark.parametrize("sent", [b"", PING], ids=["new", "after a request"])
def test_an_idle_connection_is_closed(sent: bytes, client: socket.socket) -> None:
    """In silence: there is nothing to answer."""
    started = time.monotonic()
    client.sendall(sent)

    assert (["HTTP/1.1 200 OK"] if sent else []) == answers(client)
    assert SECONDS - 0.1 < time.monotonic() - started < SECONDS + 2


async def test_clients_that_read_nothing_are_cut_off() -> None:
    """What waits in the server's memory does not do so for ever; it is more than the kernel takes."""
    large = Response(b"x" * 20_000_000)
    async with (
        asyncio.timeout(30),
        served(large, LimitSettings(**SHORT)) as server,
        AsyncExitStack() as stack,
    ):
        for sent in (PING, PING * 2, LAST, LAST * 2):
            _, writer = await stack.enter_async_context(connected(server))
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(sent)
        # Each was answered before it was cut off.
        while server.server_state.total_requests < 4 or server.server_state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_nothing_is_kept_of_a_connection_that_was_reset() -> None:
    """Not until it would have been idle for too long: whoever resets many would fill the memory."""
    async with asyncio.timeout(30), served(Response("pong"), LimitSettings()) as server:
        async with connected(server) as (reader, writer):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            writer.write(PING)
            await reader.readuntil(b"pong")
            lost = weakref.ref(next(iter(server.server_state.connections)))
        while server.server_state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        gc.collect()

        assert lost() is None


def test_requests_in_good_time_share_a_connection(client: socket.socket) -> None:
    """No deadline of one request goes on into the next, and two that come at once are both answered."""
    for _ in range(6):
        client.sendall(PING)
        time.sleep(SECONDS / 4)
    client.sendall(PING * 2)

    assert ["HTTP/1.1 200 OK"] * 8 == answers(client)


@on_sqlite
def test_2000_idle_connections_keep_nobody_waiting(database_url: str, spawn: Spawn) -> None:
    """By default; half of them have begun a request."""
    serving = spawn.serve(database_url=database_url)
    with ExitStack() as idle:
        for number in range(2_000):
            client = idle.enter_context(connect(serving))
            if number % 2:
                client.sendall(HEAD)
        started = time.monotonic()
        answers = [serving.post("{ __typename }") for _ in range(20)]
        took = time.monotonic() - started

    assert [{"data": {"__typename": "Query"}}] * 20 == answers
    assert took < 5


@on_sqlite
def test_a_connection_too_many_gets_503(database_url: str, spawn: Spawn) -> None:
    """With the seconds to wait; the probes are answered, and as soon as one has gone so is everybody."""
    serving = spawn.serve(database_url=database_url, connection_limit="10")
    with ExitStack() as idle:
        for _ in range(10):
            idle.enter_context(connect(serving))
        full = serving.get("/graphql?query={__typename}")
        alive = serving.get("/livez")
    until = time.monotonic() + 10
    # The server hears of it when it gets to it.
    while "errors" in (after := serving.post("{ __typename }")) and time.monotonic() < until:
        time.sleep(0.02)
    (error,) = full.json()["errors"]

    assert (503, "1", "close") == (full.status_code, full.headers["Retry-After"], full.headers["Connection"])
    assert "SERVICE_UNAVAILABLE" == error["extensions"]["code"]
    assert 200 == alive.status_code
    assert {"data": {"__typename": "Query"}} == after
