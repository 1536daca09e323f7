"""Ids that name nothing: absence where one reads, NOT_FOUND where one writes, never an exception."""

import base64

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id
from tests.graph.writing.user_errors import PROBLEM, not_found
from tests.table_rows import stored_rows

READ = """
query ($id: ID!, $ids: [ID!]!) {
  node(id: $id) { id }
  nodes(ids: $ids) { id }
  customer(by: { id: $id }) { id }
  order(by: { id: $id }) { id }
}
"""
ARCHIVE = (
    "mutation ($input: ArchiveCustomerInput!) {"
    " archiveCustomer(input: $input) { customer { id } userErrors { ...Problem } } }" + PROBLEM
)
NOTHING = {"node": None, "nodes": [None], "customer": None, "order": None}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# Longer ids must be variables.
DOCUMENT_LIMIT = 90_000
RUBBISH = [
    "",
    "1",
    "x",
    "=",
    "====",
    "%%%%",
    "Customer:1",
    "\N{SNOWMAN}",
    "a" * 50_000,
    *map(
        encoded,
        [
            "",
            ":",
            "Customer",
            "Customer:",
            "Customer:0",
            "Customer:-1",
            "Customer:+1",
            "Customer:01",
            "Customer: 1",
            "Customer:1 ",
            "Customer:1.0",
            "Customer:1e3",
            "Customer:0x1",
            "Customer:1_0",
            "Customer:one",
            "Customer:\N{ARABIC-INDIC DIGIT ONE}",
            "Customer:9223372036854775808",
            "Customer:18446744073709551617",
            "Customer:" + "9" * 10_000,
            "customer:1",
            "OrderLine:1",
            "Query:1",
            "PageInfo:1",
            "Customer:1:1",
            "1:Customer",
        ],
    ),
]


async def test_an_id_of_rubbish_reads_as_nothing(database: Database, api: Api) -> None:
    """Null, as a variable and as a literal."""
    await create_order(database, await create_customer(database))

    as_variables = [await api.data(READ, id=each, ids=[each]) for each in RUBBISH]
    literals = [each for each in RUBBISH if len(each) < DOCUMENT_LIMIT]
    as_literals = [await api.data(f'{{ node(id: "{each}") {{ id }} }}') for each in literals]

    assert [NOTHING] * len(RUBBISH) == as_variables
    assert [{"node": None}] * len(literals) == as_literals


async def test_an_id_of_rubbish_is_not_found_by_a_mutation(database: Database, api: Api) -> None:
    """The user error holds it as it was sent, or cut where no id is as long."""
    await create_customer(database)
    before = await stored_rows(database)

    payloads = [(await api.data(ARCHIVE, input={"id": each}))["archiveCustomer"] for each in RUBBISH]

    assert [{"customer": None, "userErrors": [not_found(each, "id")]} for each in RUBBISH] == payloads
    assert before == await stored_rows(database)


async def test_an_object_has_one_id(database: Database, api: Api) -> None:
    """Other spellings that decode to the same bytes name nothing, or clients would cache it twice."""
    customer = await create_customer(database)
    right = global_id(customer)
    padding = "=" * (-len(right) % 4)
    spellings = [right + padding + "=", right + "====", f" {right}", f"{right}\n", right + "A"]
    if padding:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        spellings += [right + padding, right[:-1] + alphabet[alphabet.index(right[-1]) + 1]]

    data = await api.data(READ, id=right, ids=[right, *spellings])

    assert {"id": right} == data["node"]
    assert [{"id": right}] + [None] * len(spellings) == data["nodes"]


@pytest.mark.parametrize("kind", ["Customer", "Order"])
async def test_the_largest_id_is_looked_for(api: Api, kind: str) -> None:
    """2^63 - 1 is a number that both databases know."""
    largest = encoded(f"{kind}:{2**63 - 1}")

    assert NOTHING == await api.data(READ, id=largest, ids=[largest])


@on_sqlite
async def test_an_int_is_an_id_of_nothing(api: Api) -> None:
    """GraphQL takes whole numbers for ids, also large ones."""
    assert {"node": None} == await api.data("{ node(id: 5) { id } }")
    assert NOTHING == await api.data(READ, id=5, ids=[2**63])


@on_sqlite
@pytest.mark.parametrize("id", [None, 1.5, True, ["x"], {"id": "x"}])
async def test_what_is_no_id_does_not_fit_a_variable(api: Api, id: object) -> None:
    """Ids are strings or whole numbers."""
    assert "BAD_USER_INPUT" == await api.code("query ($id: ID!) { node(id: $id) { id } }", id=id)


@on_sqlite
@pytest.mark.parametrize("id", ["null", "1.5", "true", "x", '["x"]', '{ id: "x" }'])
async def test_what_is_no_id_is_no_valid_literal(api: Api, id: str) -> None:
    """It is found before anything is executed."""
    assert "GRAPHQL_VALIDATION_FAILED" == await api.code(f"{{ node(id: {id}) {{ id }} }}")


@on_sqlite
@pytest.mark.parametrize(
    ("field", "sent", "literal"),
    [
        ("customer", None, "null"),
        ("customer", {}, "{}"),
        ("customer", {"id": None}, "{ id: null }"),
        ("customer", {"id": "x", "email": None}, '{ id: "x", email: null }'),
        ("customer", {"id": "x", "username": "x"}, '{ id: "x", username: "x" }'),
        ("order", {}, "{}"),
        ("order", {"reference": None}, "{ reference: null }"),
        ("order", {"id": "x", "reference": "x"}, '{ id: "x", reference: "x" }'),
        ("order", {"username": "x"}, '{ username: "x" }'),
    ],
)
async def test_a_look_up_takes_exactly_one_key(
    api: Api, field: str, sent: dict[str, str | None] | None, literal: str
) -> None:
    """Two, none and null are refused, as a variable and as a literal."""
    kind = f"{field.capitalize()}By"

    as_variable = await api.code(f"query ($by: {kind}!) {{ {field}(by: $by) {{ id }} }}", by=sent)
    as_literal = await api.code(f"{{ {field}(by: {literal}) {{ id }} }}")

    assert ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED") == (as_variable, as_literal)
