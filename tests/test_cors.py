"""Which browser apps on other origins may call the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from tests.api import Api

APP = "https://app.example.com"
LOCAL = [
    "http://localhost:5173",
    "http://localhost",
    "https://localhost:8443",
    "http://127.0.0.1:3000",
    "http://[::1]:3000",
]
FOREIGN = [
    "http://localhost.evil.example",
    "http://evil.example/?localhost:5173",
    "http://notlocalhost:5173",
    "http://localhost:5173.evil.example",
    "http://192.0.2.1:5173",
    "null",
]


@asynccontextmanager
async def api_with(folder: Path, **settings: Any) -> AsyncIterator[Api]:
    url = DatabaseUrl.parse(f"sqlite:///{folder}/cors.db")
    async with Database(url) as database, Api.of(database, **settings) as api:
        yield api


async def allowed(api: Api, origin: str) -> tuple[bool, bool]:
    """Whether a browser would send the request, and whether the app would get to see the answer."""
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = await api.client.options("/graphql", headers=asks)
    request = {"query": "{ __typename }"}
    answer = await api.client.post("/graphql", json=request, headers={"Origin": origin})
    header = "access-control-allow-origin"
    sends = preflight.status_code == 200 and preflight.headers.get(header) == origin
    return sends, answer.headers.get(header) == origin


@pytest.mark.parametrize("origin", [APP, *LOCAL])
async def test_no_origin_is_allowed_by_default(origin: str, tmp_path: Path) -> None:
    """In production only what was listed, and nothing is."""
    async with api_with(tmp_path) as api:
        assert (False, False) == await allowed(api, origin)


@pytest.mark.parametrize("origin", LOCAL)
async def test_localhost_is_allowed_in_development(origin: str, tmp_path: Path) -> None:
    """At any port, which is where a frontend's dev server runs."""
    async with api_with(tmp_path, env="development") as api:
        assert (True, True) == await allowed(api, origin)


@pytest.mark.parametrize("origin", FOREIGN)
async def test_development_lets_nobody_else_in(origin: str, tmp_path: Path) -> None:
    """A name that only looks like localhost is somebody else's."""
    async with api_with(tmp_path, env="development") as api:
        assert (False, False) == await allowed(api, origin)


async def test_origins_are_exact(tmp_path: Path) -> None:
    """Scheme, host and port together; one allowed origin brings no other with it."""
    async with api_with(tmp_path, cors_origins=f"{APP}, https://b.example:8443") as api:
        assert (True, True) == await allowed(api, APP)
        assert (True, True) == await allowed(api, "https://b.example:8443")
        for origin in ("http://app.example.com", f"{APP}:8443", "https://b.example", *LOCAL):
            assert (False, False) == await allowed(api, origin)


async def test_an_answer_is_not_cached_for_another_origin(tmp_path: Path) -> None:
    """A cache between them keeps the answers of two origins apart; no cookies are invited."""
    async with api_with(tmp_path, cors_origins=APP) as api:
        headers = {"Origin": APP}
        answer = await api.client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)

        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
