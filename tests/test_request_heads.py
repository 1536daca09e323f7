"""Heads of requests, and what stands behind their bodies: so much of it is read and no more, however fast."""

import asyncio
import re
import socket
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from graph.limits.limit_settings import LimitSettings
from tests.in_process_server import connected, served
from tests.processes import Serving
from tests.sockets import connect, exchange

PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LINES = b"X-Large: %b\r\n" % (b"x" * 1_000) * 70
END = b"\r\n\r\n"
BAD = "HTTP/1.1 400 Bad Request"
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
    "large": (PING + LINES, [TOO_LARGE]),
    "of too many headers": (PING + b"a:\r\n" * 201, [TOO_LARGE]),
    "not HTTP": (b"PING\r\n\r\n", [BAD]),
    "of two hosts": (PING + b"Host: localhost\r\n\r\n", [BAD]),
    "a body without a length": (CHUNKED + b"no length\r\n", [BAD]),
    "a tunnel": (PING.replace(b"GET /ping", b"CONNECT example.com:443") + b"\r\n", [BAD]),
}


@pytest.mark.parametrize(("sent", "refusal"), UNREADABLE.values(), ids=UNREADABLE)
async def test_a_bad_request_is_refused_after_the_one_before_it(sent: bytes, refusal: list[str]) -> None:
    """A client that sends ahead gets the responses to what came whole first, then the refusal."""
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await done.wait()
        await Request(scope, receive).body()
        await Response("done")(scope, receive, send)

    async with (
        asyncio.timeout(30),
        served(slow, LimitSettings()) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(PING + b"\r\n")
        await begun.wait()
        (connection,) = server.server_state.connections
        before = connection.buffered
        writer.write(sent)
        while connection.buffered == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        done.set()
        received = await reader.read()

    assert ["HTTP/1.1 200 OK", *refusal] == statuses(received)
    assert b"connection: close" in received


def test_nothing_behind_the_last_request_is_processed(server: Serving) -> None:
    """Neither refused nor run."""
    with connect(server.url) as client:
        client.sendall(PING + b"Connection: close\r\n\r\n" + b"PING\r\n\r\n" + PING + b"\r\n")

        assert ["HTTP/1.1 200 OK"] == answers(client)


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
        served(echo, LimitSettings(header_timeout=1)) as server,
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
def test_requests_may_be_sent_ahead_of_their_responses(offer: bytes, server: Serving) -> None:
    """Any number of them, with and without bodies."""
    ping = PING + offer + b"\r\n"
    post = POST + b"Content-Length: 27\r\n\r\n" + b'{"query": "{ __typename }"}'
    in_chunks = CHUNKED + b"1b\r\n" + b'{"query": "{ __typename }"}' + b"\r\n0\r\nX-Sum: 1\r\n\r\n"
    last = PING + b"Connection: close\r\n\r\n"
    with connect(server.url) as client:
        client.sendall((ping + post + in_chunks) * 100 + last)

        assert ["HTTP/1.1 200 OK"] * 301 == answers(client)


HOSTS = {
    "none": (b"GET /ping HTTP/1.1\r\n", BAD),
    "two": (PING + b"Host: localhost\r\n", BAD),
    "two in HTTP/1.0": (PING.replace(b"1.1", b"1.0") + b"Host: localhost\r\n", BAD),
    "with a path": (PING.replace(b"localhost", b"localhost/x"), BAD),
    "with a user": (PING.replace(b"localhost", b"me@localhost"), BAD),
    "a list": (PING.replace(b"localhost", b"a, b"), BAD),
    "empty": (PING.replace(b"localhost", b""), "HTTP/1.1 200 OK"),
    "with a port": (PING.replace(b"localhost", b"[::1]:8000"), "HTTP/1.1 200 OK"),
    "none in HTTP/1.0": (b"GET /ping HTTP/1.0\r\n", "HTTP/1.1 200 OK"),
}


@pytest.mark.parametrize(("sent", "status"), HOSTS.values(), ids=HOSTS)
def test_a_request_has_one_host(sent: bytes, status: str, server: Serving) -> None:
    """As RFC 9112 wants it."""
    with connect(server.url) as client:
        client.sendall(sent + b"Connection: close\r\n\r\n")

        assert [status] == answers(client)


def test_a_body_that_was_not_asked_for_closes_the_connection(server: Serving) -> None:
    """Behind the refusal may come the body or another request, which must not be taken for each other."""
    expects = POST.replace(b"json", b"xml") + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
    with connect(server.url) as client:
        client.sendall(expects)
        first = client.recv(65536)
        client.sendall(PING + b"\r\n")

        assert [] == answers(client)
    assert ["HTTP/1.1 415 Unsupported Media Type"] == statuses(first)
    assert b"\r\nconnection: close\r\n" in first


def test_http_1_0_is_not_told_to_continue(server: Serving) -> None:
    """Its clients do not know that response."""
    body = b'{"query": "{ __typename }"}'
    head = POST.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with connect(server.url) as client:
        client.sendall(head % len(body) + body)

        assert ["HTTP/1.1 200 OK"] == answers(client)
