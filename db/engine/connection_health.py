"""Health checks of idle connections: which of them are pinged, or replaced, before they are used again."""

import asyncio
import time
from functools import partial
from math import inf
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine.deadline import Deadline
from db.engine.statement_timeout import DEADLINE

# Seconds that a healthy server needs at most to answer a ping.
PING_TIMEOUT = 1.0
# How much before its time a timer of the event loop may fire.
TIMER_PRECISION = 0.01
IDLE_SINCE = "tidegraph_idle_since"


class ConnectionHealth:
    """Notes when the server was last found silent or gone, for all pools of one database.

    A connection that was idle before that moment may be dead as well, and a dead one may not show: behind a
    firewall that drops packets every statement would wait for its whole deadline. So it is pinged before its
    next use. While all is well no connection is, and a statement stays one packet.
    """

    def __init__(self) -> None:
        self._suspect_before = -inf

    def watch(self, engine: AsyncEngine, *, always_ping: bool = False) -> None:
        """Check this engine's connections when they leave its pool, with `always_ping` by a ping each."""
        sa.event.listen(engine.sync_engine, "checkin", note_idle)
        sa.event.listen(engine.sync_engine, "checkout", partial(self._check, always_ping))
        sa.event.listen(engine.sync_engine, "handle_error", self._note_failure)

    def _check(self, always_ping: bool, _adapted: object, record: Any, _proxy: object) -> None:
        """Raises DisconnectionError: the pool then replaces the connection."""
        idle_since = record.info.get(IDLE_SINCE)
        if idle_since is None:
            # It is new.
            return
        connection = record.driver_connection
        if connection.is_broken:
            raise sa.exc.DisconnectionError("the connection was closed while idle")
        if not always_ping and idle_since > self._suspect_before:
            return
        pinged_at, answered = time.monotonic(), False
        try:
            answered = sa.util.await_only(_answers(connection))
        finally:
            # Also if a deadline came first.
            if not answered:
                self.suspect(pinged_at)
        if not answered:
            # The others of this pool would each take as long to be found dead.
            raise sa.exc.InvalidatePoolError("no response to a ping")

    def _note_failure(self, context: sa.engine.ExceptionContext) -> None:
        if not context.is_disconnect or context.connection is None or context.connection.invalidated:
            return
        driver: Any = context.connection.connection.driver_connection
        if isinstance(context.original_exception, Exception):
            self.suspect(time.monotonic())
        elif isinstance(context.original_exception, asyncio.CancelledError):
            # COMMIT and ROLLBACK have no deadline: nothing but their own time limit cancels them.
            options = context.execution_context.execution_options if context.execution_context else {}
            self.note_cancelled(driver, options.get(DEADLINE))

    def note_cancelled(self, driver: Any, deadline: Deadline | None) -> None:
        """A statement was cancelled: by its deadline, or by a client that went away, which says nothing."""
        if deadline is None or deadline.remaining() < TIMER_PRECISION:
            self.suspect(driver.sent_at)

    def is_trusted(self, entry: Any) -> bool:
        """Whether an idle connection can be used without a ping."""
        is_recent: bool = entry.info.get(IDLE_SINCE, inf) > self._suspect_before
        return is_recent and not entry.driver_connection.is_broken

    def suspect(self, before: float) -> None:
        """Have the connections that were idle at this moment pinged before their next use."""
        self._suspect_before = max(self._suspect_before, before)


def note_idle(_adapted: object, entry: Any) -> None:
    """Note that a connection is in its pool again."""
    entry.info[IDLE_SINCE] = time.monotonic()


async def _answers(connection: Any) -> bool:
    try:
        async with asyncio.timeout(PING_TIMEOUT):
            await connection.ping(reconnect=False)
    except Exception:
        return False
    return True
