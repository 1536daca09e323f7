"""A token that is bound to a customer by a claim: as a key that is, and never to all by mistake."""

from pathlib import Path

import pytest

from graph.global_ids import MAX_ROW_ID, GlobalId
from tests.api import Api
from tests.api_key_factory import bearer
from tests.factories import global_id
from tests.tokens import SETTINGS, jwks_file, token
from tests.two_customers import TwoCustomers

CUSTOMER = "https://shop.example.com/customer"


@pytest.fixture
def source(tmp_path: Path) -> str:
    return jwks_file(tmp_path)


async def test_a_token_is_bound_to_the_customer_of_its_claim(two: TwoCustomers, source: str) -> None:
    """Or to all by a star; one that says neither is refused, and not for all."""
    read = {"query": "{ customers { nodes { username } } orders { totalCount { value } } }"}
    values = [global_id(two.ada), global_id(two.bob), "*", GlobalId("Customer", MAX_ROW_ID).encode()]
    refused = [None, "", "ada", global_id(two.adas[0]), two.ada.id, [global_id(two.ada)], {"*": "*"}, True]
    answers = []
    async with Api.of(two.database, **SETTINGS, jwt_jwks=source, jwt_customer_claim=CUSTOMER) as api:
        for value in [*values, *refused]:
            headers = bearer(token(**{CUSTOMER: value}))
            answers.append(await api.client.post("/graphql", json=read, headers=headers))

    shown = [answer.json()["data"] for answer in answers[: len(values)]]
    assert [["ada"], ["bob"], ["bob", "ada"], []] == [
        [node["username"] for node in data["customers"]["nodes"]] for data in shown
    ]
    assert [2, 2, 4, 0] == [data["orders"]["totalCount"]["value"] for data in shown]
    assert [401] * len(refused) == [answer.status_code for answer in answers[len(values) :]]


async def test_an_outcome_is_told_to_the_same_binding_only(two: TwoCustomers, source: str) -> None:
    """The same subject, input and key by a token for another customer are not what was sent before."""
    document = """
    mutation ($id: ID!) {
      transitionOrder(input: {id: $id, to: PAID, idempotencyKey: "one"}) {
        order { reference } userErrors { code }
      }
    }
    """
    body = {"query": document, "variables": {"id": global_id(two.adas[0])}}
    payloads = []
    async with Api.of(two.database, **SETTINGS, jwt_jwks=source, jwt_customer_claim=CUSTOMER) as api:
        for value in (global_id(two.ada), global_id(two.bob), "*", global_id(two.ada)):
            headers = bearer(token(**{CUSTOMER: value}))
            answer = (await api.client.post("/graphql", json=body, headers=headers)).json()
            payloads.append(answer["data"]["transitionOrder"])

    paid = {"order": {"reference": "ada-1"}, "userErrors": []}
    reused = {"order": None, "userErrors": [{"code": "KEY_REUSED"}]}
    assert [paid, reused, reused, paid] == payloads


async def test_a_bound_token_is_told_why_it_creates_nobody(two: TwoCustomers, source: str) -> None:
    """In words that fit a token as well as a key."""
    create = 'mutation { createCustomer(input: {username: "eve", name: "Eve"}) { customer { id } } }'
    async with Api.of(two.database, **SETTINGS, jwt_jwks=source, jwt_customer_claim=CUSTOMER) as api:
        headers = bearer(token(**{CUSTOMER: global_id(two.ada)}))
        answer = (await api.client.post("/graphql", json={"query": create}, headers=headers)).json()
    (error,) = answer["errors"]

    assert (
        "FORBIDDEN",
        "Your key or token is restricted to one customer and cannot create others. Nothing was written.",
    ) == (
        error["extensions"]["code"],
        error["message"],
    )
