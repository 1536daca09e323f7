"""Probes: is the process alive, and should it get requests."""

from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from db import errors, migrate
from db.database import Database, ping
from db.deadline import Deadline
from db.migrate import State

READINESS_TIMEOUT = 1.0

log = structlog.get_logger("tidegraph")


@dataclass
class Health:
    """The probes' routes.

    `schema_fits` is False until the schema was seen to fit, where the database did not answer at the
    start; `draining` is set when the process was told to end.
    """

    database: Database
    schema_fits: bool = True
    draining: bool = False

    async def ping(self, _request: Request) -> Response:
        return PlainTextResponse("pong")

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        if self.draining:
            return not_ready("The server is shutting down.")
        deadline = Deadline.after(READINESS_TIMEOUT)
        try:
            version = await ping(self.database, deadline)
            fits = await self.sees_schema(deadline)
        except errors.DeadlineExceeded:
            return not_ready("The database did not answer within a second.")
        except errors.DatabaseError:
            return not_ready("The database cannot be reached.")
        if not fits:
            return not_ready("The database's schema is behind.")
        return JSONResponse({"status": "ok", "database": version})

    async def sees_schema(self, deadline: Deadline) -> bool:
        """Whether the schema fits; looked at until it once did. Raises Unavailable, DeadlineExceeded."""
        if not self.schema_fits:
            async with deadline.limit():
                state = await migrate.state(self.database)
            self.schema_fits = state in {State.CURRENT, State.AHEAD}
            if state is State.AHEAD:
                log.warning(newer(self.database))
        return self.schema_fits

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
