"""An application that listens in this process, behind connections like ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn

from graph.limits.bounds import Bounds
from graph.process.http1 import Http1


@asynccontextmanager
async def served(app: Any, bounds: Bounds) -> AsyncIterator[uvicorn.Server]:
    """Its server, which listens on a free port until the block ends."""
    http: Any = partial(Http1, bounds)
    patience: Any = bounds.keep_alive_timeout
    config = uvicorn.Config(app, http=http, ws="none", timeout_keep_alive=patience, lifespan="off", port=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = server.force_exit = True
        await serving


@asynccontextmanager
async def connected(
    server: uvicorn.Server,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to it until the block ends."""
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
