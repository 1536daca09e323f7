"""Request IDs: taken from X-Request-ID or generated; in the response, the audit log and every log line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

REQUEST_ID_HEADER = "x-request-id"
ENCODED_HEADER = REQUEST_ID_HEADER.encode()
# As long as the audit log's column.
VALID_REQUEST_ID = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
# W3C Trace Context; versions after 00 may append fields.
TRACEPARENT = re.compile(
    r"(00(?=.{53}$)|(?!00|ff)[\da-f]{2})-(?!0{32})(?P<trace_id>[\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RequestIds:
    """Middleware that assigns each request its ID."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        names = log_ids(scope["headers"])
        header = ENCODED_HEADER, names["request_id"].encode()
        scope.setdefault("state", {})["request_id"] = names["request_id"]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        with bound_contextvars(**names):
            await self.app(scope, receive, send_with_id)


def log_ids(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The fields of every log line: `request_id`, and `trace_id` if the request has a traceparent."""
    sent: dict[bytes, str] = {}
    for name, value in headers:
        if name in (ENCODED_HEADER, b"traceparent"):
            # Of a repeated header the first one counts.
            sent.setdefault(name, value.decode("latin-1"))
    given, traceparent = sent.get(ENCODED_HEADER, ""), sent.get(b"traceparent", "")
    names = {"request_id": given if VALID_REQUEST_ID.fullmatch(given) else uuid4().hex}
    if traceparent and (trace := TRACEPARENT.fullmatch(traceparent)):
        names["trace_id"] = trace["trace_id"]
    return names


def request_id(request: Request) -> str:
    found: str = request.state.request_id
    return found
