"""Probes: is the process alive, and should it get requests."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from db import errors, migrate
from db.database import Database, ping
from db.deadline import Deadline
from db.migrate import State

READINESS_TIMEOUT = 1.0


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
            await self._look_at_schema(deadline)
        except errors.DeadlineExceeded:
            return not_ready("The database did not answer within a second.")
        except errors.DatabaseError:
            return not_ready("The database cannot be reached.")
        if not self.schema_fits:
            return not_ready("The database's schema is behind.")
        return JSONResponse({"status": "ok", "database": version})

    async def _look_at_schema(self, deadline: Deadline) -> None:
        if not self.schema_fits:
            async with deadline.limit():
                self.schema_fits = await migrate.state(self.database) in {State.CURRENT, State.AHEAD}

    def routes(self) -> list[Route]:
        return [
            Route("/ping", self.ping),
            Route("/livez", self.live),
            Route("/readyz", self.ready),
        ]


def not_ready(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)
