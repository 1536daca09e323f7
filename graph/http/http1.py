"""HTTP/1.1 only: `Upgrade` to other protocols, such as h2c, is ignored."""

from collections.abc import Callable
from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser

from graph.limits.client_connections import MAX_BUFFERED, BoundedReads, Connection
from graph.limits.limit_settings import LimitSettings


class Http1Connections:
    """Protocol factory of one server. While `is_draining()`, each response closes its connection."""

    def __init__(self, limits: LimitSettings, is_draining: Callable[[], bool] = lambda: False) -> None:
        self._limits, self._is_draining = limits, is_draining
        self._buffer = bytearray(MAX_BUFFERED)

    def __call__(self, **options: Any) -> BoundedReads:
        return BoundedReads(Http1(self._limits, self._is_draining, **options), self._buffer)


class Http1(Connection):
    """A connection that ignores `Upgrade` and stays with HTTP/1.1.

    Java's HTTP client sends `Upgrade: h2c` with every plain-text request.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser = Parser(self)
        self._offers_upgrade = False

    def on_headers_complete(self) -> None:
        self._offers_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._offers_upgrade:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._offers_upgrade:
            super().on_message_complete()

    def head_without_upgrade(self) -> bytes | None:
        """The last request head without its Upgrade header; None if it had none."""
        if not self._offers_upgrade:
            return None
        line = self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        headers = [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([b"%b %b HTTP/%b" % line, *headers, b"", b""])


class Parser(HttpRequestParser):
    """httptools' parser stops after a head with `Upgrade`, so the head is parsed again without it."""

    def __init__(self, connection: Http1) -> None:
        super().__init__(connection)
        self._connection = connection
        # As uvicorn does: accept data after a request with `Connection: close`.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except HttpParserUpgrade as offer:
            head = self._connection.head_without_upgrade()
            if head is None:
                raise
            # With a new parser, because this one accepts nothing after a closing request.
            self._connection.parser = Parser(self._connection)
            self._connection.parser.feed_data(head + data[offer.args[0] :])
