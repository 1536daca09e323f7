"""The answer's bytes: which media type the client accepts, and what status goes with it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response

from graph.errors import Rejected, bad_request
from graph.execution.operation import Executed

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
# graphql-core's messages quote what was sent, however long it is.
LONGEST_MESSAGE = 500
QUALITY = re.compile(r"0(\.\d*)?|1(\.0*)?", re.ASCII)


def negotiate(accepts: Sequence[str]) -> str:
    """The media type to answer in, by all headers Accept. Raises Rejected (406) for neither of ours.

    Of each the closest range counts, and of two that are liked as much the one that is named.
    """
    qualities = _qualities(",".join(accepts))
    if not qualities:
        return JSON
    json, response = _liked(JSON, qualities), _liked(GRAPHQL_RESPONSE, qualities)
    if not (json or response):
        raise bad_request(f"Accept {GRAPHQL_RESPONSE} or {JSON}.", status=406)
    is_named = GRAPHQL_RESPONSE in qualities
    return GRAPHQL_RESPONSE if response > json or (response == json and is_named) else JSON


def accepts_gzip(accepts: Sequence[str]) -> bool:
    """Whether the headers Accept-Encoding name gzip, and not with a quality of 0."""
    return _qualities(",".join(accepts)).get("gzip", 0.0) > 0


def _liked(media_type: str, qualities: Mapping[str, float]) -> float:
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


def result(media_type: str, executed: Executed, extensions: bool = False) -> Response:
    """The response of an operation that was executed, perhaps with errors in it."""
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


def rejection(media_type: str, rejected: Rejected) -> Response:
    """The answer of a request that was not executed: errors and no data."""
    status = rejected.status or (200 if media_type == JSON else 400)
    content = orjson.dumps({"errors": _formatted(rejected.errors)})
    return _response(media_type, content, status, rejected.headers)


def _formatted(errors: Sequence[GraphQLError]) -> list[Any]:
    return [{**error.formatted, "message": _shortened(error.message)} for error in errors]


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"


def _response(
    media_type: str, content: bytes, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    # The parameter belongs to the media type: clients of the older draft look for it.
    content_type = f"{media_type}; charset=utf-8"
    return Response(content, status, headers, content_type)
