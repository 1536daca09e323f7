"""Memory for the bodies of all requests and responses: bounded, however many and slow the clients are."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from db.engine.database import Database
from graph.app import create_app
from graph.errors import RequestError
from graph.limits.body_memory import COLLECT_EVERY, FREE_BYTES, BodyMemoryLimit, Reservation
from tests.api import Api, read
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id
from tests.in_process_server import connected, served
from tests.shared_tidb import Statements
from tests.sockets import exchange, request

HEADERS = {"Content-Type": "application/json"}
ANSWER = {"data": {"__typename": "Query"}}
# With a long name their responses have more than LARGE bytes.
NAMES = " ".join(f"name{number}: name" for number in range(180))
QUERY = f"query ($id: ID!) {{ customer(by: {{id: $id}}) {{ {NAMES} }} }}"
UPDATE = (
    "mutation ($id: ID!, $name: String!) { updateCustomer(input: {id: $id, name: $name}) { customer { "
    + NAMES
    + " version } } }"
)
LONG, LARGE = "x" * 250, 40_000


def post(padding: int) -> bytes:
    body = json.dumps({"query": "{ __typename }", "padding": "x" * padding}).encode()
    return request("POST", "/graphql", HEADERS, body)


def of(app: Starlette) -> BodyMemoryLimit:
    (memory,) = (
        route.endpoint.body_memory for route in app.routes if getattr(route, "path", "") == "/graphql"
    )
    return memory


@on_sqlite
async def test_a_query_needs_memory_while_it_is_executed(database: Database) -> None:
    """It ends in the middle, its field is null, and all of its memory is free again."""
    for _ in range(20):
        await create_customer(database, name=LONG)
    settings = read(body_limit=100_000, bodies_limit=200_000)
    app = create_app(settings, database)
    query = f'{{ customers {{ nodes {{ {NAMES} }} }} order(by: {{reference: "none"}}) {{ id }} }}'
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = (await client.post("/graphql", json={"query": query})).json()

    (error,) = answer["errors"]
    assert {"customers": None, "order": None} == answer["data"]
    assert "SERVICE_UNAVAILABLE" == error["extensions"]["code"]
    assert "The server is out of memory for requests. Try again in a moment." == error["message"]
    assert 0 == of(app).used


@on_sqlite
async def test_large_bodies_find_memory_or_503(database: Database) -> None:
    """With the seconds to wait; small ones are answered meanwhile, and large ones when others have gone."""
    settings = read(body_limit=100_000, bodies_limit=200_000, body_timeout=60)
    app = create_app(settings, database)
    memory = of(app)
    async with asyncio.timeout(60), served(app, settings) as server, AsyncExitStack() as slow:
        for count in (1, 2):
            _, writer = await slow.enter_async_context(connected(server))
            writer.write(post(90_000)[:-10])
            while memory.used < count * (90_000 - FREE_BYTES):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        refused = await asyncio.to_thread(exchange, url, post(90_000))
        small = await asyncio.to_thread(exchange, url, post(1_000))
        await slow.aclose()
        while memory.used:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        after = await asyncio.to_thread(exchange, url, post(90_000))

    assert (503, "1", ["SERVICE_UNAVAILABLE"]) == (
        refused.status,
        refused.headers["retry-after"],
        refused.codes,
    )
    assert [ANSWER, ANSWER] == [small.json(), after.json()]


def reserve(memory: BodyMemoryLimit, principal: str) -> Reservation:
    reservation = Reservation(memory)
    reservation.principal = principal
    return reservation


def test_one_principal_leaves_memory_for_others() -> None:
    """A fifth; small bodies are free, and what was released is there again."""
    memory = BodyMemoryLimit(1_000)
    with reserve(memory, "ada") as ada, reserve(memory, "bob") as bob, reserve(memory, "ada") as more:
        ada.grow(FREE_BYTES + 700)
        more.grow(FREE_BYTES + 100)
        with pytest.raises(RequestError):
            more.grow(FREE_BYTES + 101)
        bob.grow(FREE_BYTES)
        bob.grow(FREE_BYTES + 200)
        with pytest.raises(RequestError):
            bob.grow(FREE_BYTES + 201)
        assert 1_000 == memory.used

    assert 0 == memory.used
    with reserve(memory, "bob") as bob:
        bob.grow(FREE_BYTES + 800)


def test_an_excess_takes_nothing_from_others() -> None:
    """What must be sent is charged beyond the limit, and others get their fifth all the same."""
    memory = BodyMemoryLimit(1_000)
    with reserve(memory, "ada") as ada, reserve(memory, "bob") as bob:
        ada.resize(FREE_BYTES + 5_000)
        with pytest.raises(RequestError):
            ada.check()
        bob.check()
        bob.grow(FREE_BYTES + 200)
        ada.resize(FREE_BYTES)
        ada.check()
        bob.grow(FREE_BYTES + 800)

    assert 0 == memory.used


class Limited:
    """The API over a database, and its memory limit."""

    def __init__(self, database: Database) -> None:
        app = create_app(read(), database)
        self.memory = of(app)
        self.charged = 0
        transport = httpx2.ASGITransport(app=app)
        self.api = Api(httpx2.AsyncClient(transport=transport, base_url="http://test"))

    def leave(self, size: int) -> None:
        """Charge anonymous callers until so many bytes are left."""
        self.charged = self.memory.share - size
        self.memory.charge("anonymous", self.charged - self.memory.used)

    async def send(self, query: str, **variables: Any) -> httpx2.Response:
        return await self.api.client.post("/graphql", json={"query": query, "variables": variables})


@pytest.fixture
async def limited(database: Database) -> AsyncIterator[Limited]:
    limited = Limited(database)
    yield limited
    assert limited.memory.used == limited.charged


@on_sqlite
async def test_nothing_is_done_when_the_memory_is_used_up(
    limited: Limited, database: Database, statements: Statements
) -> None:
    """A query and a mutation get 503 before any of their statements, also small ones."""
    id_ = global_id(await create_customer(database, name="Bob"))
    limited.leave(0)
    statements.clear()
    answers = [await limited.send(query, id=id_) for query in ("{ __typename }", QUERY, UPDATE)]

    assert [(503, "1", "SERVICE_UNAVAILABLE")] * 3 == [
        (answer.status_code, answer.headers["retry-after"], answer.json()["errors"][0]["extensions"]["code"])
        for answer in answers
    ]
    assert 0 == len(statements)


@on_sqlite
async def test_a_large_response_needs_memory(limited: Limited, database: Database) -> None:
    """A query whose response does not fit gets 503; a small one is answered."""
    id_ = global_id(await create_customer(database, name=LONG))
    limited.leave(1)
    large, small = await limited.send(QUERY, id=id_), await limited.send("{ __typename }")
    limited.leave(2 * LARGE)

    assert (503, "1") == (large.status_code, large.headers["retry-after"])
    assert ANSWER == small.json()
    assert LONG == (await limited.send(QUERY, id=id_)).json()["data"]["customer"]["name0"]


@on_sqlite
async def test_a_mutation_that_was_carried_out_is_answered(limited: Limited, database: Database) -> None:
    """Whether its response fits or not."""
    id_ = global_id(await create_customer(database, name="Bob"))
    limited.leave(1)
    answer = await limited.send(UPDATE, id=id_, name=LONG)
    customer = answer.json()["data"]["updateCustomer"]["customer"]

    assert len(answer.content) > LARGE
    assert (LONG, 2) == (customer["name179"], customer["version"])


async def test_garbage_is_collected_after_so_many_bytes() -> None:
    """Reference cycles of requests hold few objects, which the collector counts, and much text."""

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    memory, freed = BodyMemoryLimit(100_000_000), asyncio.Event()
    gc.disable()
    try:
        weakref.finalize(Cycle(), freed.set)
        for _ in range(COLLECT_EVERY // 1_000_000 + 1):
            memory.charge("anybody", 1_000_000)
            memory.charge("anybody", -1_000_000)
        async with asyncio.timeout(10):
            await freed.wait()
    finally:
        gc.enable()

    assert 0 == memory.used
