"""Health checks of idle connections: which of them are pinged, or replaced, before they are used again."""

import asyncio
import time
from functools import partial
from math import inf
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

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
        sa.event.listen(engine.sync_engine, "checkin", _note_idle)
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
            raise sa.exc.DisconnectionError("it has ended while it was idle")
        if not always_ping and idle_since > self._suspect_before:
            return
        pinged_at, answered = time.monotonic(), False
        try:
            answered = sa.util.await_only(_answers(connection))
        finally:
            # Also if a deadline came first.
            if not answered:
                self._suspect(pinged_at)
        if not answered:
            # The others of this pool would each take as long to be found dead.
            raise sa.exc.InvalidatePoolError("it does not answer a ping")

    def _note_failure(self, context: sa.engine.ExceptionContext) -> None:
        if not context.is_disconnect or context.connection is None or context.connection.invalidated:
            return
        if isinstance(context.original_exception, Exception):
            self._suspect(time.monotonic())
        elif _overdue(context):
            self._suspect(context.connection.connection.driver_connection.sent_at)  # type: ignore[union-attr]

    def _suspect(self, before: float) -> None:
        self._suspect_before = max(self._suspect_before, before)


def _note_idle(_adapted: object, record: Any) -> None:
    record.info[IDLE_SINCE] = time.monotonic()


async def _answers(connection: Any) -> bool:
    try:
        async with asyncio.timeout(PING_TIMEOUT):
            await connection.ping(reconnect=False)
    except Exception:
        return False
    return True


def _overdue(context: sa.engine.ExceptionContext) -> bool:
    """Whether a statement was cancelled by its deadline, and not by a client that went away."""
    if not isinstance(context.original_exception, asyncio.CancelledError):
        return False
    # COMMIT and ROLLBACK have none: nothing but their own time limit cancels them.
    options = context.execution_context.execution_options if context.execution_context else {}
    deadline = options.get(DEADLINE)
    return deadline is None or deadline.remaining() < TIMER_PRECISION
