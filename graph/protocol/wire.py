"""The answer's bytes: which media type the client accepts, and what status goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.responses import Response

from graph.errors import BAD_REQUEST, Rejected, coded

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
RANGES = {
    "*/*": JSON,
    "application/*": JSON,
    JSON: JSON,
    GRAPHQL_RESPONSE: GRAPHQL_RESPONSE,
}


def negotiate(accept: str | None) -> str:
    """The media type to answer in. Raises Rejected (406) when the client takes neither of ours."""
    if not accept:
        return JSON
    best, best_quality = None, 0.0
    for part in accept.split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = _quality(parameters)
        preferred = quality == best_quality and media_range == GRAPHQL_RESPONSE
        if media_range in RANGES and (quality > best_quality or (preferred and quality)):
            best, best_quality = RANGES[media_range], quality
    if best is None:
        message = f"Accept {GRAPHQL_RESPONSE} or {JSON}."
        raise Rejected(coded(message, BAD_REQUEST), status=406)
    return best


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def result(media_type: str, executed: ExecutionResult, extensions: bool = False) -> Response:
    """The answer of an operation that was executed, perhaps with errors in it."""
    body: dict[str, Any] = {"data": executed.data}
    if executed.errors:
        body = {"errors": _formatted(executed.errors), **body}
    if extensions and executed.extensions:
        body["extensions"] = executed.extensions
    return _response(media_type, body, 200)


def rejection(media_type: str, rejected: Rejected) -> Response:
    """The answer of a request that was not executed: errors and no data."""
    status = rejected.status or (200 if media_type == JSON else 400)
    return _response(media_type, {"errors": _formatted(rejected.errors)}, status, rejected.headers)


def _formatted(errors: Sequence[GraphQLError]) -> list[Any]:
    return [error.formatted for error in errors]


def _response(
    media_type: str, body: object, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    # The parameter belongs to the media type: clients of the older draft look for it.
    content_type = f"{media_type}; charset=utf-8"
    return Response(orjson.dumps(body), status, headers, content_type)
