"""Who may ask at all: with authentication configured, a request is somebody's or it is refused."""

import asyncio
from datetime import datetime, timedelta, tzinfo
from typing import Any

import httpx2
import pytest

from db import api_keys
from db.engine.database import Database
from db.engine.deadline import Deadline
from graph.auth.api_keys import ApiKeyVerifier, digest, new_secret
from graph.auth.callers import Unauthenticated
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_sqlite
from tests.shared_tidb import Statements

NEVER = Deadline.none()
READ = {"query": "{ customers { nodes { username } } }"}
CREATE = """
mutation ($key: String) {
  createCustomer(input: {username: "ada", name: "Ada", idempotencyKey: $key}) {
    customer { history { nodes { principal } } }
    userErrors { code }
  }
}
"""


def refused(response: httpx2.Response) -> str:
    """The message of a 401 that is one as the specifications ask."""
    assert (401, 'Bearer realm="tidegraph"') == (response.status_code, response.headers["www-authenticate"])
    body: dict[str, Any] = response.json()
    assert ["errors"] == list(body)
    (error,) = body["errors"]
    assert {"code": "UNAUTHENTICATED"} == error["extensions"]
    message: str = error["message"]
    return message


async def test_a_key_is_let_in(database: Database) -> None:
    """Whatever the case of the scheme's name."""
    secret = await create_key(database, "admin")
    async with Api.of(database, auth="keys") as api:
        answers = [
            await api.client.post("/graphql", json=READ, headers={"Authorization": f"{scheme} {secret}"})
            for scheme in ("Bearer", "bearer", "BEARER")
        ]
        by_get = await api.client.get("/graphql", params=READ, headers=bearer(secret))

    assert [{"data": {"customers": {"nodes": []}}}] * 4 == [each.json() for each in [*answers, by_get]]


async def test_without_a_key_nothing_is_read(database: Database, statements: Statements) -> None:
    """Neither by POST nor by GET, whatever is sent; the probes answer."""
    async with Api.of(database, auth="keys") as api:
        answers = [
            await api.client.post("/graphql", json=READ),
            await api.client.get("/graphql", params=READ),
            await api.client.post("/graphql", content=b"nonsense"),
            await api.client.post("/graphql", json={"query": "{ __schema { queryType { name } } }"}),
        ]
        assert [] == statements
        probes = [await api.client.get(path) for path in ("/ping", "/livez", "/readyz")]

    assert {"Send one header `Authorization: Bearer …` with an API key or token."} == {*map(refused, answers)}
    assert [200] * 3 == [probe.status_code for probe in probes]


@on_sqlite
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {secret}",
        "Token {secret}",
        "{secret}",
        "Bearer {secret} {secret}",
        "Bearer {secret}, Bearer {secret}",
        "Bearer {secret}=",
        "Bearer x{secret}",
        "Bearer {cut}",
        'Bearer "{secret}"',
        "Bearer {digest}",
        "Bearer tdg_",
        "Bearer " + "x" * 7_000,
        "Bearer " + "x" * 9_000,
        "Bearer tdg_" + "\u00e4" * 43,
    ],
)
async def test_what_is_no_key_is_refused(header: str, database: Database, statements: Statements) -> None:
    """Without asking the database, which has the key that some of these nearly are."""
    secret = await create_key(database, "admin")
    statements.clear()
    value = header.format(secret=secret, cut=secret[:-1], digest=digest(secret)).encode("latin-1")
    async with Api.of(database, auth="keys") as api:
        refused(await api.client.post("/graphql", json=READ, headers={"Authorization": value}))

    assert [] == statements


async def test_an_unknown_key_is_refused(database: Database) -> None:
    """One of the right form."""
    await create_key(database, "admin")
    async with Api.of(database, auth="keys") as api:
        message = refused(await api.client.post("/graphql", json=READ, headers=bearer(new_secret())))

    assert "The API key is unknown, expired or revoked." == message


async def test_an_expired_key_is_refused(database: Database) -> None:
    """With the same words as an unknown one."""
    secret = await create_key(database, "admin", days=-0.0001)
    async with Api.of(database, auth="keys") as api:
        message = refused(await api.client.post("/graphql", json=READ, headers=bearer(secret)))

    assert "The API key is unknown, expired or revoked." == message


class Tomorrow(datetime):
    """The clock, a day on."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Tomorrow":
        return super().now(tz) + timedelta(days=1)


async def test_a_key_expires_while_it_is_remembered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered is the key, and not that it was good."""
    keys = ApiKeyVerifier(database, seconds=600)
    secret = await create_key(database, "admin", days=0.5)
    caller = await keys.caller(secret, NEVER)
    monkeypatch.setattr("graph.auth.api_keys.datetime", Tomorrow)
    with pytest.raises(Unauthenticated):
        await keys.caller(secret, NEVER)

    assert "key:web" == caller.principal


async def test_a_revoked_key_is_refused_without_a_restart(database: Database) -> None:
    """As soon as what was remembered of it is too old."""
    secret = await create_key(database, "admin")
    keys = ApiKeyVerifier(database, seconds=0.2)
    await keys.caller(secret, NEVER)
    await database.write(lambda transaction: api_keys.revoke(transaction, "web"))
    await asyncio.sleep(0.3)
    with pytest.raises(Unauthenticated):
        await keys.caller(secret, NEVER)


async def test_a_key_is_looked_up_once(database: Database, statements: Statements) -> None:
    """Also when many come with it at once, and the same for one that is not there."""
    keys = ApiKeyVerifier(database)
    secret = await create_key(database, "admin")
    statements.clear()
    await asyncio.gather(*(keys.caller(secret, NEVER) for _ in range(20)))
    await keys.caller(secret, NEVER)
    known = len(statements)
    unknown = new_secret()
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await keys.caller(unknown, NEVER)

    assert (1, 2) == (known, len(statements))


@on_sqlite
async def test_a_key_in_the_url_is_ignored(database: Database) -> None:
    """Under every name that has been used for it."""
    secret = await create_key(database, "admin")
    async with Api.of(database, auth="keys") as api:
        for name in ("access_token", "token", "key", "api_key", "authorization"):
            refused(await api.client.post("/graphql", json=READ, params={name: secret}))
            refused(await api.client.get("/graphql", params={name: f"Bearer {secret}", **READ}))


@on_sqlite
async def test_two_credentials_are_none(database: Database) -> None:
    """Two headers might mean one thing here and another thing in front of us."""
    secret = await create_key(database, "admin")
    headers = [("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")]
    async with Api.of(database, auth="keys") as api:
        refused(await api.client.post("/graphql", json=READ, headers=headers))


async def test_a_change_is_its_keys(database: Database) -> None:
    """In the history; and two keys may use the same idempotency key."""
    first, second = [await create_key(database, "admin", name=name) for name in ("first", "second")]
    async with Api.of(database, auth="keys") as api:
        body = {"query": CREATE, "variables": {"key": "order-1"}}
        sent = [
            (await api.client.post("/graphql", json=body, headers=bearer(secret))).json()["data"]
            for secret in (first, first, second)
        ]

    history = {"history": {"nodes": [{"principal": "key:first"}]}}
    assert [
        {"customer": history, "userErrors": []},
        {"customer": history, "userErrors": []},
        {"customer": None, "userErrors": [{"code": "TAKEN"}]},
    ] == [each["createCustomer"] for each in sent]


async def test_without_authentication_a_key_is_nobodys(api: Api, database: Database) -> None:
    """Everybody is anonymous, whatever they send."""
    await create_key(database, "orders:read")
    body = {"query": CREATE}
    answer = await api.client.post("/graphql", json=body, headers=bearer(new_secret()))

    customer = answer.json()["data"]["createCustomer"]["customer"]
    assert [{"principal": "anonymous"}] == customer["history"]["nodes"]


@on_sqlite
async def test_the_page_of_graphiql_is_shown_to_all(database: Database) -> None:
    """It has no data; what it asks for needs a key."""
    async with Api.of(database, auth="keys") as api:
        page = await api.client.get("/graphql", headers={"Accept": "text/html"})

    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])


@on_sqlite
async def test_a_refusal_comes_in_the_media_type_that_is_asked_for(database: Database) -> None:
    """And before the body is looked at."""
    accept = "application/graphql-response+json"
    async with Api.of(database, auth="keys") as api:
        answer = await api.client.post("/graphql", content=b"{", headers={"Accept": accept})

    refused(answer)
    assert answer.headers["content-type"].startswith(accept)
