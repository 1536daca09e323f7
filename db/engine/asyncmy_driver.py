"""asyncmy's connection with what `db/engine/drivers.py` adds; imported only where asyncmy is used."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asyncmy import errors
from asyncmy.connection import Connection

from db.engine.drivers import MysqlConnection


class AsyncmyConnection(MysqlConnection, Connection):  # type: ignore[misc]
    """asyncmy itself refuses a server without TLS."""

    driver = errors

    @property
    def is_broken(self) -> bool:
        protocol = self._proto
        return not self._connected or self._stream_broken or protocol.length > protocol.pos

    def _stream(self) -> tuple[asyncio.Transport, Callable[[], Awaitable[None]]] | None:
        return None if self._transport is None else (self._transport, self._proto.wait_closed)

    def _forget_stream(self) -> None:
        self._transport = None
        self._connected = False

    async def _log_in(self) -> None:
        await self.connect()


async def connect_asyncmy(**arguments: Any) -> AsyncmyConnection:
    """Raises asyncmy's errors."""
    return await AsyncmyConnection(**arguments).open(arguments["connect_timeout"])
