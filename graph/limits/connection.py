"""One client's connection: closed when no request comes in good time, refused when there are too many."""

from asyncio import Transport
from asyncio.events import TimerHandle
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graph.errors import unavailable
from graph.limits.bounds import Bounds

# Bytes of a request's line and headers together, and of what stands between pieces of a body or behind it. In
# memory a header is a hundred bytes more.
LARGEST_HEAD, MOST_HEADERS = 65_536, 200
# Requests that wait behind the one that is answered. Browsers send none ahead, and 20 bytes of one take 3 kB.
MOST_AHEAD = 16
TOO_LARGE = b"431 Request Header Fields Too Large"
GRAPHQL = "/graphql"


class TooManyError(Exception):
    """Ends the parsing of what one packet brought; the connection is closing."""


class Connection(HttpToolsProtocol):
    """Uvicorn's, which waits for ever for headers and for its reader, and takes any number of headers.

    `_head` counts the bytes since the last head, or the last piece of a body.
    """

    def __init__(self, bounds: Bounds, **options: Any) -> None:
        super().__init__(**options)
        self._bounds = bounds
        self._late: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._head = 0
        self._in_body = False

    @property
    def _is_answered(self) -> bool:
        """Whether all is answered that came, the body of what comes now perhaps not yet."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _owes_answers(self) -> bool:
        """Whether requests that came whole still wait for their answers."""
        return bool(self.pipeline) or not (self._in_body or self._is_answered)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connection_limit:
            self.app = Crowded(self.app)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)
        # Of one that was reset it would keep all for the rest of its time, counted by nobody.
        self._unset_keepalive_if_required()
        if self._unread is not None:
            self._unread.cancel()

    def data_received(self, data: bytes) -> None:
        if self._is_answered and not self._in_body:
            self._expect_head()
        self._head += len(data)
        super().data_received(data)
        if self._head > LARGEST_HEAD:
            self._close(TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Those behind a body are read by nobody, and the request has begun without them.
        if self._in_body:
            return
        if len(self.headers) >= MOST_HEADERS:
            self._close(TOO_LARGE)
            raise TooManyError
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MOST_AHEAD:
            self.transport.abort()
            raise TooManyError
        self._forget_head()
        super().on_headers_complete()
        self._in_body = True

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            # What it has not read yet keeps the connection open.
            self.loop.call_later(self.timeout_keep_alive, self.transport.abort)
        if self._in_body and self._is_answered:
            # The rest of a body that was refused is not waited for much longer.
            self._expect_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        if not self._ends_later(400):
            super().send_400_response(msg)

    def _ends_later(self, status: int) -> bool:
        """What cannot be read ends the connection, but is no answer to what came before and runs."""
        if self.transport.is_closing() or not self._owes_answers:
            return False
        if self._in_body:
            # Its head came whole, and waits: nobody else is to wait for its body.
            refusal: Any = Response(status_code=status)
            self.pipeline[0] = self.cycle, refusal
        self.cycle.keep_alive = False
        self.flow.pause_reading()
        return True

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(
                self._bounds.header_timeout, self._close, b"408 Request Timeout"
            )

    def _forget_head(self) -> None:
        self._head = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self, status: bytes) -> None:
        if self.transport.is_closing() or self._ends_later(int(status[:3])):
            return
        if self._head:
            self.transport.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        self.transport.close()


class Crowded:
    """In the place of the application for one connection too many: the probes are answered as ever."""

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
