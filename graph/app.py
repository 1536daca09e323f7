"""The ASGI application: routes, middleware and the parts that live as long as the process."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from db.engine.database import Database
from db.idempotency import idempotent_writes
from graph import schema
from graph.auth.authentication import Authentication
from graph.execution.document_cache import Documents
from graph.http.csrf_and_cors import OriginPolicy
from graph.http.endpoint import GraphQLEndpoint
from graph.http.graphiql import GraphiQL
from graph.http.health import Health
from graph.http.request_ids import RequestIds
from graph.http.security_headers import SecurityHeaders
from graph.limits.body_memory import BodyMemoryLimit
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.limits.rate_limit import RateLimiter
from graph.settings import Settings

# An empty list means all methods: the endpoint answers those it does not support with an error code.
ALL_METHODS: list[str] = []
# A path prefix as proxies send it; nothing that could redirect to another host.
FORWARDED_PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)


def create_app(
    settings: Settings,
    database: Database | None = None,
    *,
    schema_fits: bool = True,
    loopback_only: bool = False,
) -> Starlette:
    """The application over `database`, which it closes; by default the database of the settings.

    With `schema_fits` False it is not ready until a check finds the expected schema. With
    `loopback_only`, which is for servers without authentication, it checks Host against DNS rebinding.
    """
    database = database or settings.database()
    health, graphiql = Health(database, schema_fits), GraphiQL()
    origins = OriginPolicy(
        settings.cors_origins, localhost=settings.is_development, loopback_only=loopback_only
    )
    endpoint = make_endpoint(settings, database, health, graphiql, origins)

    app = Starlette(
        routes=[
            Route("/graphql", endpoint, methods=ALL_METHODS),
            *graphiql.routes(),
            Route("/graphql/", redirect_without_slash, methods=ALL_METHODS),
            Route("/", redirect_to_graphql),
            *health.routes(),
        ],
        middleware=[
            Middleware(RequestIds),
            Middleware(SecurityHeaders),
            origins.cors_middleware(),
        ],
        lifespan=make_lifespan(database, health),
    )
    # Starlette's redirects are absolute: behind a proxy they would send clients, with their keys, to the
    # scheme and host that this process sees.
    app.router.redirect_slashes = False
    app.state.health = health
    return app


def make_endpoint(
    settings: Settings, database: Database, health: Health, graphiql: GraphiQL, origins: OriginPolicy
) -> GraphQLEndpoint:
    return GraphQLEndpoint(
        schema.build(suggestions=settings.is_development, subgraph=settings.federation),
        documents(settings),
        database,
        Authentication.of(settings, database),
        health,
        graphiql,
        settings.request_timeout,
        settings.cost_limit,
        settings,
        RateLimiter(settings.rate_limit, settings.rate_limit_storage),
        ConcurrencyLimit(settings),
        BodyMemoryLimit(settings.bodies_limit),
        settings.trusted(),
        receipts=settings.is_development,
        origin_policy=origins,
    )


@cache
def documents(settings: Settings) -> Documents:
    """The document cache, shared by all applications with these settings."""
    built = schema.build(suggestions=settings.is_development, subgraph=settings.federation)
    return Documents(
        built._schema,
        settings,
        suggestions=settings.is_development,
        introspection=settings.introspection,
    )


def make_lifespan(database: Database, health: Health) -> Lifespan[Starlette]:
    """Checks the schema and deletes expired keys in the background; closes the database at the end."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database, idempotent_writes.periodic_key_cleanup(database), health.watch_schema():
            yield

    return lifespan


async def redirect_to_graphql(request: Request) -> Response:
    prefix = request.headers.get("x-forwarded-prefix", "").removesuffix("/")
    # A relative redirect also works below a prefix that is unknown here. Only a proxy that serves the prefix
    # without a trailing slash needs the header.
    return RedirectResponse(f"{prefix}/graphql" if FORWARDED_PREFIX.fullmatch(prefix) else "graphql")


async def redirect_without_slash(request: Request) -> Response:
    return RedirectResponse(f"../graphql?{request.url.query}".removesuffix("?"))
