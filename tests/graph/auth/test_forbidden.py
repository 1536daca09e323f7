"""What a caller may not do is refused before anything is sent, in words that say what is missing."""

from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order
from tests.graph.auth.test_scopes import NEEDED, SEPARATE, document
from tests.shared_tidb import Statements


async def test_nothing_is_sent_of_what_is_forbidden(database: Database, statements: Statements) -> None:
    """For any field, by a caller who has every other scope, no statement reaches the database."""
    keys = {
        scope: await create_key(database, *(each for each in SEPARATE if each != scope), name=scope)
        for scope in SEPARATE
    }
    async with Api.of(database, auth="keys") as api:
        for secret in keys.values():
            await api.client.post("/graphql", json={"query": "{ __typename }"}, headers=bearer(secret))
        statements.clear()
        for coordinate, needed in NEEDED.items():
            for scope in needed:
                body = {"query": document(coordinate)}
                answer = await api.client.post("/graphql", json=body, headers=bearer(keys[scope]))
                errors = answer.json()["errors"]

                assert (403, ["errors"]) == (answer.status_code, list(answer.json())), answer.text
                assert {scope} == {error["extensions"]["scope"] for error in errors}, coordinate
                assert {"FORBIDDEN"} == {error["extensions"]["code"] for error in errors}

        assert [] == statements


async def test_a_caller_reads_what_it_may(database: Database) -> None:
    """One scope is enough for what needs one, and the answer is that of everybody."""
    order = await create_order(database, await create_customer(database, username="ada"))
    secret = await create_key(database, "orders:read")
    query = f'{{ node(id: "{GlobalId("Order", order.id).encode()}") {{ ... on Order {{ status }} }} }}'
    async with Api.of(database, auth="keys") as api:
        answer = await api.client.post("/graphql", json={"query": query}, headers=bearer(secret))

    assert {"data": {"node": {"status": "PENDING"}}} == answer.json()


@on_sqlite
async def test_a_refusal_names_field_and_scope(database: Database) -> None:
    """With the place in the document; and a refused mutation has done nothing."""
    secret = await create_key(database, "customers:write")
    body = {"query": document("Mutation.createCustomer", "customer { id name }")}
    async with Api.of(database, auth="keys") as api:
        answer = await api.client.post("/graphql", json=body, headers=bearer(secret))
    async with Api.of(database) as api:
        left = await api.data("{ customers { nodes { id } } }")

    assert [
        {
            "message": "Customer.name requires the scope customers:read.",
            "locations": [{"line": 1, "column": 1 + body["query"].index("name }")}],
            "extensions": {"code": "FORBIDDEN", "scope": "customers:read"},
        }
    ] == answer.json()["errors"]
    assert {"customers": {"nodes": []}} == left


async def test_without_authentication_everything_is_allowed(api: Api) -> None:
    """Anonymous has every scope."""
    answer = await api.send(
        "{ customers { nodes { history { nodes { version } } } } orders { nodes { id } } }"
    )

    assert {"data": {"customers": {"nodes": []}, "orders": {"nodes": []}}} == answer
