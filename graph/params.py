"""The parameters of a GraphQL request: read from the URL or the body, checked by type, text by text."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from graph.errors import BAD_REQUEST, BAD_USER_INPUT, TIMEOUT, Rejected, coded

LARGEST_BODY = 1_000_000
LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Params:
    """One GraphQL request. `variables` hold what JSON said, not yet coerced by the schema."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None

    @classmethod
    async def read(cls, request: Request, seconds: float) -> "Params":
        """The body must be there within so many seconds. Raises Rejected."""
        if request.method == "GET":
            return cls.check(_from_url(request))
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise bad_request("Send application/json.", status=415)
        try:
            async with asyncio.timeout(seconds):
                body = await _body(request)
        except ClientDisconnect:
            raise bad_request("The body was cut off.") from None
        except TimeoutError:
            # What is still to come of it would be taken for the next request.
            late = coded("The body took longer than it may.", TIMEOUT)
            raise Rejected(late, status=408, headers={"Connection": "close"}) from None
        return cls.check(_from_json("The body", body))

    @classmethod
    def check(cls, fields: object) -> "Params":
        if not isinstance(fields, Mapping):
            raise bad_request("The body must be one JSON object.")
        query, variables = fields.get("query"), fields.get("variables")
        name, extensions = fields.get("operationName"), fields.get("extensions")
        if not isinstance(query, str) or not query:
            raise bad_request("query must be a GraphQL document.")
        for field, value in (("variables", variables), ("extensions", extensions)):
            if value is not None and not isinstance(value, Mapping):
                raise bad_request(f"{field} must be a JSON object.")
        if name is not None and not isinstance(name, str):
            raise bad_request("operationName must be a string.")
        if not _storable(variables):
            raise Rejected(coded("Text must not contain the NUL character.", BAD_USER_INPUT))
        return cls(query, variables or {}, name or None)


def bad_request(message: str, status: int = 400) -> Rejected:
    return Rejected(coded(message, BAD_REQUEST), status=status)


async def _body(request: Request) -> bytes:
    # Starlette's own limit answers in plain text.
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise bad_request(f"The body is larger than {LARGEST_BODY:,} bytes.", status=413)
        parts.append(part)
    return b"".join(parts)


def _from_url(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if name in fields:
            fields[name] = _from_json(name, fields[name].encode()) if fields[name] else None
    return fields


def _from_json(what: str, body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "surrogate" in str(error) and LONE_SURROGATE.search(body):
            message = "Text must not contain a lone surrogate."
            raise Rejected(coded(message, BAD_USER_INPUT)) from None
        raise bad_request(f"{what} is not JSON that can be read.") from None


def _storable(value: Any) -> bool:
    """No NUL anywhere: no text column of either database keeps it the same."""
    # Not by recursion: JSON may be nested deeper than Python's stack.
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                return False
            case dict(mapping):
                waiting += [*mapping, *mapping.values()]
            case list(items):
                waiting += items
    return True
