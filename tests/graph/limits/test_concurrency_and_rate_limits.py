"""Many requests of one principal: so many run at once, the others wait, and what is too much is refused."""

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from db.engine.database import Database
from graph.errors import RequestError
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.limits.limit_settings import LimitSettings
from graph.limits.rate_limit import RateLimiter
from tests.api import Api
from tests.conftest import on_sqlite

QUERY = {"query": "{ __typename }"}


def limit(**limits: Any) -> ConcurrencyLimit:
    return ConcurrencyLimit(LimitSettings(**limits))


class Crowd:
    """Requests that hold their slots until `done`, and what became of each."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self.running: list[str] = []
        self.done = asyncio.Event()

    async def ask(self, principal: str, name: str = "") -> None:
        async with self.limit.slot(principal):
            self.running.append(name or principal)
            await self.done.wait()

    async def start(self, *principals: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.ask(principal)) for principal in principals]
        await asyncio.sleep(0.01)
        return tasks


async def refusal(request: Any) -> tuple[int | None, Any, str]:
    with pytest.raises(RequestError) as caught:
        await request
    (error,) = caught.value.errors
    return caught.value.status, (error.extensions or {})["code"], caught.value.headers["Retry-After"]


async def test_sixty_four_of_one_principal_run_at_once() -> None:
    """The next one waits, and runs as soon as one of them has ended."""
    crowd = Crowd(limit())
    tasks = await crowd.start(*["ada"] * 65)
    together = len(crowd.running)
    tasks[0].cancel()
    await asyncio.sleep(0.01)

    assert (64, 65) == (together, len(crowd.running))
    crowd.done.set()
    await asyncio.wait(tasks)
    assert 0 == len(crowd.limit)


async def test_one_principal_does_not_keep_others_waiting() -> None:
    """However many requests of one are waiting, another's runs at once."""
    crowd = Crowd(limit(concurrency_limit=2))
    tasks = await crowd.start(*["greedy"] * 50, "ada", "bob")

    assert ["greedy", "greedy", "ada", "bob"] == crowd.running
    crowd.done.set()
    await asyncio.gather(*tasks)
    assert 52 == len(crowd.running)


async def test_who_waits_is_served_in_order() -> None:
    """Nobody is overtaken."""
    crowd = Crowd(limit(concurrency_limit=1))
    crowd.done.set()
    await asyncio.gather(*(crowd.ask("ada", str(number)) for number in range(20)))

    assert [str(number) for number in range(20)] == crowd.running


async def test_a_line_that_is_too_long_is_refused() -> None:
    """At once, and only for the principal whose line it is."""
    crowd = Crowd(limit(concurrency_limit=1, queue_limit=2))
    tasks = await crowd.start("ada", "ada", "ada")

    assert (429, "TOO_MANY_REQUESTS", "1") == await refusal(crowd.ask("ada"))
    crowd.done.set()
    await asyncio.gather(*tasks, crowd.ask("bob"))


async def test_a_wait_that_is_too_long_is_refused() -> None:
    """Whoever waited in vain does not stand in the way of the next."""
    crowd = Crowd(limit(concurrency_limit=1, queue_limit=1, queue_timeout=0.05))
    tasks = await crowd.start("ada")

    assert (429, "TOO_MANY_REQUESTS", "1") == await refusal(crowd.ask("ada"))
    assert (429, "TOO_MANY_REQUESTS", "1") == await refusal(crowd.ask("ada"))
    crowd.done.set()
    await asyncio.gather(*tasks, crowd.ask("ada"))


async def test_a_canceled_request_passes_its_slot_on() -> None:
    """Canceled while it waits, or in the very moment in which it got the slot."""
    crowd = Crowd(limit(concurrency_limit=1))
    (first,) = await crowd.start("ada")
    waiting = await crowd.start("ada", "ada", "ada")
    waiting[0].cancel()
    await asyncio.sleep(0)
    # Releases the slot; its successor is canceled before it runs.
    first.cancel()
    await asyncio.sleep(0)
    waiting[1].cancel()
    crowd.done.set()
    await asyncio.wait([first, *waiting])

    assert [True, True, True, False] == [task.cancelled() for task in (first, *waiting)]
    assert ["ada"] * 2 == crowd.running
    assert 0 == len(crowd.limit)


@on_sqlite
async def test_a_request_over_the_rate_is_429(database: Database) -> None:
    """With the seconds to wait, before its body is read; the others have been answered."""
    async with Api.of(database, rate_limit="3/hour") as api:
        answers = [await api.client.post("/graphql", json=QUERY) for _ in range(3)]
        refused = await api.client.post("/graphql", content=b"no JSON")
    (error,) = refused.json()["errors"]
    wait = int(refused.headers["Retry-After"])

    assert [200, 200, 200, 429] == [answer.status_code for answer in (*answers, refused)]
    assert f"Rate limit of 3 per 1 hour exceeded. Try again in {wait} s." == error["message"]
    assert ("TOO_MANY_REQUESTS", wait * 1000) == tuple(
        error["extensions"][key] for key in ("code", "retryAfterMs")
    )
    assert 0 < wait <= 2 * 3600


@on_sqlite
async def test_a_request_without_a_turn_is_429(database: Database) -> None:
    """With the seconds to wait; those that had their turn are answered, and so is the next."""
    orders = {"query": "{ orders(first: 1) { nodes { id } } }"}
    async with Api.of(database, concurrency_limit=1, queue_limit=0) as api:
        answers = await asyncio.gather(*(api.client.post("/graphql", json=orders) for _ in range(10)))
        after = await api.client.post("/graphql", json=orders)
    refused = [answer for answer in answers if answer.status_code != 200]

    assert [("1", "TOO_MANY_REQUESTS")] * 9 == [
        (answer.headers["Retry-After"], answer.json()["errors"][0]["extensions"]["code"])
        for answer in refused
    ]
    assert 200 == after.status_code


@on_sqlite
async def test_there_is_no_rate_until_one_is_set(database: Database, api: Api) -> None:
    """Nor are the probes ever counted."""
    async with Api.of(database, rate_limit="1/hour") as limited:
        probes = [(await limited.client.get("/livez")).status_code for _ in range(5)]
    answers = [(await api.client.post("/graphql", json=QUERY)).status_code for _ in range(100)]

    assert [200] * 5 == probes
    assert [200] * 100 == answers


async def test_each_principal_has_its_own_rate() -> None:
    """All of several rates are kept, and a second is over after a second."""
    rates = RateLimiter("2/second; 4/hour", "memory://")
    for _ in range(2):
        await rates.count("ada")
    await rates.count("bob")

    assert (429, "TOO_MANY_REQUESTS") == (await refusal(rates.count("ada")))[:2]
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            await rates.count("bob")
        except RequestError as rejected:
            if "hour" in rejected.errors[0].message:
                break
            await asyncio.sleep(0.1)
    else:
        pytest.fail("the rate of an hour was never told")


async def test_what_cannot_be_counted_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that is away is the operator's trouble, not the callers'."""
    rates = RateLimiter("1/hour", "memory://")

    async def away(*_: object) -> bool:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(rates._limiter, "hit", away)
    with capture_logs() as logs:
        for _ in range(2):
            await rates.count("ada")

    # It is left alone for a while.
    assert ["requests cannot be counted"] == [line["event"] for line in logs]


async def test_what_one_rate_refuses_does_not_use_up_another() -> None:
    """Whoever sends too much in a second has not lost the hour."""
    rates = RateLimiter("3/hour; 1/second", "memory://")
    answers = await asyncio.gather(*(rates.count("ada") for _ in range(20)), return_exceptions=True)
    await asyncio.sleep(2)

    assert len([answer for answer in answers if isinstance(answer, RequestError)]) >= 18
    await rates.count("ada")
