"""What one connection holds in memory, and how long its client may take to read, on real sockets."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from graph.http.response_sending import CHUNK_BYTES, gzip, send_response
from graph.limits.body_memory import FREE_BYTES, BodyMemoryLimit, Reservation
from graph.limits.client_connections import MAX_BUFFERED, MIN_READ
from graph.limits.limit_settings import LimitSettings
from tests.in_process_server import connected, served
from tests.test_request_heads import CHUNKED, PING, POST

# More than the kernel takes at both ends.
LARGE = 1_000_000
GET = PING + b"\r\n"


class Gate:
    """An application whose first response waits until `opened`; each is the length of the request's body."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.opened.wait()
        body = await Request(scope, receive).body()
        await Response(f"<{len(body)}>")(scope, receive, send)


async def until(true: Any) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


AHEAD = {
    "large bodies": ((POST + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000) * 15, [100_000] * 15),
    "no bodies": (GET * 1_500, [0] * 1_500),
    "many headers": ((PING + b"a:\r\n" * 190 + b"\r\n") * 200, [0] * 200),
    "large heads": ((PING + b"X: %b\r\n\r\n" % (b"x" * 60_000)) * 5, [0] * 5),
    "tiny chunks": ((CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n") * 2, [20_000] * 2),
    "trailers": ((CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n" + b"X: 1\r\n" * 500 + b"\r\n") * 20, [4] * 20),
}


@pytest.mark.parametrize(("sent", "lengths"), AHEAD.values(), ids=AHEAD)
async def test_requests_sent_ahead_take_little_memory(sent: bytes, lengths: list[int]) -> None:
    """Reading stops at MAX_BUFFERED bytes until the request before them is answered; then all of them are."""
    gate = Gate()
    async with (
        asyncio.timeout(60),
        served(gate, LimitSettings()) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(GET + sent)
        await until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        await until(lambda: connection.buffered and not connection.transport.is_reading())
        held, waiting = connection.buffered, len(server.server_state.tasks)
        gate.opened.set()
        expected = b"".join(b"<%d>" % length for length in [0, *lengths])
        received = b""
        while received.count(b">") < len(lengths) + 1:
            received += await reader.read(65536)

    assert held <= MAX_BUFFERED + MIN_READ
    assert 1 == waiting
    assert expected == b"".join(part.partition(b">")[0] + b">" for part in bodies(received))


def bodies(received: bytes) -> list[bytes]:
    return [b"<" + part for part in received.split(b"<")[1:]]


@pytest.mark.parametrize("size", [0, 50_000], ids=["small head", "large head"])
async def test_a_body_that_is_not_taken_takes_little_memory(size: int) -> None:
    """It comes as the application takes it, behind a large head too."""
    gate = Gate()
    head = POST + b"X: %b\r\nContent-Length: 900000\r\n\r\n" % (b"x" * size)
    async with (
        asyncio.timeout(60),
        served(gate, LimitSettings()) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(head + b"x" * 900_000)
        await until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        await until(lambda: connection.buffered > size and not connection.transport.is_reading())
        held = connection.buffered
        gate.opened.set()
        received = await reader.readuntil(b">")

    assert held <= max(MAX_BUFFERED, len(head)) + MIN_READ
    assert received.endswith(b"<900000>")


async def test_an_idle_connection_holds_nothing_of_its_last_request() -> None:
    """Neither its head nor its body."""
    gate = Gate()
    gate.opened.set()
    head = POST + b"X: %b\r\nContent-Length: 5\r\n\r\n" % (b"x" * 50_000)
    async with (
        asyncio.timeout(60),
        served(gate, LimitSettings()) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(head + b"12345")
        await reader.readuntil(b">")
        (connection,) = server.server_state.connections
        cycle = connection.cycle

        assert (0, [], b"", {}, {}, b"") == (
            connection.buffered,
            connection.headers,
            connection.url,
            connection.scope,
            cycle.scope,
            bytes(cycle.body),
        )


class Sender:
    """An application that sends LARGE bytes by `send_response`, charged to its `memory`."""

    def __init__(self, body: bytes = b"x" * LARGE) -> None:
        self.memory = BodyMemoryLimit(10 * LARGE)
        self.body = body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with Reservation(self.memory) as reservation:
            response = Response(self.body)
            await send_response(Request(scope, receive), response, reservation, send)


@asynccontextmanager
async def unread(server: uvicorn.Server, sent: bytes = GET) -> AsyncIterator[tuple[socket.socket, Any]]:
    """A client that has sent this and reads nothing, and the server's connection once its response waits."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.setblocking(False)
        await loop.sock_connect(client, server.servers[0].sockets[0].getsockname())
        await loop.sock_sendall(client, sent)
        await until(lambda: any(each.flow.write_paused for each in server.server_state.connections))
        (connection,) = server.server_state.connections
        yield client, connection


async def test_a_response_is_charged_until_it_is_read() -> None:
    """All of it, of which no more than a piece is in the connection's buffer."""
    sender = Sender()
    loop = asyncio.get_running_loop()
    async with (
        asyncio.timeout(60),
        served(sender, LimitSettings(write_timeout=60)) as server,
        unread(server) as (client, connection),
    ):
        charged = sender.memory.used
        buffered = connection.transport.get_write_buffer_size()
        received = 0
        while received < LARGE:
            received += len(await loop.sock_recv(client, 1_000_000))
        await until(lambda: not sender.memory.used)

    assert LARGE - FREE_BYTES == charged
    assert 0 < buffered <= FREE_BYTES + CHUNK_BYTES


async def test_a_compressed_response_is_charged_with_its_own_size() -> None:
    """The uncompressed one is gone by then."""
    sender = Sender(random.Random(1).randbytes(LARGE // 2).hex().encode())
    asks = PING + b"Accept-Encoding: gzip\r\n\r\n"
    async with (
        asyncio.timeout(60),
        served(sender, LimitSettings(write_timeout=60)) as server,
        unread(server, asks),
    ):
        charged = sender.memory.used

    assert len(gzip(sender.body)) - FREE_BYTES == charged < LARGE


async def test_a_response_that_nobody_reads_ends_with_its_connection() -> None:
    """After `write_timeout`; the next one in line is not sent."""
    sender = Sender()
    async with (
        asyncio.timeout(60),
        served(sender, LimitSettings(write_timeout=0.2)) as server,
        unread(server, GET * 3) as (_, connection),
    ):
        await until(connection.transport.is_closing)
        await until(lambda: not sender.memory.used and not server.server_state.tasks)

        assert not server.server_state.connections


async def test_a_response_that_is_reset_is_not_charged() -> None:
    """A client that leaves in the middle of it frees its memory at once."""
    sender = Sender()
    async with asyncio.timeout(60), served(sender, LimitSettings(write_timeout=60)) as server:
        async with unread(server, GET * 3):
            charged = sender.memory.used
        await until(lambda: not sender.memory.used and not server.server_state.tasks)

    assert LARGE - FREE_BYTES == charged


async def test_a_slow_reader_is_not_cut_off() -> None:
    """Each byte that it accepts is progress, also one of those that the kernel holds."""
    sender = Sender()
    loop = asyncio.get_running_loop()
    async with (
        asyncio.timeout(60),
        served(sender, LimitSettings(write_timeout=3_600)) as server,
        unread(server) as (client, connection),
    ):
        before = connection._count_unsent()
        buffered = connection.transport.get_write_buffer_size()
        while connection._count_unsent() == before:
            await loop.sock_recv(client, 1_000)
        connection._progress_at -= 3_600
        connection._check_progress()
        is_cut_with_progress = connection.transport.is_closing()
        connection._progress_at -= 3_600
        connection._check_progress()

    assert not is_cut_with_progress
    assert buffered > 0
    assert connection.transport.is_closing()
