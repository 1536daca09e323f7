"""What an orchestrator asks: is it alive, and should it get requests."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from db.engine.database import Database
from db.maintenance import migrate
from graph.app import create_app
from graph.http import health
from graph.settings import Settings
from tests.api import Api
from tests.conftest import KINDS, on_sqlite, on_tidb
from tests.faults.proxy import TidbProxy
from tests.processes import Serving, Spawn, wait_until
from tests.shared_tidb import Statements, execute

READ = "{ orders { nodes { id } } }"


async def test_ready_with_its_database(api: Api) -> None:
    """It names the database's kind and version; the other probes do without it."""
    ready = await api.client.get("/readyz")
    live = await api.client.get("/livez")
    ping = await api.client.get("/ping")

    assert (200, "ok") == (ready.status_code, ready.json()["status"])
    assert ready.json()["database"].startswith(("SQLite 3.", "TiDB v8.5."))
    assert (200, {"status": "ok"}) == (live.status_code, live.json())
    assert (200, "pong") == (ping.status_code, ping.text)


@pytest.mark.parametrize("path", ["/ping", "/livez", "/readyz"])
async def test_probes_are_for_reading(path: str, api: Api) -> None:
    """HEAD will do, POST will not."""
    assert 200 == (await api.client.head(path)).status_code
    assert 405 == (await api.client.post(path)).status_code


@on_sqlite
def test_not_ready_as_soon_as_it_is_told_to_end(database_url: str, spawn: Spawn) -> None:
    """Requests that are still sent to it are answered until the delay is over."""
    serving = spawn.serve(database_url=database_url, shutdown_delay="300")
    assert 200 == serving.get("/readyz").status_code
    serving.process.send_signal(signal.SIGTERM)
    wait_until(lambda: serving.get("/readyz").status_code == 503)
    reason = "The server is shutting down."

    assert {"status": "unavailable", "reason": reason} == serving.get("/readyz").json()
    assert 200 == serving.get("/livez").status_code
    assert {"data": {"orders": {"nodes": []}}} == serving.post(READ)
    assert 0 == serving.stop(signal.SIGTERM)


def test_not_ready_without_a_database(spawn: Spawn) -> None:
    """It started before its database; the reason tells an outsider nothing about it."""
    serving: Serving = spawn.serve(database_url="tidb://shop:s3cret@127.0.0.1:1/shop")
    ready = serving.get("/readyz")

    assert 503 == ready.status_code
    assert {"status": "unavailable", "reason": "The database is not reachable."} == ready.json()
    assert 200 == serving.get("/livez").status_code
    assert "s3cret" not in serving.output


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
@pytest.mark.parametrize(("revision", "served", "warnings"), [("0004", False, 0), ("9999", True, 1)])
async def test_a_schema_that_was_not_seen_is_looked_at(
    database: Database, database_url: str, revision: str, served: bool, warnings: int
) -> None:
    """By requests, too: one that is behind is no bug of ours, one that is ahead gets its warning once."""
    await execute(database_url, f"UPDATE alembic_version SET version_num = '{revision}'")
    app = create_app(Settings(_env_file=None), database, schema_fits=False)
    transport = httpx2.ASGITransport(app=app)
    with capture_logs() as logged:
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            answers = [await client.post("/graphql", json={"query": READ}) for _ in range(2)]
    await execute(database_url, f"UPDATE alembic_version SET version_num = '{migrate.head()}'")
    newer = f"the schema of {database.url} is newer than this program, but compatible"

    assert [200 if served else 503] * 2 == [answer.status_code for answer in answers]
    assert served == ("data" in answers[0].json())
    assert served or "SERVICE_UNAVAILABLE" == answers[0].json()["errors"][0]["extensions"]["code"]
    assert warnings == [line["event"] for line in logged].count(newer)
    assert "error" not in {line["log_level"] for line in logged}


@pytest.fixture
def probed(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement of a readiness check, which may take as long as it does on a busy machine."""
    monkeypatch.setattr(health, "READINESS_TIMEOUT", 60)
    sent: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    sa.event.listen(database.probes.sync_engine, "before_cursor_execute", record)
    yield sent
    sa.event.remove(database.probes.sync_engine, "before_cursor_execute", record)


async def statuses(api: Api, count: int) -> set[tuple[int, str]]:
    answers = await asyncio.gather(*(api.client.get("/readyz") for _ in range(count)))
    return {(each.status_code, each.json().get("reason", "")) for each in answers}


async def test_all_readiness_probes_share_one_check(
    api: Api, statements: Statements, probed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One statement on a connection outside the pools, however many call; its result is cached."""
    monkeypatch.setattr(health, "READINESS_TTL", 3600)

    assert {(200, "")} == await statuses(api, 100)
    assert {(200, "")} == await statuses(api, 100)
    assert 1 == len(probed)
    assert [] == statements


async def test_a_cached_readiness_expires(
    api: Api, probed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next probe looks again."""
    monkeypatch.setattr(health, "READINESS_TTL", 0)
    for _ in range(2):
        assert {(200, "")} == await statuses(api, 10)

    assert 2 == len(probed)


async def test_readiness_needs_no_connection_of_the_pools(
    database: Database, api: Api, probed: list[str]
) -> None:
    """It is answered while every one of them is in use."""
    async with AsyncExitStack() as held:
        for engine in (database.reads, database.writes):
            for _ in range(engine.pool.size()):  # type: ignore[attr-defined]
                await held.enter_async_context(engine.connect())

        assert {(200, "")} == await statuses(api, 10)
    assert probed


@on_tidb
async def test_a_hanging_database_makes_every_probe_not_ready(
    proxied: Database, proxy: TidbProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, on one connection; and it is ready again when the database answers."""
    monkeypatch.setattr(health, "READINESS_TTL", 0)
    monkeypatch.setattr(health, "READINESS_TIMEOUT", 60)
    async with Api.of(proxied) as api:
        assert {(200, "")} == await statuses(api, 1)
        connections = proxy.connections
        proxy.stall()
        monkeypatch.setattr(health, "READINESS_TIMEOUT", 1)
        assert {(503, health.TOO_SLOW)} == await statuses(api, 500)
        monkeypatch.setattr(health, "READINESS_TIMEOUT", 60)
        proxy.resume()
        while {(200, "")} != await statuses(api, 1):
            pass

    assert proxy.connections - connections <= 3


@on_sqlite
async def test_a_caller_of_readiness_who_leaves_does_not_cancel_it_for_others(
    api: Api, probed: list[str]
) -> None:
    """The check belongs to none of them."""
    first, *others = [asyncio.create_task(api.client.get("/readyz")) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()

    assert [200, 200] == [each.status_code for each in await asyncio.gather(*others)]
    assert 1 == len(probed)


TOO_NEW = "UPDATE schema_info SET minimum_revision = '9999'"
FITTING = "UPDATE schema_info SET minimum_revision = '0010'"


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_a_running_server_notices_a_schema_that_is_too_new(
    database: Database, database_url: str
) -> None:
    """It is not ready and refuses requests, says why once, and goes on when the schema fits again."""
    app = create_app(Settings(_env_file=None), database)
    transport = httpx2.ASGITransport(app=app)
    refusal = "The versions of the server and its database schema do not match. Try again later."
    detail = (
        f"revision {migrate.head()} needs a program of revision 9999 or later, and this is {migrate.head()}"
    )

    async def seen(client: httpx2.AsyncClient) -> tuple[int, Any, Any]:
        answer, ready = await client.post("/graphql", json={"query": READ}), await client.get("/readyz")
        error = answer.json().get("errors", [{}])[0]
        found = (error.get("message"), error.get("extensions", {}).get("code"))
        return answer.status_code, found, ready.json().get("reason")

    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        try:
            await execute(database_url, TOO_NEW)
            unaware = await seen(client)
            with capture_logs() as logged:
                for _ in range(3):
                    await app.state.health.refresh_schema()
            aware = await seen(client)
        finally:
            await execute(database_url, FITTING)
        await app.state.health.refresh_schema()
        again = await seen(client)

    assert (200, (None, None), None) == unaware == again
    reason = "The database schema is too new for this server."
    assert (503, (refusal, "SERVICE_UNAVAILABLE"), reason) == aware
    warning = f"the schema of {database.url} is too new for this program: {detail}"
    assert [("warning", warning)] == [(line["log_level"], line["event"]) for line in logged]


@on_sqlite
async def test_the_schema_is_watched_while_the_server_runs(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server's own clock; requests alone would never notice."""
    monkeypatch.setattr(health, "SCHEMA_INTERVAL", 0.01)
    monkeypatch.setattr(health, "READINESS_TTL", 0)
    app = create_app(Settings(_env_file=None), database)
    transport = httpx2.ASGITransport(app=app)
    await execute(database_url, TOO_NEW)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        while 503 != (await client.get("/readyz")).status_code:
            pass
        await execute(database_url, FITTING)
        while 200 != (await client.get("/readyz")).status_code:
            pass


async def test_no_request_pays_for_the_watch(api: Api, statements: Statements, probed: list[str]) -> None:
    """Nothing is read but what the request asks for."""
    await api.data(READ)
    first = len(statements)
    for _ in range(20):
        await api.data(READ)

    assert (21 * first, []) == (len(statements), probed)


@on_tidb
async def test_what_is_known_of_the_schema_stays_while_the_database_is_away(
    proxied: Database, proxy: TidbProxy
) -> None:
    """It does not fit less because nobody can see it; /readyz says that the database is away."""
    app = create_app(Settings(_env_file=None), proxied)
    await app.state.health.refresh_schema()
    proxy.refuse(True)
    proxy.cut()
    await app.state.health.refresh_schema()
    proxy.refuse(False)

    assert app.state.health.schema_fits
