"""What an orchestrator asks: is it alive, and should it get requests."""

import signal

import pytest

from tests.api import Api
from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn, wait_until


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
    assert {"data": {"orders": {"nodes": []}}} == serving.post("{ orders { nodes { id } } }")
    assert 0 == serving.stop(signal.SIGTERM)


def test_not_ready_without_a_database(spawn: Spawn) -> None:
    """It started before its database; the reason tells an outsider nothing about it."""
    serving: Serving = spawn.serve(database_url="tidb://shop:s3cret@127.0.0.1:1/shop")
    ready = serving.get("/readyz")

    assert 503 == ready.status_code
    assert {"status": "unavailable", "reason": "The database cannot be reached."} == ready.json()
    assert 200 == serving.get("/livez").status_code
    assert "s3cret" not in serving.output
