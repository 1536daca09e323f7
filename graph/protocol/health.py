"""Probes: whether the process lives, and whether it should get requests."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from db import errors, migrate
from db.database import Database, ping
from db.deadline import Deadline
from db.migrate import State
from graph.errors import logged

# Seconds within which /readyz answers, and for which a result is cached.
READINESS_TIMEOUT = 1.0
READINESS_TTL = 0.25
TOO_SLOW = "The database did not answer within a second."
UNREACHABLE = "The database cannot be reached."
BEHIND = "The database's schema is behind."

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

    `schema_fits` is False until the schema was seen to fit, where the database did not answer at the
    start; `draining` is set when the process was told to end.
    """

    database: Database
    schema_fits: bool = True
    draining: bool = False
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
        return Readiness(version, None if self.schema_fits else BEHIND)

    async def _look_at_schema(self, deadline: Deadline) -> None:
        async with deadline.limit():
            state = await migrate.state(self.database)
        self.schema_fits = state in {State.CURRENT, State.AHEAD}
        if state is State.AHEAD:
            log.warning(newer(self.database))

    async def require_schema(self) -> None:
        """Raises Unavailable until the schema was once seen to fit; requests share the probes' check."""
        if not self.schema_fits:
            reason = (await self.readiness()).reason
            if reason:
                raise errors.Unavailable(reason)

    def routes(self) -> list[Route]:
        return [
            Route("/ping", self.ping),
            Route("/livez", self.live),
            Route("/readyz", self.ready),
        ]


def newer(database: Database) -> str:
    """What an operator is told of a schema that is AHEAD."""
    return f"the schema of {database.url} is newer than this program; serving it all the same"


def not_ready(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)
