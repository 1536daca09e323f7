"""ETag and If-None-Match: 304 Not Modified for a GET whose result the client has already."""

from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response


def with_etag(request: Request, response: Response, content: bytes) -> Response:
    """The response with an ETag of its content, or 304 without a body if If-None-Match has that ETag.

    Only the client may cache it, and must revalidate it each time.
    """
    # A weak ETag, because the same response may be sent compressed.
    tag = f'W/"{blake2b(content, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _matches(known: str, tag: str) -> bool:
    opaque = tag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in known.split(","))
