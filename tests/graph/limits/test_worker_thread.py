"""Long CPU-bound work runs in a thread: one call at a time, principals in turn."""

import asyncio
from functools import partial
from threading import Event, get_ident

import pytest

from db.engine.database import Database
from graph.execution.document_cache import LONG_DOCUMENT, Documents
from graph.limits.worker_thread import WorkerThread
from tests.api import Api
from tests.conftest import on_sqlite


async def test_principals_take_turns() -> None:
    """One call runs at a time, and however many wait for one principal, another one is next."""
    worker, order, free = WorkerThread(), list[str](), Event()

    def work(name: str) -> None:
        free.wait()
        order.append(name)

    names = ["greedy"] * 4 + ["ada"]
    tasks = [asyncio.create_task(worker.run(name, partial(work, name))) for name in names]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(*tasks)

    assert ["greedy", "greedy", "ada", "greedy", "greedy"] == order


async def test_a_canceled_call_does_not_block_the_next() -> None:
    """Neither one that waits, nor one that runs, which ends first, nor one that was just let through."""
    worker, free, done = WorkerThread(), Event(), list[int]()
    first = asyncio.create_task(worker.run("ada", free.wait))
    others = [asyncio.create_task(worker.run("ada", partial(done.append, number))) for number in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    others[0].cancel()
    await asyncio.sleep(0)
    assert [] == done
    free.set()
    await others[2]

    assert [1, 2] == done
    assert [True, True] == [first.cancelled(), others[0].cancelled()]


async def test_a_call_raises_its_error() -> None:
    """And the next one runs."""
    worker = WorkerThread()
    with pytest.raises(ZeroDivisionError):
        await worker.run("ada", lambda: 1 // 0)

    assert 2 == await worker.run("ada", lambda: 2)


@on_sqlite
async def test_a_long_document_is_prepared_once_in_a_thread(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that send it at the same time share it, and later ones find it in the cache."""
    prepare, threads = Documents._prepare, list[bool]()

    def recorded(documents: Documents, text: str) -> object:
        threads.append(get_ident() == loop_thread)
        return prepare(documents, text)

    loop_thread = get_ident()
    monkeypatch.setattr(Documents, "_prepare", recorded)
    short, long = "query Short { __typename }", "query Long { __typename }".ljust(LONG_DOCUMENT)
    async with Api.of(database) as api:
        sent = [{"query": text} for text in (short, *[long] * 5)]
        responses = await asyncio.gather(*(api.client.post("/graphql", json=each) for each in sent))
        responses.append(await api.client.post("/graphql", json=sent[-1]))

    assert [True, False] == threads
    assert [{"__typename": "Query"}] * 7 == [each.json()["data"] for each in responses]
