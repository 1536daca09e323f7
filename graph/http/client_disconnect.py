"""Ends what runs for a client that has hung up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request


class HungUp(Exception):
    """Nobody waits for the answer any more."""


@asynccontextmanager
async def while_connected(request: Request) -> AsyncIterator[None]:
    """Cancel what runs inside when the client hangs up; raises HungUp. A POST's body was read before."""
    try:
        async with asyncio.timeout(None) as connected:
            watching = asyncio.create_task(_watch(request, connected))
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if connected.expired():
            raise HungUp from None
        raise


async def _watch(request: Request, connected: asyncio.Timeout) -> None:
    # The body of a GET, which nobody reads, may be too long.
    with suppress(HTTPException):
        while (await request.receive())["type"] != "http.disconnect":
            pass
        connected.reschedule(asyncio.get_running_loop().time())
