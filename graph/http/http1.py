"""HTTP/1.1 and nothing else: who offers another protocol is answered as if it had not, body and all."""

from collections.abc import Callable
from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser

from graph.limits.client_connections import MAX_BUFFERED, BoundedReads, Connection
from graph.limits.limit_settings import LimitSettings


class Http1Connections:
    """Makes the connections of one server. While `is_draining()`, each response closes its connection."""

    def __init__(self, limits: LimitSettings, is_draining: Callable[[], bool] = lambda: False) -> None:
        self._limits, self._is_draining = limits, is_draining
        self._buffer = bytearray(MAX_BUFFERED)

    def __call__(self, **options: Any) -> BoundedReads:
        return BoundedReads(Http1(self._limits, self._is_draining, **options), self._buffer)


class Http1(Connection):
    """A connection that goes on with no other protocol, whatever is offered.

    Java's client offers HTTP/2 with every request in the clear, and sends it in HTTP/1.1.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser = Parser(self)
        self._is_offered = False

    def on_headers_complete(self) -> None:
        self._is_offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._is_offered:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._is_offered:
            super().on_message_complete()

    def plain_head(self) -> bytes | None:
        """The last head without its offer; None if it had none."""
        if not self._is_offered:
            return None
        line = self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        kept = [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([b"%b %b HTTP/%b" % line, *kept, b"", b""])


class Parser(HttpRequestParser):
    """Httptools', which takes what follows an offer for that protocol's: so the head is read again."""

    def __init__(self, connection: Http1) -> None:
        super().__init__(connection)
        self._connection = connection
        # As Uvicorn sets it, to answer what came before a closing request's end.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except HttpParserUpgrade as offer:
            head = self._connection.plain_head()
            if head is None:
                raise
            # By another one: of a last request this one is done.
            self._connection.parser = Parser(self._connection)
            self._connection.parser.feed_data(head + data[offer.args[0] :])
