"""Errors of a document say what to write instead, in development only: it reveals the schema."""

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite

pytestmark = on_sqlite
HINTS = [
    ('{ customer(id: "x") { id } }', "Use `by: {id: …}`."),
    ('{ order(reference: "x") { id } }', "Use `by: {reference: …}`."),
    ("{ customers { name } }", "Did you mean `nodes { name }`?"),
    ('{ customer(by: {id: "x"}) { orders { reference } } }', "Did you mean `nodes { reference }`?"),
    (
        "{ orders(where: {status: {eq: SHIPPED}}) { nodes { id } } }",
        "It can be PENDING, PAID, FULFILLED, CANCELLED, REFUNDED.",
    ),
]


@pytest.mark.parametrize(("query", "hint"), HINTS)
async def test_a_mistake_has_a_hint_in_development(database: Database, query: str, hint: str) -> None:
    """At the end of the message, whose code and place are the same in production."""
    async with Api.of(database, env="development") as api:
        development = (await api.send(query))["errors"][0]
    async with Api.of(database, env="production") as api:
        production = (await api.send(query))["errors"][0]

    assert development["message"].endswith(hint)
    assert hint not in production["message"]
    assert development["locations"] == production["locations"]
    assert development["extensions"] == production["extensions"]


@pytest.mark.parametrize(
    "query", ["{ customers { nothing } }", '{ customer(nothing: "x") { id } }', "{ nothing }"]
)
async def test_no_hint_is_made_up(database: Database, query: str) -> None:
    """Where nothing similar is there."""
    async with Api.of(database, env="development") as api:
        messages = [error["message"] for error in (await api.send(query))["errors"]]

    assert not any("`" in message for message in messages)
