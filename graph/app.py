"""The ASGI application: routes, middleware and what lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from db import idempotency
from db.database import Database
from graph import schema
from graph.authentication import Authentication
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
    answer = endpoint(settings, database, health, ide)

    async def graphql(request: Request) -> Response:
        return await answer(request)

    app = Starlette(
        routes=[
            *ide.routes(),
            Route("/graphql", graphql, methods=[*EVERY_METHOD]),
            Route("/", to_graphql),
            *health.routes(),
        ],
        middleware=[cors(settings)],
        lifespan=closing(database),
    )
    app.state.health = health
    return app


def endpoint(settings: Settings, database: Database, health: Health, ide: Ide) -> GraphQLEndpoint:
    built = schema.build(suggestions=settings.is_development)
    return GraphQLEndpoint(
        built,
        Documents(built._schema, suggestions=settings.is_development),
        database,
        Authentication.of(settings, database),
        health,
        ide,
        settings.request_timeout,
        settings.cost_limit,
        receipts=settings.is_development,
    )


def closing(database: Database) -> Lifespan[Starlette]:
    """Close the database when the process ends."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database, idempotency.swept(database):
            yield

    return lifespan


# All of them: the endpoint itself answers those that it does not take, with a code.
EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


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
