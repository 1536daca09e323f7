"""Long steps of one caller's requests do not go before those of others."""

import asyncio
import itertools
from typing import Any

import pytest

from db.engine.database import Database
from graph.limits.fair_scheduler import ITERATIONS, FairScheduler
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import KINDS
from tests.factories import create_customer, create_order
from tests.shared_tidb import Statements

NUMBERS = itertools.count()


async def steps(scheduler: FairScheduler, principal: str, count: int, done: list[str]) -> None:
    """So many requests of one principal, each of one step."""

    async def step() -> None:
        await scheduler.yield_to_others(principal)
        done.append(principal)

    await asyncio.gather(*(step() for _ in range(count)))


async def test_principals_take_turns() -> None:
    """However many wait for one of them, and however late another comes."""
    scheduler, done = FairScheduler(), list[str]()
    greedy = asyncio.create_task(steps(scheduler, "greedy", 50, done))
    await asyncio.sleep(0)
    await asyncio.gather(steps(scheduler, "ada", 2, done), steps(scheduler, "bob", 1, done))
    await greedy

    came = done.index("ada")
    assert came < 5
    assert ["ada", "bob", "greedy", "ada", "greedy"] == done[came : came + 5]
    assert 53 == len(done)


async def test_a_step_begins_at_once_where_nobody_waits() -> None:
    """It costs no turn of the loop."""
    scheduler, turns = FairScheduler(), 0

    def count() -> None:
        nonlocal turns
        turns += 1

    asyncio.get_running_loop().call_soon(count)
    await scheduler.yield_to_others("ada")

    assert 0 == turns


async def test_the_loop_turns_between_long_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that others are read from, looked up and written to meanwhile; short ones follow one another."""
    scheduler, seen = FairScheduler(), list[list[int]]()
    # Every step is longer than the one, and none than the other.
    for long in (0, 60):
        monkeypatch.setattr("graph.limits.fair_scheduler.LONG", long)
        done, counts = list[str](), list[int]()
        task = asyncio.create_task(steps(scheduler, "ada", 4, done))
        while not task.done():
            await asyncio.sleep(0)
            counts.append(len(done))
        seen.append([counts.count(number) for number in (1, 2, 3)])

    assert [[ITERATIONS + 2, ITERATIONS + 1, ITERATIONS + 1], [1, 1, 1]] == seen


async def test_who_does_not_wait_any_more_is_passed_over() -> None:
    """A client that hung up takes no turn."""
    scheduler, done = FairScheduler(), list[str]()
    await scheduler.yield_to_others("ada")
    gone = [asyncio.create_task(steps(scheduler, name, 1, done)) for name in ("ada", "bob", "bob")]
    await asyncio.sleep(0)
    for task in gone[:2]:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    await steps(scheduler, "eve", 1, done)

    assert ["bob", "eve"] == done


def heavy() -> dict[str, Any]:
    """As much as one document may hold, and another one each time."""
    number = next(NUMBERS)
    where = '{reference: {eq: "%d-%d"}}'
    parts = (f"a{n}: orders(first: 1, where: {where % (number, n)}) {{ nodes {{ id }} }}" for n in range(50))
    return {"query": f"{{ {' '.join(parts)} }}"}


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_a_greedy_caller_does_not_keep_others_waiting(
    database: Database, statements: Statements
) -> None:
    """Of a thousand statements that are asked for already, few are run before another's small request."""
    customer = await create_customer(database)
    await create_order(database, customer)
    greedy, other = [bearer(await create_key(database, "admin", name=name)) for name in ("greedy", "other")]
    small = {"query": "{ customers { nodes { username orders { nodes { status } } } } }"}
    async with Api.of(database, auth="keys", request_timeout=60) as api:
        # Both keys are known by then.
        for headers in (greedy, other):
            await api.client.post("/graphql", json=small, headers=headers)
        sent = [
            asyncio.create_task(api.client.post("/graphql", json=heavy(), headers=greedy)) for _ in range(20)
        ]
        await asyncio.sleep(0.2)
        before = len(statements)
        answer = await api.client.post("/graphql", json=small, headers=other)
        meanwhile = len(statements) - before
        answers = await asyncio.gather(*sent)

    assert customer.username == answer.json()["data"]["customers"]["nodes"][0]["username"]
    assert meanwhile < 20
    assert {200} == {each.status_code for each in answers}
