"""A request's id: its sender's or one made here, in the answer, in the history, in each line of the log."""

import re
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

REQUEST_ID = "x-request-id"
# As long as the history keeps it.
WELL_FORMED = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
# W3C Trace Context; versions after 00 may append something.
TRACE_PARENT = re.compile(
    r"(00(?=.{53}$)|(?!00|ff)[\da-f]{2})-(?!0{32})(?P<trace_id>[\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RequestIds:
    """Middleware that gives each request its id."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        names = ids(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = names["request_id"]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = names["request_id"]
            await send(message)

        with bound_contextvars(**names):
            await self.app(scope, receive, send_with_id)


def ids(headers: Headers) -> dict[str, str]:
    """What each line of the log names: the request's id, and its trace's where it is part of one."""
    given = headers.get(REQUEST_ID, "")
    names = {"request_id": given if WELL_FORMED.fullmatch(given) else uuid4().hex}
    if trace := TRACE_PARENT.fullmatch(headers.get("traceparent", "")):
        names["trace_id"] = trace["trace_id"]
    return names


def request_id(request: Request) -> str:
    found: str = request.state.request_id
    return found
