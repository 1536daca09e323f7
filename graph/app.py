"""The ASGI application: routes, middleware and what lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from db import idempotency
from db.database import Database
from graph import schema
from graph.documents import Documents
from graph.health import Health
from graph.http import GraphQLEndpoint
from graph.ide import Ide
from graph.settings import Settings

LOCALHOST = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


def create_app(
    settings: Settings, database: Database | None = None, *, schema_fits: bool = True
) -> Starlette:
    """The application over `database`, by default the one that the settings name; it closes it.

    With `schema_fits` False it is not ready until it has seen that the schema fits.
    """
    database = database or settings.database()
    health, ide = Health(database, schema_fits), Ide()
    built = schema.build(suggestions=settings.is_development)
    documents = Documents(built._schema, suggestions=settings.is_development)
    endpoint = GraphQLEndpoint(
        built,
        documents,
        database,
        health,
        ide,
        settings.request_timeout,
        settings.cost_limit,
        receipts=settings.is_development,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database, idempotency.swept(database):
            yield

    async def graphql(request: Request) -> Response:
        return await endpoint(request)

    app = Starlette(
        routes=[
            *ide.routes(),
            Route("/graphql", graphql, methods=[*METHODS]),
            Route("/", to_graphql),
            *health.routes(),
        ],
        middleware=[cors(settings)],
        lifespan=lifespan,
    )
    app.state.health = health
    return app


# All of them: the endpoint itself answers those that it does not take, with a code.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


async def to_graphql(_request: Request) -> Response:
    return RedirectResponse("/graphql")


def cors(settings: Settings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_origin_regex=LOCALHOST if settings.is_development else None,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        max_age=3600,
    )
