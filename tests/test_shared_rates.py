"""Rates that several instances count together, in a real Redis."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn, wait_until

pytestmark = on_sqlite


class Redis(NamedTuple):
    process: "subprocess.Popen[bytes]"
    url: str


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """One of its own, on a free port."""
    if shutil.which("redis-server") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no redis-server here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port))
        yield Redis(process, f"redis://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def ask(serving: Serving) -> httpx2.Response:
    return serving.get("/graphql?query={__typename}")


def test_two_servers_count_together(database_url: str, spawn: Spawn, redis: Redis) -> None:
    """What one has served the other refuses, with the seconds to wait."""
    settings = {"database_url": database_url, "rate_limit": "5/hour", "rate_limit_storage": redis.url}
    servers = [spawn.serve(**settings) for _ in range(2)]
    answers = [ask(servers[number % 2]) for number in range(10)]

    assert [200] * 5 + [429] * 5 == [answer.status_code for answer in answers]
    assert all(0 < int(answer.headers["Retry-After"]) <= 7200 for answer in answers[5:])


def test_a_storage_that_hangs_is_not_waited_for(database_url: str, spawn: Spawn, redis: Redis) -> None:
    """Requests are served uncounted; only the first one waits for it, and not for long."""
    settings = {"database_url": database_url, "rate_limit": "2/hour", "rate_limit_storage": redis.url}
    serving = spawn.serve(**settings)
    ask(serving)
    redis.process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    answers = [ask(serving) for _ in range(10)]
    took = time.monotonic() - started
    redis.process.send_signal(signal.SIGCONT)

    assert [200] * 10 == [answer.status_code for answer in answers]
    assert took < 5
    assert 1 == serving.output.count("requests cannot be counted")
