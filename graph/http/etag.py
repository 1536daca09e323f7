"""The tag of what a GET got, so that a client is not sent again what it has."""

from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response


def tagged(request: Request, answer: Response, content: bytes) -> Response:
    """The answer with the tag of its content, or 304 without a body where the client has that already.

    A client keeps it for itself, and asks each time whether it still holds.
    """
    # Weak, for the same answer may go out compressed.
    tag = f'W/"{blake2b(content, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer


def _has(known: str, tag: str) -> bool:
    opaque = tag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in known.split(","))
