"""Probes: whether the process lives, and whether it should get requests."""

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
from graph.errors import logged

# Seconds within which /readyz answers, and for which a result is cached.
READINESS_TIMEOUT = 1.0
READINESS_TTL = 0.25
TOO_SLOW = "The database did not answer within a second."
UNREACHABLE = "The database cannot be reached."
# Seconds between two looks at a schema that fits: a migration may have made it another one.
SCHEMA_INTERVAL = 5.0
UNFIT = {
    State.EMPTY: "The database's schema is behind.",
    State.BEHIND: "The database's schema is behind.",
    State.INCOMPATIBLE: "The database's schema is too new for this server.",
    State.INCOMPLETE: "The database's schema is incomplete.",
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
    """The probes' routes.

    Requests are served while `schema_fits`; it is False at the start where the database did not answer.
    `draining` is set when the process begins to shut down.
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
        """The result of a check, which all calls share: one runs at a time, on a connection of its own.

        It comes within READINESS_TIMEOUT, also while the database hangs, and is cached for READINESS_TTL.
        """
        if time.monotonic() < self._fresh_until:
            return self._checked
        if self._check is None:
            self._check = asyncio.create_task(self._look())
            self._check.add_done_callback(self._end_check)
        # A call that goes away must not cancel the check of the others, and a driver may need longer than
        # its deadline to give a connection up.
        done, _ = await asyncio.wait([self._check], timeout=READINESS_TIMEOUT)
        return self._checked if done else Readiness(reason=TOO_SLOW)

    def _end_check(self, check: "asyncio.Task[Readiness]") -> None:
        self._check = None
        if not check.cancelled():
            self._checked, self._fresh_until = check.result(), time.monotonic() + READINESS_TTL

    async def _look(self) -> Readiness:
        deadline = Deadline.after(READINESS_TIMEOUT)
        try:
            version = await ping(self.database, deadline)
            if not self.schema_fits:
                await self._look_at_schema(deadline)
        except errors.DeadlineExceeded:
            return Readiness(reason=TOO_SLOW)
        except errors.DatabaseError:
            return Readiness(reason=UNREACHABLE)
        except Exception as bug:
            logged(bug)
            return Readiness(reason=UNREACHABLE)
        return Readiness(version, None if self.schema_fits else UNFIT[self._schema.state])

    async def _look_at_schema(self, deadline: Deadline) -> None:
        async with deadline.limit():
            schema = await migrate.inspect(self.database)
        if schema != self._schema:
            log.log(INFO if schema.state is State.CURRENT else WARNING, described(self.database, schema))
        self._schema, self.schema_fits = schema, schema.fits

    @asynccontextmanager
    async def watch_schema(self) -> AsyncIterator[None]:
        """Meanwhile the schema is read again every SCHEMA_INTERVAL, by no request."""
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
        """Read the schema; what was known of it stays while the database does not answer."""
        try:
            await self._look_at_schema(Deadline.after(READINESS_TIMEOUT))
        except errors.DatabaseError:
            return
        except Exception as bug:
            logged(bug)
        # The next probe tells.
        self._fresh_until = 0

    async def require_schema(self) -> None:
        """Raises Unavailable while the schema does not fit; requests share the probes' check then."""
        if not self.schema_fits:
            reason = (await self.readiness()).reason
            if reason in UNFIT.values():
                raise errors.SchemaMismatch(self._schema.detail or reason)
            if reason:
                raise errors.Unavailable(reason)

    def routes(self) -> list[Route]:
        return [
            Route("/ping", self.ping),
            Route("/livez", self.live),
            Route("/readyz", self.ready),
        ]


def described(database: Database, schema: Schema) -> str:
    """The log message about a schema."""
    match schema.state:
        case State.CURRENT:
            return f"the schema of {database.url} fits this program"
        case State.AHEAD:
            return f"the schema of {database.url} is newer than this program; serving it all the same"
        case State.INCOMPATIBLE:
            return f"the schema of {database.url} is too new for this program: {schema.detail}"
        case State.INCOMPLETE:
            return f"the schema of {database.url} is incomplete: {schema.detail}"
        case _:
            return f"the schema of {database.url} is behind: run `tidegraph migrate`"


def not_ready(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)
