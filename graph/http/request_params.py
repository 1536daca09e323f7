"""Request parameters: `query`, `variables`, `operationName` and `extensions` of a GraphQL request."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from graph.errors import BAD_REQUEST, BAD_USER_INPUT, TIMEOUT, RequestError, bad_request, coded_error
from graph.http.trusted_documents import TrustedDocuments
from graph.limits.body_memory import Reservation
from graph.limits.limit_settings import LimitSettings
from graph.limits.value_count import count_json

NO_QUERY = 'The request has no query. Send {"query": "…", "variables": {}}.'
# Characters of a header that an error message repeats.
MAX_SHOWN = 100
LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Params:
    """One GraphQL request. `variables` are the values from JSON, not yet coerced by the schema.

    `sizes` counts the values in each variable. With `sha256`, the query is to be registered under that hash.
    """

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None
    sizes: Mapping[str, int]
    sha256: str | None = None

    @classmethod
    def of(
        cls,
        request: Request,
        body: bytes,
        limits: LimitSettings,
        trusted_documents: TrustedDocuments,
        find_persisted: Callable[[str], str | None],
    ) -> "Params":
        """Parse a GET's URL or the body; `find_persisted` gets documents by hash. Raises RequestError."""
        fields = _from_url(request) if request.method == "GET" else _from_json("The body", body)
        return cls.check(fields, limits, trusted_documents, find_persisted)

    @classmethod
    def check(
        cls,
        fields: object,
        limits: LimitSettings,
        trusted_documents: TrustedDocuments,
        find_persisted: Callable[[str], str | None],
    ) -> "Params":
        if not isinstance(fields, Mapping):
            raise bad_request('The body must be a JSON object, such as {"query": "…"}.')
        query, sha256 = trusted_documents.text(fields, find_persisted)
        variables = fields.get("variables")
        name, extensions = fields.get("operationName"), fields.get("extensions")
        if not isinstance(query, str) or not query:
            raise bad_request(NO_QUERY if query is None else "query must be a GraphQL document as a string.")
        for field, value in (("variables", variables), ("extensions", extensions)):
            if value is not None and not isinstance(value, Mapping):
                raise bad_request(f"{field} must be a JSON object.")
        if name is not None and not isinstance(name, str):
            raise bad_request("operationName must be a string.")
        variables = variables or {}
        sizes = {key: count_json([key, value], limits.list_limit) for key, value in variables.items()}
        if (count := sum(sizes.values())) > limits.value_limit:
            message = f"The variables have {count} values; the limit is {limits.value_limit}."
            raise RequestError(coded_error(message, BAD_USER_INPUT))
        return cls(query, variables, name or None, sizes, sha256)


async def read_body(request: Request, limits: LimitSettings, reservation: Reservation) -> bytes:
    """The body of a POST, empty for a GET; reserves memory as it arrives. Raises RequestError."""
    if request.method == "GET":
        return b""
    _check_content_type(request.headers)
    try:
        async with asyncio.timeout(limits.body_timeout):
            return await _read(request, limits.body_limit, reservation)
    except ClientDisconnect:
        raise bad_request("The body is shorter than its Content-Length.") from None
    except TimeoutError:
        message = f"The body was not received within {limits.body_timeout:g} seconds."
        raise RequestError(
            coded_error(message, TIMEOUT), status=408, headers={"Connection": "close"}
        ) from None


def _check_content_type(headers: Headers) -> None:
    """Raises RequestError for a body that is not JSON, or is compressed."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        sent = f", not {media_type[:MAX_SHOWN]}" if media_type else ""
        raise bad_request(f"Send `Content-Type: application/json`{sent}.", status=415)
    codings = ",".join(headers.getlist("content-encoding")).lower().split(",")
    if not {each.strip() for each in codings} <= {"", "identity"}:
        message = "Send the body without Content-Encoding: compressed bodies are not supported."
        error = coded_error(message, BAD_REQUEST)
        raise RequestError(error, status=415, headers={"Accept-Encoding": "identity"})


async def _read(request: Request, most: int, reservation: Reservation) -> bytes:
    # Starlette has a limit of its own, but its error response is plain text.
    parts, length = [], 0
    async for each in request.stream():
        length += len(each)
        if length > most:
            raise bad_request(f"The body is larger than {most:,} bytes.", status=413)
        reservation.grow(length)
        parts.append(each)
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
            raise RequestError(coded_error(message, BAD_USER_INPUT)) from None
        place = f"at line {error.lineno}, column {error.colno}"
        raise bad_request(f"{what} is invalid JSON {place}.") from None
