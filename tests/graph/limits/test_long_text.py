"""Long and hostile text in every input: it is not normalized before it is checked, and not sent back."""

import unicodedata
from itertools import groupby
from typing import Any

import pytest

from db import unique_text
from db.engine.database import Database
from db.search import text_folding
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id

# PAYLOAD, ITEMS and LINE stand for what is written out below, and ID for a customer's.
READS = {
    "search": "customers(search: $s) { nodes { id } }",
    "customer by id": "customer(by: { id: $s }) { id }",
    "customer by username": "customer(by: { username: $s }) { id }",
    "customer by email": "customer(by: { email: $s }) { id }",
    "order by reference": "order(by: { reference: $s }) { id }",
    "node": "node(id: $s) { id }",
    "nodes": "nodes(ids: [$s]) { id }",
    "history": "history(node: $s) { nodes { version } }",
    "eq": "customers(where: { username: { eq: $s } }) { nodes { id } }",
    "in": "customers(where: { email: { in: [$s] } }) { nodes { id } }",
    "startsWith": "customers(where: { name: { startsWith: $s } }) { nodes { id } }",
    "contains": "orders(where: { reference: { contains: $s } }) { nodes { id } }",
    "an id": "orders(where: { id: { eq: $s } }) { nodes { id } }",
    "an amount": "orders(where: { total: { amount: { gt: $s } } }) { nodes { id } }",
    "a time": "orders(where: { placedAt: { gt: $s } }) { nodes { id } }",
    "a currency": "orders(where: { total: { currency: { eq: $s } } }) { nodes { id } }",
    "a status": "orders(where: { status: { eq: $s } }) { nodes { id } }",
    "cursor": "customers(after: $s) { nodes { id } }",
    "cursor of a search": 'customers(search: "ann", before: $s) { nodes { id } }',
    "time zone": "orderSummary(groupBy: [DAY], timeZone: $s) { count }",
    "asOf": "customers(asOf: $s) { nodes { id } }",
}
WRITES = {
    "new username": 'createCustomer(input: { username: $s, name: "a" }) PAYLOAD',
    "new name": 'createCustomer(input: { username: "a", name: $s }) PAYLOAD',
    "new email": 'createCustomer(input: { username: "a", name: "a", email: $s }) PAYLOAD',
    "key": 'createCustomer(input: { username: "a", name: "a", idempotencyKey: $s }) PAYLOAD',
    "changed username": "updateCustomer(input: { id: ID, username: $s }) PAYLOAD",
    "changed email": "updateCustomer(input: { id: ID, email: $s }) PAYLOAD",
    "upserted": "upsertCustomers(input: { items: [{ username: $s, name: $s, email: $s }] }) ITEMS",
    "new reference": "createOrder(input: { customerId: ID, reference: $s, lines: [LINE] }) PAYLOAD",
    "upserted reference": "upsertOrders(input: { items: [{ reference: $s, customerId: ID, lines: [LINE] }] })"
    " ITEMS",
    "sku": "createOrder(input: { customerId: ID, lines: [LINE SKU] }) PAYLOAD",
    "amount": "createOrder(input: { customerId: ID, lines: [LINE AMOUNT] }) PAYLOAD",
    "currency": "createOrder(input: { customerId: ID, lines: [LINE CURRENCY] }) PAYLOAD",
    "placedAt": "createOrder(input: { customerId: ID, placedAt: $s, lines: [LINE] }) PAYLOAD",
    "customer of an order": "createOrder(input: { customerId: $s, lines: [LINE] }) PAYLOAD",
}
LINE = '{ sku: "sku", name: "a", quantity: 1, unitPrice: { amount: "1", currency: "EUR" } }'
WRITTEN_OUT = {
    "PAYLOAD": "{ userErrors { code message } }",
    "ITEMS": "{ results { userErrors { code message } } }",
    "LINE SKU": LINE.replace('"sku"', "$s"),
    "LINE AMOUNT": LINE.replace('"1"', "$s"),
    "LINE CURRENCY": LINE.replace('"EUR"', "$s"),
    "LINE": LINE,
}
SCALARS = {
    "DateTime": {"a time", "asOf", "placedAt"},
    "Decimal": {"an amount", "amount"},
    "CurrencyCode": {"a currency", "currency"},
    "OrderStatus": {"a status"},
    "ID": {"customer by id", "node", "nodes", "history", "an id", "customer of an order"},
}
HOSTILE = {
    "marks": "a" + "\u0301" * 20_000 + "\u0334" * 20_000,
    "marks on every letter": ("a" + "\u0301" * 20 + "\u0334" * 20) * 100,
    "marks within the limit": "a" + "\u0301" * 100 + "\u0334" * 100,
    "an address of marks": "a@" + "\u0301" * 20_000 + "\u0334" * 20_000,
    "letters": "a" * 40_000,
    "digits": "9" * 40_000,
    "fractions": "1." + "9" * 40_000,
    "spaces": " " * 40_000 + "a",
    "times": "2026-02-28T09:30:00." + "1" * 40_000 + "Z",
    "Hangul": "\u1112\u1161\u11ab" * 10_000,
    "sigma": "\u03a3" + "\u0301" * 20_000 + "\u03a3@" + "\u03a3\u0301" * 10_000,
    "ligatures": "\ufdfa" * 10_000,
}


@pytest.fixture
def normalized(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Python's quadratic normalization gets."""
    found: list[str] = []
    normalize = unicodedata.normalize

    def spy(form: Any, text: str) -> str:
        found.append(text)
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", spy)
    monkeypatch.setattr(text_folding, "FOLDING_TABLE", text_folding.FoldingTable())
    return found


def marks(text: str) -> int:
    """How many combining marks stand in a row, at most."""
    runs = groupby(text, lambda each: unicodedata.combining(each) > 0)
    return max((len(list(run)) for combining, run in runs if combining), default=0)


def document(name: str, customer_id: str = "") -> str:
    """The operation that has the input, with the one variable `$s`."""
    kind = next((kind for kind, names in SCALARS.items() if name in names), "String")
    text = READS.get(name) or WRITES[name]
    for token, written in WRITTEN_OUT.items():
        text = text.replace(token, written)
    text = text.replace(" ID", f' "{customer_id}"')
    return f"{'query' if name in READS else 'mutation'} ($s: {kind}!) {{ {text} }}"


@on_sqlite
@pytest.mark.parametrize("name", [*READS, *WRITES])
async def test_text_is_checked_before_it_is_normalized(
    database: Database, api: Api, normalized: list[str], name: str
) -> None:
    """No long text and no long run of marks is normalized, and the answer is short and not a server error."""
    query = document(name, global_id(await create_customer(database)))
    for text in HOSTILE.values():
        answer = await api.client.post("/graphql", json={"query": query, "variables": {"s": text}})
        codes = {each["extensions"]["code"] for each in answer.json().get("errors", ())}

        assert len(answer.content) < 2_000
        assert codes <= {"BAD_USER_INPUT", "AS_OF_UNAVAILABLE"}
    assert max(map(len, normalized), default=0) <= unique_text.MAX_LENGTH
    assert max(map(marks, normalized), default=0) <= unique_text.MAX_MARKS


async def test_too_many_marks_are_refused(api: Api) -> None:
    """30 in a row are stored, as Unicode's Stream-Safe Text Format has them; one more is too long."""
    stored = await api.data(document("new username"), s="a" + "\u0334" * 30)
    refused = await api.data(document("new username"), s="b" + "\u0334" * 31)
    error = {"code": "TOO_LONG", "message": "The text must have at most 30 combining marks in a row."}

    assert {"createCustomer": {"userErrors": []}} == stored
    assert {"createCustomer": {"userErrors": [error]}} == refused


async def test_marks_in_a_row_can_be_searched(database: Database, api: Api) -> None:
    """A search drops marks, however many they are."""
    customer = await create_customer(database, name="a" + "\u0334" * 200 + "\u0301" * 40 + "nna")
    found = await api.data(document("search"), s="an\u0301" + "\u0334" * 100 + "na")

    assert {"customers": {"nodes": [{"id": global_id(customer)}]}} == found


LONG = "x" * 40_000


@on_sqlite
@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f"{{ {LONG} }}", {}),
        (f"{{ customers {{ {LONG} }} }}", {}),
        (f"{{ customers({LONG}: 1) {{ nodes {{ id }} }} }}", {}),
        (f"{{ customers @{LONG} {{ nodes {{ id }} }} }}", {}),
        (f"query ($s: {LONG}) {{ customers {{ nodes {{ id }} }} }}", {}),
        (f"{{ customers {{ nodes {{ ...{LONG} }} }} }}", {}),
        (f"{{ customers(first: {'9' * 40_000}) {{ nodes {{ id }} }} }}", {}),
        (f'{{ customers(first: "{LONG}") {{ nodes {{ id }} }} }}', {}),
        (f"{{ orders(where: {{ status: {{ eq: {LONG} }} }}) {{ nodes {{ id }} }} }}", {}),
        (f"{{ orders(where: {{ {LONG}: 1 }}) {{ nodes {{ id }} }} }}", {}),
        ("query ($s: CustomerWhere) { customers(where: $s) { nodes { id } } }", {"s": {LONG: 1}}),
        ("query ($s: Int) { customers(first: $s) { nodes { id } } }", {"s": LONG}),
        ("query ($s: Int) { customers(first: $s) { nodes { id } } }", {"s": [[LONG] * 9] * 9}),
        ("query ($s: [ID!]!) { nodes(ids: $s) { id } }", {"s": [{LONG: 1}] * 200}),
        (f'"{LONG}', {}),
        (f"{LONG}", {}),
    ],
)
async def test_errors_do_not_quote_long_input(api: Api, query: str, variables: dict[str, Any]) -> None:
    """Names and values of documents and variables are shortened in messages."""
    answer = await api.client.post("/graphql", json={"query": query, "variables": variables})

    assert answer.json()["errors"]
    assert len(answer.content) < 30_000
