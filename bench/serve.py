"""One server of the benchmark as a process: `python -m bench.serve NAME URL PORT`."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn

from bench.by_hand import by_hand
from bench.meter import Meter
from bench.plain import plain
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from graph.app import create_app
from graph.http.http1 import Http1
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.settings import Settings


def tidegraph(url: str, meter: Meter) -> Any:
    database = Database(DatabaseUrl.parse(url))
    meter.watch(database.reads)
    meter.watch(database.writes)
    settings = Settings(database_url=url)
    return create_app(settings, database, loopback_only=not settings.authenticates)


def no_limits(url: str, meter: Meter) -> Any:
    """Without those that each request meets: its turn, and the deadlines of its connection."""
    ConcurrencyLimit.take = lambda _limit, _principal: True  # type: ignore[method-assign]
    ConcurrencyLimit.release = lambda _limit, _principal: None  # type: ignore[method-assign]
    return tidegraph(url, meter)


SERVERS: dict[str, Callable[[str, Meter], Any]] = {
    "tidegraph": tidegraph,
    "no limits": no_limits,
    "by hand": by_hand,
    "plain": plain,
}


def main(name: str, url: str, port: str) -> None:
    meter = Meter()
    app = meter.around(SERVERS[name](url, meter))
    # As `tidegraph serve` has it; the others' is uvicorn's.
    http: Any = partial(Http1, Settings(), lambda: False) if name == "tidegraph" else "auto"
    # As `tidegraph serve` does; the others get it too.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    uvicorn.run(app, host="127.0.0.1", port=int(port), http=http, log_level="error", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
