"""Content negotiation: the response media type by Accept, its status code and its JSON."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response

from graph.errors import RequestError, bad_request
from graph.execution.operation import Executed

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
# graphql-core's messages quote the client's text at full length.
MAX_MESSAGE_LENGTH = 500
QUALITY = re.compile(r"0(\.\d*)?|1(\.0*)?", re.ASCII)


def negotiate(accepts: Sequence[str]) -> str:
    """The response media type for these Accept headers. Raises RequestError (406) if none is supported.

    The most specific range decides the quality. Between equal qualities, a type named explicitly wins.
    """
    qualities = _qualities(",".join(accepts))
    if not qualities:
        return JSON
    json, response = _quality_for(JSON, qualities), _quality_for(GRAPHQL_RESPONSE, qualities)
    if not (json or response):
        raise bad_request(f"Accept {GRAPHQL_RESPONSE} or {JSON}.", status=406)
    is_named = GRAPHQL_RESPONSE in qualities
    return GRAPHQL_RESPONSE if response > json or (response == json and is_named) else JSON


def accepts_gzip(accepts: Sequence[str]) -> bool:
    """Whether the Accept-Encoding headers name gzip with a quality above 0."""
    return _qualities(",".join(accepts)).get("gzip", 0.0) > 0


def _quality_for(media_type: str, qualities: Mapping[str, float]) -> float:
    ranges = (media_type, "application/*", "*/*")
    return next((qualities[each] for each in ranges if each in qualities), 0.0)


def _qualities(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept.split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        if media_range:
            found[media_range] = max(_quality(parameters), found.get(media_range, 0.0))
    return found


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0


def result_response(media_type: str, executed: Executed, extensions: bool = False) -> Response:
    """The response of an executed operation, with or without field errors."""
    content = _content(executed, extensions)
    if len(content) > executed.limit:
        content = _content(executed.reduced(), extensions)
    return _response(media_type, content, 200)


def _content(executed: Executed, extensions: bool) -> bytes:
    body: dict[str, Any] = {"data": executed.data}
    if executed.errors:
        body = {"errors": _formatted(executed.errors), **body}
    if extensions:
        body["extensions"] = {"receipt": executed.receipt}
    return orjson.dumps(body)


def error_response(media_type: str, error: RequestError) -> Response:
    """The response for a request error: nothing was executed, so there is no data."""
    status = error.status or (200 if media_type == JSON else 400)
    content = orjson.dumps({"errors": _formatted(error.errors)})
    return _response(media_type, content, status, error.headers)


def _formatted(errors: Sequence[GraphQLError]) -> list[Any]:
    return [{**error.formatted, "message": _shortened(error.message)} for error in errors]


def _shortened(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_LENGTH else message[: MAX_MESSAGE_LENGTH - 1] + "…"


def _response(
    media_type: str, content: bytes, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    # Clients of an older draft of GraphQL over HTTP expect the charset parameter.
    content_type = f"{media_type}; charset=utf-8"
    return Response(content, status, headers, content_type)
