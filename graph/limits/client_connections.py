"""One client connection: its buffers, and its timeouts for sending requests and reading responses."""

import asyncio
import re
from asyncio import Transport
from asyncio.events import TimerHandle
from collections.abc import Callable
from fcntl import ioctl
from struct import unpack
from termios import TIOCOUTQ
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graph.errors import unavailable
from graph.limits.body_memory import FREE_BYTES
from graph.limits.limit_settings import LimitSettings

# Bytes of the request line and headers together, and of chunk headers or trailers. In memory a header takes a
# hundred bytes more.
MAX_HEAD_BYTES, MAX_HEADERS = 65_536, 200
# With so many bytes buffered, reading pauses while a request is answered. One read has MIN_READ bytes at
# least, or a large head would leave nothing for its body.
MAX_BUFFERED, MIN_READ = 32_768, 4_096
HEAD_END = b"\r\n\r\n"
HOST = re.compile(rb"[\w.~!$&'()*+,;=%:\[\]-]*", re.ASCII)
# Seconds for the client of a rejected request to read the response.
LINGER = 2
TOO_LARGE = b"431 Request Header Fields Too Large"
GRAPHQL = "/graphql"


class BadRequestError(Exception):
    """Stops the parser: the request gets 400, or the connection is closing."""


class Connection(HttpToolsProtocol):
    """Uvicorn's connection, with limits for headers, slow clients and pipelined requests.

    It parses one request at a time. Pipelined ones stay in `_unparsed` until that one is answered. Every
    head and every chunked body ends with HEAD_END, so that its end is found without parsing. `_head` counts
    the bytes since the last head, or since the last piece of a body.
    """

    def __init__(self, limits: LimitSettings, is_draining: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._limits, self._is_draining = limits, is_draining
        self._head_timer: TimerHandle | None = None
        self._progress_timer: TimerHandle | None = None
        self._unsent, self._progress_at = 0, 0.0
        self._unparsed, self._tail = b"", b""
        self._head = self._head_size = 0
        self._in_body, self._body_left = False, 0
        self._is_last = False

    @property
    def _is_answered(self) -> bool:
        """Whether the last request was answered; its body may still be coming."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def buffered(self) -> int:
        """Bytes of heads, of a body that the application has not read, and of pipelined requests."""
        head = self._head_size if self._in_body else self._head_size + self._head
        return head + len(self._unread) + len(self._unparsed)

    @property
    def _unread(self) -> bytearray:
        return bytearray() if self._is_answered else self.cycle.body

    @property
    def read_size(self) -> int:
        """The maximum size of the next read."""
        return max(MIN_READ, MAX_BUFFERED - self.buffered)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=FREE_BYTES, low=0)
        self.flow = self._gate = Flow(transport)
        if len(self.connections) > self._limits.connection_limit:
            self.app = ConnectionLimitApp(self.app)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_ended()
        super().connection_lost(exc)
        # Uvicorn leaves this timer, and with it the connection, where the connection was reset.
        self._unset_keepalive_if_required()
        self._stop_watching()
        self._unparsed = b""

    def data_received(self, data: bytes) -> None:
        data = self._unparsed + data
        position = 0
        while position < len(data) and self._may_parse():
            end = self._end_of_part(data, position)
            self._parse(memoryview(data)[position:end])
            position = end
        self._unparsed = b"" if self._ends() else data[position:]
        is_full = self.buffered >= MAX_BUFFERED
        self._gate.is_full = is_full and bool(self._unparsed)
        if is_full and (self._unparsed or self._unread):
            self.flow.pause_reading()

    def _may_parse(self) -> bool:
        if self._is_last or self.transport.is_closing():
            return False
        return self._in_body or self._is_answered

    def _ends(self) -> bool:
        """Whether no further request is processed, and further data is dropped."""
        is_last = not self._may_parse() and self.cycle is not None and not self.cycle.keep_alive
        return is_last or self._is_last or self.transport.is_closing()

    def _end_of_part(self, data: bytes, position: int) -> int:
        """Where the current request ends at the latest, if it ends in `data`."""
        if self._body_left:
            return min(len(data), position + self._body_left)
        # Its first bytes may be in the part parsed before.
        across = (self._tail + data[position : position + 3]).find(HEAD_END)
        if across >= 0:
            return position + across + len(HEAD_END) - len(self._tail)
        found = data.find(HEAD_END, position)
        return len(data) if found < 0 else found + len(HEAD_END)

    def _parse(self, part: memoryview) -> None:
        if not self._in_body:
            self._expect_head()
        self._head += len(part)
        self._tail = (self._tail + bytes(part[-3:]))[-3:]
        if self._in_body or self._head <= MAX_HEAD_BYTES:
            super().data_received(part)  # type: ignore[arg-type]
        if self._head > MAX_HEAD_BYTES:
            self._reject(TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers are ignored.
        if self._in_body:
            return
        if len(self.headers) >= MAX_HEADERS:
            self._reject(TOO_LARGE)
            raise BadRequestError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._check_host()
        if self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False
        self._head_size = self._head
        self._head_ended()
        self._in_body = True
        names = {name for name, _ in self.headers}
        if b"transfer-encoding" not in names:
            self._body_left = int(next((v for n, v in self.headers if n == b"content-length"), b"0"))
        super().on_headers_complete()

    def _check_host(self) -> None:
        """RFC 9112, 3.2: every HTTP/1.1 request has exactly one valid Host."""
        hosts = [value for name, value in self.headers if name == b"host"]
        least = 0 if self.parser.get_http_version() == "1.0" else 1
        if not least <= len(hosts) <= 1 or not all(HOST.fullmatch(host) for host in hosts):
            raise BadRequestError

    def on_body(self, body: bytes) -> None:
        self._head = 0
        self._body_left = max(0, self._body_left - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._body_left, self._tail = False, 0, b""
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        last: Any = LastResponse(app, cycle, self._is_draining)
        super()._start_asgi_task(cycle, last)

    def on_response_complete(self) -> None:
        # An idle connection frees its last request.
        self.scope, self.cycle.scope = {}, {}  # type: ignore[typeddict-item]
        self.headers, self.url, self._head_size = [], b"", 0
        unparsed, self._unparsed = self._unparsed, b""
        self._gate.is_full = False
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_progress()
            return
        if self._in_body:
            # The rest of a rejected body has `header_timeout` seconds to come.
            self._expect_head()
        if unparsed:
            self.data_received(unparsed)

    def shutdown(self) -> None:
        """Close an idle connection; the response closes one with a request in progress."""
        if self._is_answered and not self._head:
            self.transport.close()
        elif not self._is_answered:
            self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_progress()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def _watch_progress(self) -> None:
        """Abort the connection when its client accepts no byte for `write_timeout` seconds."""
        if self._progress_timer is None and self.transport.get_write_buffer_size():
            self._unsent, self._progress_at = self._count_unsent(), self.loop.time()
            self._check_later()

    def _check_later(self) -> None:
        self._progress_timer = self.loop.call_later(self._limits.write_timeout / 4, self._check_progress)

    def _check_progress(self) -> None:
        before, self._unsent = self._unsent, self._count_unsent()
        if self._unsent < before:
            self._progress_at = self.loop.time()
        if self.loop.time() - self._progress_at >= self._limits.write_timeout:
            self.transport.abort()
        else:
            self._check_later()

    def _stop_watching(self) -> None:
        if self._progress_timer is not None:
            self._progress_timer.cancel()
            self._progress_timer = None

    def _count_unsent(self) -> int:
        """Bytes that the client has not acknowledged. The kernel takes more of them in large steps only."""
        return self.transport.get_write_buffer_size() + unacknowledged(self.transport)

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        self._reject(b"400 Bad Request")

    def _reject(self, status: bytes) -> None:
        """Reject a request that cannot be parsed, and close. A response in progress is completed first."""
        if self._is_last or self.transport.is_closing():
            return
        self._is_last = True
        if not self._is_answered and self.cycle.response_started:
            self.cycle.keep_alive = False
            return
        if not self._is_answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        # Further data is read and dropped: closing at once would reset the connection and lose the response.
        self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.abort)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.header_timeout, self._head_timed_out)

    def _head_timed_out(self) -> None:
        if self._head:
            self._reject(b"408 Request Timeout")
        else:
            self.transport.close()

    def _head_ended(self) -> None:
        self._head = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Flow(FlowControl):
    """Uvicorn's, but no request resumes reading while the buffers are full."""

    is_full = False

    def resume_reading(self) -> None:
        if not self.is_full:
            super().resume_reading()


class BoundedReads(asyncio.BufferedProtocol):
    """Reads into `buffer`, which all connections share, at most `read_size` bytes at once.

    Otherwise the event loop reads up to 256 kB. Each read is processed before the next one.
    """

    def __init__(self, connection: Connection, buffer: bytearray) -> None:
        self._connection, self._buffer = connection, memoryview(buffer)

    def connection_made(self, transport: Any) -> None:
        self._connection.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[: self._connection.read_size]

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> None:
        self._connection.eof_received()


class LastResponse:
    """The application for one request; its response closes the connection if it must be the last one.

    That is so while the server drains, and if the client still waits for `100 Continue`: the next bytes may
    be the body or another request.
    """

    def __init__(self, app: Any, cycle: RequestResponseCycle, is_draining: Callable[[], bool]) -> None:
        self._app, self._cycle, self._is_draining = app, cycle, is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_last = self._is_draining() or self._cycle.waiting_for_100_continue
                self._cycle.keep_alive = self._cycle.keep_alive and not is_last
            await send(message)

        await self._app(scope, receive, send_last)


class ConnectionLimitApp:
    """The application for connections above the connection limit: GraphQL gets 503, the probes answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or Request(scope).url.path != GRAPHQL:
            await self._app(scope, receive, send)
            return
        refusal = unavailable("The server has too many connections. Try again in a moment.", 1)
        headers = {**refusal.headers, "Connection": "close"}
        body = orjson.dumps({"errors": [error.formatted for error in refusal.errors]})
        await Response(body, 503, headers, "application/json; charset=utf-8")(scope, receive, send)


def unacknowledged(transport: asyncio.BaseTransport) -> int:
    """Bytes in the kernel's send queue; 0 if the system does not report it."""
    try:
        answer = ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
    except (AttributeError, OSError):
        return 0
    size: int = unpack("i", answer)[0]
    return size
