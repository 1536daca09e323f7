"""Health probes: liveness (/livez), readiness (/readyz) and /ping."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from logging import INFO, WARNING
from typing import NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from db import errors
from db.engine.database import Database, ping
from db.engine.deadline import Deadline
from db.maintenance import migrate
from db.maintenance.migrate import Schema, State
from graph.errors import log_and_mask

# Seconds within which /readyz answers, and for which a result is cached.
READINESS_TIMEOUT = 1.0
READINESS_TTL = 0.25
TOO_SLOW = "The database did not respond within a second."
UNREACHABLE = "The database is not reachable."
# Seconds between checks of the schema, which a migration may change at any time.
SCHEMA_INTERVAL = 5.0
SCHEMA_PROBLEMS = {
    State.EMPTY: "The database schema is outdated.",
    State.BEHIND: "The database schema is outdated.",
    State.INCOMPATIBLE: "The database schema is too new for this server.",
    State.INCOMPLETE: "The database schema is incomplete.",
}

log = structlog.get_logger("tidegraph")


class Readiness(NamedTuple):
    """The result of one readiness check: the database's version, or the reason for not being ready."""

    version: str = ""
    reason: str | None = None

    def response(self) -> Response:
        if self.reason:
            return not_ready(self.reason)
        return JSONResponse({"status": "ok", "database": self.version})


@dataclass
class Health:
    """The probes' routes and state.

    Requests are served while `schema_fits`. It starts as False if the database did not answer.
    `draining` is set when the shutdown begins.
    """

    database: Database
    schema_fits: bool = True
    draining: bool = False
    _schema: Schema = field(init=False, default=Schema(State.CURRENT))
    _check: "asyncio.Task[Readiness] | None" = field(init=False, default=None)
    _checked: Readiness = field(init=False, default=Readiness(reason=TOO_SLOW))
    _fresh_until: float = field(init=False, default=0)

    async def ping(self, _request: Request) -> Response:
        return PlainTextResponse("pong")

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        if self.draining:
            return not_ready("The server is shutting down.")
        return (await self.readiness()).response()

    async def readiness(self) -> Readiness:
        """The result of a check. Concurrent calls share one check, which has its own connection.

        It returns within READINESS_TIMEOUT even if the database hangs, and is cached for READINESS_TTL.
        """
        if time.monotonic() < self._fresh_until:
            return self._checked
        if self._check is None:
            self._check = asyncio.create_task(self._check_readiness())
            self._check.add_done_callback(self._end_check)
        # A cancelled call must not cancel the shared check, and a driver may need longer than its deadline
        # to give up a connection.
        done, _ = await asyncio.wait([self._check], timeout=READINESS_TIMEOUT)
        return self._checked if done else Readiness(reason=TOO_SLOW)

    def _end_check(self, check: "asyncio.Task[Readiness]") -> None:
        self._check = None
        if not check.cancelled():
            self._checked, self._fresh_until = check.result(), time.monotonic() + READINESS_TTL

    async def _check_readiness(self) -> Readiness:
        deadline = Deadline.after(READINESS_TIMEOUT)
        try:
            version = await ping(self.database, deadline)
            if not self.schema_fits:
                await self._check_schema(deadline)
        except errors.DeadlineExceeded:
            return Readiness(reason=TOO_SLOW)
        except errors.DatabaseError:
            return Readiness(reason=UNREACHABLE)
        except Exception as bug:
            log_and_mask(bug)
            return Readiness(reason=UNREACHABLE)
        return Readiness(version, None if self.schema_fits else SCHEMA_PROBLEMS[self._schema.state])

    async def _check_schema(self, deadline: Deadline) -> None:
        async with deadline.limit():
            schema = await migrate.inspect(self.database)
        if schema != self._schema:
            log.log(INFO if schema.state is State.CURRENT else WARNING, schema_message(self.database, schema))
        self._schema, self.schema_fits = schema, schema.fits

    @asynccontextmanager
    async def watch_schema(self) -> AsyncIterator[None]:
        """Check the schema every SCHEMA_INTERVAL in the background while the block runs."""
        watching = asyncio.create_task(self._watch_schema())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _watch_schema(self) -> None:
        while True:
            await asyncio.sleep(SCHEMA_INTERVAL)
            await self.refresh_schema()

    async def refresh_schema(self) -> None:
        """Check the schema now. Without an answer from the database, the last result stays."""
        try:
            await self._check_schema(Deadline.after(READINESS_TIMEOUT))
        except errors.DatabaseError:
            return
        except Exception as bug:
            log_and_mask(bug)
        # The next probe reports it.
        self._fresh_until = 0

    async def require_schema(self) -> None:
        """Raises Unavailable or SchemaMismatch while the schema does not fit. Shares the probes' check."""
        if not self.schema_fits:
            reason = (await self.readiness()).reason
            if reason in SCHEMA_PROBLEMS.values():
                raise errors.SchemaMismatch(self._schema.detail or reason)
            if reason:
                raise errors.Unavailable(reason)

    def routes(self) -> list[Route]:
        return [
            Route("/ping", self.ping),
            Route("/livez", self.live),
            Route("/readyz", self.ready),
        ]


def schema_message(database: Database, schema: Schema) -> str:
    """The log message about a schema."""
    match schema.state:
        case State.CURRENT:
            return f"the schema of {database.url} fits this program"
        case State.AHEAD:
            return f"the schema of {database.url} is newer than this program, but compatible"
        case State.INCOMPATIBLE:
            return f"the schema of {database.url} is too new for this program: {schema.detail}"
        case State.INCOMPLETE:
            return f"the schema of {database.url} is incomplete: {schema.detail}"
        case _:
            return f"the schema of {database.url} is outdated: run `tidegraph migrate`"


def not_ready(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)
