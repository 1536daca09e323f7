"""Automatic persisted queries: registered with their text, verified, bounded, and nobody's to evict."""

import hashlib
import json
from typing import Any

import httpx2
import pytest

from db.engine.database import Database
from graph.http import persisted_queries
from graph.http.persisted_queries import IDLE_SECONDS, MAX_CHARACTERS, PersistedQueries
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_sqlite

QUERY = "query ($n: Int) { orders(first: $n) { nodes { id } } }"
ANSWER = {"data": {"orders": {"nodes": []}}}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def extensions(text: str, **more: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text), **more}}


async def post(api: Api, **fields: Any) -> Any:
    return (await api.client.post("/graphql", json=fields)).json()


async def get(api: Api, **fields: Any) -> httpx2.Response:
    params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return await api.client.get("/graphql", params=params)


def code_of(answer: Any) -> str:
    (error,) = answer["errors"]
    code: str = error["extensions"]["code"]
    return code


async def test_a_document_is_registered_when_it_comes_with_its_hash(sqlite_api: Api) -> None:
    """Not found at first, then run by its hash alone."""
    missed = await post(sqlite_api, extensions=extensions(QUERY))
    sent = await post(sqlite_api, query=QUERY, extensions=extensions(QUERY))

    assert "PERSISTED_QUERY_NOT_FOUND" == code_of(missed)
    assert "PersistedQueryNotFound" == missed["errors"][0]["message"]
    assert ANSWER == sent
    assert ANSWER == await post(sqlite_api, extensions=extensions(QUERY), variables={"n": 1})


async def test_it_works_over_get(sqlite_api: Api) -> None:
    """A miss is stored by no cache; a hit has its ETag."""
    missed = await get(sqlite_api, extensions=extensions(QUERY))
    sent = await get(sqlite_api, query=QUERY, extensions=extensions(QUERY))
    hit = await get(sqlite_api, extensions=extensions(QUERY))

    assert ("PERSISTED_QUERY_NOT_FOUND", "no-store") == (
        code_of(missed.json()),
        missed.headers["cache-control"],
    )
    assert ANSWER == sent.json() == hit.json()
    assert hit.headers["etag"]


async def test_a_mutation_is_not_run_over_get_by_its_hash(sqlite_api: Api) -> None:
    """As by its text."""
    mutation = 'mutation { createCustomer(input: {username: "a", name: "A"}) { userErrors { code } } }'
    refused = await get(sqlite_api, query=mutation, extensions=extensions(mutation))
    again = await get(sqlite_api, extensions=extensions(mutation))

    assert ["METHOD_NOT_ALLOWED"] * 2 == [code_of(refused.json()), code_of(again.json())]


async def test_a_wrong_hash_registers_nothing(sqlite_api: Api) -> None:
    """Or somebody could give others a document of his own."""
    other = "{ __typename }"
    refused = await post(sqlite_api, query=other, extensions=extensions(QUERY))

    assert "BAD_REQUEST" == code_of(refused)
    assert "PERSISTED_QUERY_NOT_FOUND" == code_of(await post(sqlite_api, extensions=extensions(QUERY)))


async def test_only_valid_documents_are_registered(sqlite_api: Api) -> None:
    """An invalid one is refused each time with its errors, and takes no memory."""
    for invalid, code in (("{ nothing }", "GRAPHQL_VALIDATION_FAILED"), ("{", "GRAPHQL_PARSE_FAILED")):
        assert code == code_of(await post(sqlite_api, query=invalid, extensions=extensions(invalid)))
        assert "PERSISTED_QUERY_NOT_FOUND" == code_of(await post(sqlite_api, extensions=extensions(invalid)))


@pytest.mark.parametrize(
    "persisted", [{"version": 2}, {"sha256Hash": 7}, {"sha256Hash": ["x"]}], ids=["version", "int", "list"]
)
async def test_a_malformed_extension_is_refused(sqlite_api: Api, persisted: dict[str, Any]) -> None:
    """Before anything runs."""
    assert "BAD_REQUEST" == code_of(await post(sqlite_api, extensions=extensions(QUERY, **persisted)))


@on_sqlite
async def test_the_origin_is_checked(database: Database) -> None:
    """Another site's page can use no hash either."""
    async with Api.of(database) as api:
        await post(api, query=QUERY, extensions=extensions(QUERY))
        api.client.headers["Origin"] = "https://evil.example"

        assert "FORBIDDEN" == code_of((await get(api, extensions=extensions(QUERY))).json())


@on_sqlite
async def test_a_document_is_found_by_other_callers(database: Database) -> None:
    """Its hash says what it is; what it may read is each caller's."""
    keys = [await create_key(database, scope, name=scope[0]) for scope in ("orders:read", "customers:read")]
    async with Api.of(database, auth="keys") as api:
        api.client.headers.update(bearer(keys[0]))
        await post(api, query=QUERY, extensions=extensions(QUERY))
        found = await post(api, extensions=extensions(QUERY))
        api.client.headers.update(bearer(keys[1]))
        forbidden = await post(api, extensions=extensions(QUERY))

    assert ANSWER == found
    assert "FORBIDDEN" == code_of(forbidden)


def documents(count: int, length: int = 1_000, name: str = "") -> dict[str, str]:
    texts = [f"{{ {name} {number} }}".ljust(length) for number in range(count)]
    return {sha256(text): text for text in texts}


def test_a_caller_evicts_only_its_own() -> None:
    """Each keeps what it used last, whatever others register."""
    queries = PersistedQueries()
    shared, *rest = documents(50).items()
    queries.register("a", *shared)
    for sha, text in rest[:10]:
        queries.register("a", sha, text)
    assert queries.get("b", shared[0])
    for sha, text in documents(1_000, name="flood").items():
        queries.register("b", sha, text)

    assert all(queries.get("a", sha) for sha, _ in (shared, *rest[:10]))
    assert queries.characters <= 2 * MAX_CHARACTERS
    assert sum(len(text) for text in queries._texts.values()) == queries.characters


def test_the_longest_unused_is_evicted_first() -> None:
    """An LRU cache for each caller, bounded by characters."""
    queries = PersistedQueries()
    many = documents(MAX_CHARACTERS // 1_000 + 1)
    (first, text), *_ = many.items()
    queries.register("a", first, text)
    for sha, other in many.items():
        queries.register("a", sha, other)
        assert queries.get("a", first)

    assert MAX_CHARACTERS >= queries.characters
    assert len(many) - 1 == len(queries)


def test_memory_of_all_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is used up nothing is stored or evicted; idle callers make room after an hour."""
    monkeypatch.setattr(persisted_queries, "MAX_TOTAL_CHARACTERS", 10_000)
    now = 0.0
    queries = PersistedQueries(lambda: now)
    first = documents(10, name="first")
    for sha, text in first.items():
        queries.register("a", sha, text)
    late = documents(1, name="late")
    ((sha, text),) = late.items()
    queries.register("b", sha, text)

    assert queries.get("b", sha) is None
    assert all(queries.get("a", each) for each in first)

    now = IDLE_SECONDS + 1
    queries.register("b", sha, text)
    assert text == queries.get("b", sha)
    assert 1_000 == queries.characters


def test_callers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller too many has no cache of its own, and still finds what is there."""
    monkeypatch.setattr(persisted_queries, "MAX_CALLERS", 1)
    queries = PersistedQueries(lambda: 0.0)
    queries.register("a", sha256(QUERY), QUERY)
    queries.register("b", sha256("{ __typename }"), "{ __typename }")

    assert QUERY == queries.get("b", sha256(QUERY))
    assert 1 == len(queries)
