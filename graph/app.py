"""The ASGI application: routes, middleware and what lives as long as the process."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from db.engine.database import Database
from db.idempotency import idempotent_writes
from graph import schema
from graph.auth.authentication import Authentication
from graph.execution.document_cache import Documents
from graph.http.csrf import Origins
from graph.http.endpoint import GraphQLEndpoint
from graph.http.graphiql import Ide
from graph.http.health import Health
from graph.http.request_ids import REQUEST_ID, RequestIds
from graph.http.security_headers import SecurityHeaders
from graph.limits.body_memory import BodyMemoryLimit
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.limits.rate_limit import RateLimiter
from graph.settings import Settings


def create_app(
    settings: Settings,
    database: Database | None = None,
    *,
    schema_fits: bool = True,
    guarded: bool = True,
) -> Starlette:
    """The application over `database`, by default the one that the settings name; it closes it.

    With `schema_fits` False it is not ready until it has seen that the schema fits. One that is not `guarded`
    has nothing but the place where it listens to keep strangers out.
    """
    database = database or settings.database()
    health, ide = Health(database, schema_fits), Ide()
    allowed = origins(settings, guarded=guarded)
    answer = endpoint(settings, database, health, ide, allowed)

    app = Starlette(
        routes=[
            *ide.routes(),
            Route("/graphql", answer, methods=EVERY_METHOD),
            Route("/graphql/", without_slash, methods=EVERY_METHOD),
            Route("/", to_graphql),
            *health.routes(),
        ],
        middleware=[
            Middleware(RequestIds),
            Middleware(SecurityHeaders),
            cors(allowed),
        ],
        lifespan=closing(database, health),
    )
    # It sends clients, with their keys, to the scheme and the host that it sees here, behind a proxy.
    app.router.redirect_slashes = False
    app.state.health = health
    return app


def endpoint(
    settings: Settings, database: Database, health: Health, ide: Ide, allowed: Origins
) -> GraphQLEndpoint:
    return GraphQLEndpoint(
        schema.build(suggestions=settings.is_development, subgraph=settings.federation),
        documents(settings),
        database,
        Authentication.of(settings, database),
        health,
        ide,
        settings.request_timeout,
        settings.cost_limit,
        settings,
        RateLimiter(settings.rate_limit, settings.rate_limit_storage),
        ConcurrencyLimit(settings),
        BodyMemoryLimit(settings.bodies_limit),
        settings.trusted(),
        receipts=settings.is_development,
        origins=allowed,
    )


@cache
def documents(settings: Settings) -> Documents:
    """Made once, as the schema is: what one application has prepared serves all others of its settings."""
    built = schema.build(suggestions=settings.is_development, subgraph=settings.federation)
    return Documents(
        built._schema,
        settings,
        suggestions=settings.is_development,
        introspection=settings.introspection,
    )


def closing(database: Database, health: Health) -> Lifespan[Starlette]:
    """Watch the schema, and close the database when the process ends."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database, idempotent_writes.periodic_key_cleanup(database), health.watch_schema():
            yield

    return lifespan


# An empty list is all of them: the endpoint itself answers those that it does not take, with a code.
EVERY_METHOD: list[str] = []


# What a proxy that strips a prefix of the path says about it; nothing that leads to another host.
PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)


async def to_graphql(request: Request) -> Response:
    prefix = request.headers.get("x-forwarded-prefix", "").removesuffix("/")
    # Relative, so that it also holds below a prefix that is not known here. Only a proxy that answers at the
    # prefix without a slash after it needs the header.
    return RedirectResponse(f"{prefix}/graphql" if PREFIX.fullmatch(prefix) else "graphql")


async def without_slash(request: Request) -> Response:
    return RedirectResponse(f"../graphql?{request.url.query}".removesuffix("?"))


def origins(settings: Settings, *, guarded: bool) -> Origins:
    return Origins(settings.cors_origins, localhost=settings.is_development, guarded=guarded)


def cors(allowed: Origins) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=allowed.listed,
        allow_origin_regex=allowed.pattern,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID],
        max_age=3600,
    )
