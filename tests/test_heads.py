"""Heads of requests, and what stands behind their bodies: so much of it is read and no more, however fast."""

import asyncio
import re
import socket
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from graph.limits.bounds import Bounds
from tests.processes import Serving
from tests.served import connected, served
from tests.sockets import connect, exchange

PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LINES = b"X-Large: %b\r\n" % (b"x" * 1_000) * 70
TOO_LARGE = "HTTP/1.1 431 Request Header Fields Too Large"


def answers(client: socket.socket) -> list[str]:
    """The status lines of all that comes until the server closes."""
    received = b""
    try:
        while part := client.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return statuses(received)


def statuses(received: bytes) -> list[str]:
    return [line.decode() for line in re.findall(rb"HTTP/1\.1 \d[^\r]*", received)]


def test_headers_have_a_largest_size(server: Serving) -> None:
    """However fast they come."""
    with connect(server.url) as client:
        client.sendall(PING + LINES)

        assert [TOO_LARGE] == answers(client)


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["unfinished", "whole"])
def test_headers_have_a_largest_number(end: bytes, server: Serving) -> None:
    """However small they are; the answer is one, and nothing is run with a part of them."""
    with connect(server.url) as many, connect(server.url) as most:
        many.sendall(PING + b"a:\r\n" * 201 + end)
        most.sendall(PING + b"a:\r\n" * 198 + b"Connection: close\r\n\r\n")

        assert [TOO_LARGE] == answers(many)
        assert ["HTTP/1.1 200 OK"] == answers(most)


BEHIND = {
    "headers": b"\r\n" + LINES,
    "a header": b"\r\nX: " + b"x" * 70_000,
    "an extension": b";" + b"x" * 70_000,
}


@pytest.mark.parametrize("sent", BEHIND.values(), ids=BEHIND)
def test_what_stands_behind_a_body_has_a_largest_size(sent: bytes, server: Serving) -> None:
    """It is read by nobody, and until its deadline gigabytes could come."""
    with connect(server.url) as client:
        client.sendall(CHUNKED.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        is_read = client.recv(65536)
        client.sendall(b"0" + sent)

        assert is_read.startswith(b"HTTP/1.1 100 ")
        assert [TOO_LARGE] == answers(client)


def test_headers_behind_a_refused_body_have_a_largest_size(server: Serving) -> None:
    """The answer is there already, as it is at once for somebody without a key."""
    with connect(server.url) as client:
        client.sendall(CHUNKED.replace(b"json", b"xml"))
        refused = client.recv(65536)
        client.sendall(b"0\r\n" + LINES)

        assert refused.startswith(b"HTTP/1.1 415 ")
        assert [TOO_LARGE] == answers(client)


UNREADABLE = {
    "large": PING + LINES,
    "of too many headers": PING + b"a:\r\n" * 201,
    "not HTTP": b"PING\r\n\r\n",
    "a tunnel": PING.replace(b"GET /ping", b"CONNECT example.com:443") + b"\r\n",
    "behind the last one": PING.replace(b"Host", b"Connection: close\r\nHost") + b"\r\n" + LINES,
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_is_no_answer_to_what_runs(sent: bytes) -> None:
    """Whoever sends ahead gets the answers to what came whole, and no more is read."""
    received = await answered_behind(sent)

    assert ["HTTP/1.1 200 OK"] == statuses(received)
    assert b"connection: close" in received


async def test_a_body_that_cannot_be_read_is_refused_in_its_turn() -> None:
    """Its request is not run, and nobody waits for the rest of it."""
    received = await answered_behind(CHUNKED + b"no length\r\n")

    assert ["HTTP/1.1 200 OK", "HTTP/1.1 400 Bad Request"] == statuses(received)


async def answered_behind(sent: bytes) -> bytes:
    """All that comes where these bytes follow a request that runs until they were read."""
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await done.wait()
        await Response("done")(scope, receive, send)

    async with (
        asyncio.timeout(30),
        served(slow, Bounds()) as server,
        connected(server) as (reader, writer),
    ):
        ahead, _, rest = sent.partition(b"\r\n\r\n") if b"close" in sent else (PING, b"", sent)
        writer.write(ahead.rstrip() + b"\r\n\r\n")
        await begun.wait()
        writer.write(rest)
        (connection,) = server.server_state.connections
        while connection.transport.is_reading():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        done.set()
        return await reader.read()


async def test_a_body_sent_ahead_is_not_a_late_head() -> None:
    """What is answered before it says nothing of how long it may take."""
    done = asyncio.Event()

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        if body:
            await done.wait()
        await Response(body)(scope, receive, send)

    async with (
        asyncio.timeout(30),
        served(echo, Bounds(header_timeout=1)) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(PING + b"\r\n" + POST + b"Content-Length: 4\r\n\r\n")
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"body")
        await asyncio.sleep(1.5)
        done.set()
        second = await reader.readuntil(b"body")

    assert ["HTTP/1.1 200 OK"] * 2 == statuses(first + second)
    assert b"connection: close" not in second


def test_a_body_in_many_pieces_is_no_large_head(server: Serving) -> None:
    """What is around the pieces may be more than the body; what stands behind them is not looked at."""
    body = b'{"query": "{ __typename }"' + b" " * 100_000 + b"}"
    pieces = b"".join(b"1\r\n%c\r\n" % each for each in body)
    answer = exchange(server.url, CHUNKED + pieces + b"0\r\nX-Sum: 1\r\n\r\n")

    assert {"data": {"__typename": "Query"}} == answer.json()


@pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"], ids=["plain", "offers"])
def test_a_few_requests_may_be_sent_ahead_of_their_answers(offer: bytes, server: Serving) -> None:
    """No more are kept: a packet of small ones would take a hundred times its size."""
    ping = PING + offer + b"\r\n"
    with connect(server.url) as few, connect(server.url) as many:
        few.sendall(
            ping * 16 + ping.replace(b"Host", b"Connection: close\r\nHost").replace(b": Upgrade", b": x")
        )
        many.sendall(ping * 18)

        assert ["HTTP/1.1 200 OK"] * 17 == answers(few)
        assert [] == answers(many)
