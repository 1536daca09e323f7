"""An application that listens in this process, behind connections like ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from graph.http.http1 import Http1Connections
from graph.http.server import bind
from graph.limits.limit_settings import LimitSettings


@asynccontextmanager
async def served(app: Any, limits: LimitSettings) -> AsyncIterator[uvicorn.Server]:
    """Its server, which listens on a free port until the block ends."""
    http: Any = Http1Connections(limits)
    patience: Any = limits.keep_alive_timeout
    options: Any = {"timeout_keep_alive": patience, "lifespan": "off", "access_log": False}
    server = uvicorn.Server(uvicorn.Config(app, http=http, ws="none", **options))
    serving = asyncio.create_task(server.serve(sockets=[bind("127.0.0.1", 0, loopback_only=False)]))
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
