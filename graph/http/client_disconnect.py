"""Client disconnects: cancels the query of a client that has closed its connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request


class ClientDisconnected(Exception):
    """The client has closed the connection before the response."""


@asynccontextmanager
async def cancel_on_disconnect(request: Request) -> AsyncIterator[None]:
    """Cancel the block when the client disconnects. Raises ClientDisconnected.

    The body of a POST must have been read before."""
    try:
        async with asyncio.timeout(None) as connected:
            watching = asyncio.create_task(_watch(request, connected))
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if connected.expired():
            raise ClientDisconnected from None
        raise


async def _watch(request: Request, connected: asyncio.Timeout) -> None:
    # The body of a GET is read here only, and may exceed the limit.
    with suppress(HTTPException):
        while (await request.receive())["type"] != "http.disconnect":
            pass
        connected.reschedule(asyncio.get_running_loop().time())
