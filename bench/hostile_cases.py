"""Hostile requests for `make bench-hostile`, and the data that make them expensive."""

import asyncio
import random
import re
import string
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import orjson

from db import orders
from db.audit import audit_log, changes
from db.audit.audit_log import AuditEntry, audited_values
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.models import Customer
from db.models import customers as customer_table
from db.models import orders as order_table
from db.money import LineInput, Money
from db.reader import Transaction
from db.search import search_index
from graph.global_ids import GlobalId

CUSTOMERS, ORDERS_EACH, LINES, CHANGES = 100, 2, 200, 100
CODE = re.compile(rb'"extensions":\s*\{[^{}]*?"code":\s*"([A-Z_]+)"')
# How much of each end of a response is searched for a code, in bytes.
ENDS = 64_000
# How long an unread response is left unread, in seconds.
UNREAD_SECONDS = 3
PATIENCE = 120


class Shop(NamedTuple):
    """The ids that requests name: customers, orders, and the one order with a long history."""

    customer_ids: list[str]
    order_ids: list[str]
    changed_id: str


async def prepare(url: str) -> Shop:
    """Fill a database: each order has 200 lines with long names, one order was changed 100 times."""
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database)
        await database.write(_insert_customers)
        found = await database.reader().fetch(customer_table.select().order_by(customer_table.c.username))
        rows = [Customer._make(row) for row in found]
        await database.write(lambda transaction: search_index.insert(transaction, rows))
        for row in rows:
            await database.write(lambda transaction, owner=row.id: _insert_orders(transaction, owner))
        ids = [row.id for row in await database.reader().fetch(order_table.select())]
        await database.write(lambda transaction: _change(transaction, ids[0]))
    return Shop(
        [GlobalId("Customer", row.id).encode() for row in rows],
        [GlobalId("Order", each).encode() for each in ids],
        GlobalId("Order", ids[0]).encode(),
    )


async def _insert_customers(transaction: Transaction) -> None:
    moment = changes.utc_now()
    shared = {"version": 1, "created_at": moment, "updated_at": moment, "archived_at": None}
    rows = [
        {"username": f"customer-{number:03}", "name": "Drew Example", "email": None, **shared}
        for number in range(CUSTOMERS - 1)
    ]
    # Six one-letter prefixes, 23 words each.
    pairs = [first + second for first in "qwyxuv" for second in string.ascii_lowercase[:23]]
    rows.append({"username": " ".join(pairs[:60]), "name": " ".join(pairs[60:]), "email": None, **shared})
    await transaction.insert_many(customer_table, rows)


async def _insert_orders(transaction: Transaction, owner: int) -> None:
    values = {"customer_id": owner, "reference": None}
    for _ in range(ORDERS_EACH):
        await orders.insert(transaction, values, None, _lines(0))


def _lines(change: int) -> list[LineInput]:
    price = Money(Decimal("12.90"), "EUR")
    return [
        LineInput(f"SKU-{number}", f"{number} {change} ".ljust(200, "x"), 1, price) for number in range(LINES)
    ]


async def _change(transaction: Transaction, order_id: int) -> None:
    """Record changes of all lines of an order: what 100 updates would leave in its history."""
    order = await orders.lock(transaction, order_id)
    for change in range(CHANGES):
        before, after = _lines(change), _lines(change + 1)
        order = changes.with_changes(order, {}, touched=True)
        entry = AuditEntry(
            order,
            audit_log.UPDATED,
            order.updated_at,
            audited_values(order, before),
            audited_values(order, after),
        )
        await audit_log.record(transaction, [entry])
    await transaction.execute(
        order_table.update().where(order_table.c.id == order_id).values(version=order.version)
    )


class Target:
    """The served process as a hostile client sees it; counts the outcomes of requests."""

    def __init__(self, base: str, shop: Shop) -> None:
        self.base, self.shop = base, shop
        self.host, self.port = urlsplit(base).hostname, urlsplit(base).port
        self.outcomes: Counter[str] = Counter()
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        headers = {"accept-encoding": "identity"}
        self.client = httpx2.AsyncClient(
            base_url=base, timeout=PATIENCE, limits=limits, headers=headers, verify=False
        )

    async def query(self, query: str, **variables: Any) -> None:
        """Send an operation and read the response without storing it."""
        await self.body(orjson.dumps({"query": query, "variables": variables}))

    async def body(self, body: bytes, content_type: str = "application/json") -> None:
        try:
            headers = {"content-type": content_type}
            async with self.client.stream("POST", "/graphql", content=body, headers=headers) as response:
                first, last = b"", b""
                async for chunk in response.aiter_bytes():
                    first += chunk[: ENDS - len(first)]
                    last = (last + chunk)[-ENDS:]
        except httpx2.HTTPError as error:
            self.outcomes[type(error).__name__] += 1
            return
        code = CODE.search(first) or CODE.search(last)
        self.outcomes[f"{response.status_code} {code.group(1).decode() if code else ''}".strip()] += 1

    async def get(self, path: str) -> None:
        try:
            response = await self.client.get(path)
            self.outcomes[f"{response.status_code} {path}"] += 1
        except httpx2.HTTPError as error:
            self.outcomes[f"{type(error).__name__} {path}"] += 1

    async def raw(self, sent: bytes, *, seconds: float) -> None:
        """Send bytes on a connection of its own, read nothing for so many seconds, and break off."""
        try:
            _, writer = await asyncio.open_connection(self.host, self.port, limit=1)
        except OSError as error:
            self.outcomes[type(error).__name__] += 1
            return
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                for start in range(0, len(sent), 65_536):
                    writer.write(sent[start : start + 65_536])
                    await writer.drain()
                await asyncio.sleep(seconds)
        writer.transport.abort()
        self.outcomes["unread"] += 1

    def request(self, query: str, **variables: Any) -> bytes:
        """A whole HTTP request, for `raw`."""
        body = orjson.dumps({"query": query, "variables": variables})
        head = f"POST /graphql HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


Send = Callable[[Target], Awaitable[Any]]
CASES: dict[str, Send] = {}


def case(send: Send) -> Send:
    """A case by its function's name; its docstring says what is hostile about it."""
    CASES[send.__name__.replace("_", "-")] = send
    return send


def aliases(count: int, selection: str) -> str:
    return " ".join(f"a{number}: {selection}" for number in range(count))


def text(length: int) -> str:
    """A new text each time."""
    return "".join(random.choices(string.ascii_lowercase, k=length))


async def together(calls: Iterable[Awaitable[Any]]) -> None:
    await asyncio.gather(*calls)


MARKS = "a" + "\u0301" * 40_000 + "\u0334" * 40_000
PAGE = "{ customers(first: 100) { nodes { orders(first: 2) { nodes { %s } } } } }"
NESTED = """query ($where: OrderWhere) {
  customers(first: 100) { nodes { orders(where: $where) { nodes { id } } } } }"""
SMALL_PAGE = "customers { nodes { id name email version } }"
SEARCH = "query ($s: String!) { customers(search: $s) { nodes { id } } }"
NAMED = "query ($s: String!) { customers(where: {name: {eq: $s}}) { nodes { id } } }"
DRY_CUSTOMER = (
    "mutation ($i: CreateCustomerInput!) { createCustomer(input: $i) { userErrors { code message } } }"
)
DRY_ORDER = """mutation ($i: UpdateOrderInput!) { updateOrder(input: $i) {
  order { lines { name } history(first: 5) { nodes { version fields { field before after } } }
    customer { orders { nodes { lines { name } } } } }
  userErrors { code } } }"""


# Unvalidated input


@case
async def marks_in_search(target: Target) -> None:
    """Combining marks, which normalization sorts."""
    await target.query(SEARCH, s=MARKS)


@case
async def marks_in_lookup(target: Target) -> None:
    """Combining marks in a unique key."""
    await target.query("query ($s: String!) { customer(by: {username: $s}) { id } }", s=MARKS)


@case
async def marks_in_filter(target: Target) -> None:
    """Combining marks in a condition."""
    await target.query(
        "query ($s: String!) { customers(where: {username: {eq: $s}}) { nodes { id } } }", s=MARKS
    )


@case
async def marks_in_mutation(target: Target) -> None:
    """Combining marks in new values."""
    await target.query(DRY_CUSTOMER, i={"username": MARKS, "name": MARKS, "email": MARKS, "dryRun": True})


@case
async def nested_empty_filters(target: Target) -> None:
    """50 x 98 empty objects in a filter under 100 parents."""
    await target.query(NESTED, where={"and": [{"and": [{}] * 98}] * 50})


@case
async def negated_filters(target: Target) -> None:
    """Deeply nested `not` and `or` under 100 parents."""
    where: dict[str, Any] = {"reference": {"startsWith": "a"}}
    for _ in range(15):
        where = {"not": {"or": [where, {"status": {"eq": "PAID"}}]}}
    await target.query(NESTED, where=where)


@case
async def long_not_in_lists(target: Target) -> None:
    """50 x `notIn` with 100 values under 100 parents."""
    values = [[f"{number}-{each}" for each in range(100)] for number in range(50)]
    await target.query(NESTED, where={"and": [{"reference": {"notIn": each}} for each in values]})


@case
async def one_letter_search(target: Target) -> None:
    """Prefixes that a customer's words match 23 times each."""
    await target.query(SEARCH, s="q w y x u v exam")


@case
async def deep_json(target: Target) -> None:
    """JSON 100,000 levels deep."""
    await target.body(
        b'{"query": "{ __typename }", "variables": {"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    )


@case
async def long_integer(target: Target) -> None:
    """An integer of 900,000 digits."""
    await target.body(
        b'{"query": "query ($n: Int) { customers(first: $n) { nodes { id } } }", "variables": {"n": '
        + b"9" * 900_000
        + b"}}"
    )


@case
async def wrong_enum(target: Target) -> None:
    """A value of 900 kB for an enum, which an error would echo."""
    await target.query(
        "query ($s: [OrderStatus!]) { orders(where: {status: {in: $s}}) { nodes { id } } }", s=[text(900_000)]
    )


@case
async def wrong_values(target: Target) -> None:
    """1,000 wrong values in one list: an error for each."""
    await target.query(
        "query ($s: [OrderStatus!]) { orders(where: {status: {in: $s}}) { nodes { id } } }",
        s=[text(500)] * 1_000,
    )


@case
async def unknown_fields(target: Target) -> None:
    """200 fields that do not exist, each with a long name."""
    await target.query("{ " + " ".join(text(450) for _ in range(200)) + " }")


@case
async def many_tokens(target: Target) -> None:
    """As many tokens as the limit lets through, in a new document."""
    await target.query(
        "{ "
        + " ".join(f"a{number}: __typename" for number in range(190))
        + " # "
        + text(100)
        + "\n"
        + "__typename " * 1_700
        + "}"
    )


@case
async def fragment_bomb(target: Target) -> None:
    """Fragments that double 30 times."""
    spreads = [f"fragment f{number} on Query {{ ...f{number + 1} ...f{number + 1} }}" for number in range(30)]
    await target.query("{ ...f0 } " + " ".join(spreads) + " fragment f30 on Query { __typename }")


@case
async def overlapping_fields(target: Target) -> None:
    """Many fields of one name, compared with each other by validation."""
    await target.query("{ " + "customers(first: 1) { nodes { id } } " * 600 + "}")


@case
async def forged_cursors(target: Target) -> None:
    """100 cursors of 5 kB."""
    names = [f"c{number}" for number in range(100)]
    declared = ", ".join(f"${name}: String" for name in names)
    fields = " ".join(f"{name}: orders(after: ${name}) {{ nodes {{ id }} }}" for name in names)
    await target.query(f"query ({declared}) {{ {fields} }}", **{name: text(5_000) for name in names})


@case
async def long_document(target: Target) -> None:
    """A document of 900 kB that is one string."""
    await target.query(f'{{ customers(search: "{text(900_000)}") {{ nodes {{ id }} }} }}')


# Unbounded responses


@case
async def aliased_lines(target: Target) -> None:
    """180 aliases of the lines of 200 orders."""
    await target.query(PAGE % aliases(180, "lines { name }"))


@case
async def one_page_of_lines(target: Target) -> None:
    """The names of 40,000 lines, once: what limits may allow."""
    await target.query(PAGE % "lines { name }")


@case
async def aliased_leaves(target: Target) -> None:
    """190 aliases of a scalar of 200 orders."""
    await target.query(PAGE % aliases(190, "createdAt"))


@case
async def aliased_history(target: Target) -> None:
    """30 x the history of an order with 200 lines."""
    page = aliases(30, "history(first: 100) { nodes { fields { field before after } } }")
    await target.query(
        f"query ($id: ID!) {{ node(id: $id) {{ ... on Order {{ {page} }} }} }}", id=target.shop.changed_id
    )


@case
async def nodes_of_one_history(target: Target) -> None:
    """The same order by 100 equal ids, with its history."""
    shown = "lines { name } history(first: 20) { nodes { fields { before after } } }"
    query = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Order {{ {shown} }} }} }}"
    await target.query(query, ids=[target.shop.changed_id] * 100)


@case
async def echoed_ids(target: Target) -> None:
    """An id of 100 kB in 50 items, echoed under 50 aliases."""
    items = ", ".join("{id: $id, to: PAID}" for _ in range(50))
    errors = aliases(50, "userErrors { path message ... on NotFoundError { missing } }")
    mutation = f"transitionOrders(input: {{items: [{items}], dryRun: true}}) {{ {errors} }}"
    await target.query(f"mutation ($id: ID!) {{ {mutation} }}", id=text(100_000))


@case
async def echoed_values(target: Target) -> None:
    """A taken or repeated value of 100 kB, echoed under 50 aliases."""
    errors = aliases(50, "userErrors { path message ... on ValueTakenError { value } }")
    items = ", ".join("{username: $s, name: $s, email: $s}" for _ in range(50))
    mutation = f"upsertCustomers(input: {{items: [{items}], dryRun: true}}) {{ {errors} }}"
    await target.query(f"mutation ($s: String!) {{ {mutation} }}", s=text(100_000))


@case
async def stale_order(target: Target) -> None:
    """The same stale order 30 times in a batch, with its changes."""
    items = ", ".join("{id: $id, to: PAID, expectedVersion: 1}" for _ in range(30))
    shown = "changes { fields { field before after } } current { ... on Order { lines { name } } }"
    errors = f"userErrors {{ ... on VersionConflictError {{ {shown} }} }}"
    answer = f"{errors} results {{ {errors} }}"
    mutation = f"transitionOrders(input: {{items: [{items}], mode: EACH, dryRun: true}}) {{ {answer} }}"
    await target.query(f"mutation ($id: ID!) {{ {mutation} }}", id=target.shop.changed_id)


@case
async def aliased_conflict(target: Target) -> None:
    """A version conflict under 100 aliases."""
    shown = "... on VersionConflictError { changes { fields { before after } } }"
    sent = "{id: $id, reference: null, expectedVersion: 1, dryRun: true}"
    mutation = f"updateOrder(input: {sent}) {{ {aliases(100, f'userErrors {{ {shown} }}')} }}"
    await target.query(f"mutation ($id: ID!) {{ {mutation} }}", id=target.shop.changed_id)


@case
async def daily_summary(target: Target) -> None:
    """190 sums by day, customer and status."""
    await target.query("{ " + aliases(190, "orderSummary(groupBy: [STATUS, DAY]) { count }") + " }")


@case
async def unread_responses(target: Target) -> None:
    """100 connections that do not read a response of 2 MB."""
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Order { lines { name } } } }"
    sent = target.request(query, ids=target.shop.order_ids[:45])
    await together(target.raw(sent, seconds=UNREAD_SECONDS) for _ in range(100))


@case
async def pipelining(target: Target) -> None:
    """100 connections with 15 requests of 60 kB behind an unread response."""
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Order { lines { name } } } }"
    first = target.request(query, ids=target.shop.order_ids[:45])
    others = target.request(SEARCH, s="x" * 60_000) * 15
    await together(target.raw(first + others, seconds=UNREAD_SECONDS) for _ in range(100))


# Caches


@case
async def new_filter_strings(target: Target) -> None:
    """100 conditions on texts of 300 kB that were never sent before."""
    for _ in range(100):
        await target.query(NAMED, s=text(300) * 1_000)


@case
async def long_searches(target: Target) -> None:
    """100 searches of 900 kB, which are rejected."""
    for _ in range(100):
        await target.query(SEARCH, s=text(300) * 3_000)


@case
async def new_documents(target: Target) -> None:
    """100 documents that were never sent before, of 900 fields each, which the cost limit rejects."""
    for _ in range(100):
        await target.query(f"query {text(10)} {{ {aliases(150, SMALL_PAGE)} }}")


@case
async def new_filters(target: Target) -> None:
    """100 filters of a new shape each."""
    for _ in range(100):
        names = random.choices(["username", "name", "email"], k=40)
        where = {"or": [{name: {"eq": text(5)}} for name in names]}
        await target.query("query ($w: CustomerWhere) { customers(where: $w) { nodes { id } } }", w=where)


# Other callers


@case
async def readiness_probes(target: Target) -> None:
    """2,000 connections that ask for /readyz, beside 50 small queries."""
    query = target.query("{ customers(first: 1) { nodes { id } } }")
    await together([*(target.get("/readyz") for _ in range(2_000)), query])


@case
async def dry_runs(target: Target) -> None:
    """20 dry runs at once on one order, with a large payload each."""
    sent = {"id": target.shop.changed_id, "reference": "hostile", "dryRun": True}
    await together(target.query(DRY_ORDER, i=sent) for _ in range(20))


@case
async def one_key(target: Target) -> None:
    """50 mutations at once with one idempotency key."""
    sent = {"id": target.shop.order_ids[1], "reference": None, "idempotencyKey": "one key"}
    mutation = "mutation ($i: UpdateOrderInput!) { updateOrder(input: $i) { userErrors { code } } }"
    await together(target.query(mutation, i=sent) for _ in range(50))


@case
async def large_batch(target: Target) -> None:
    """A dry run of 200 orders with 1,000 lines."""
    line = {"sku": "A", "name": "A", "quantity": 1, "unitPrice": {"amount": "1", "currency": "EUR"}}
    items = [
        {"customerId": target.shop.customer_ids[0], "reference": text(20), "lines": [line] * 5}
        for _ in range(200)
    ]
    answer = "results { order { lines { name } } }"
    mutation = f"mutation ($i: UpsertOrdersInput!) {{ upsertOrders(input: $i) {{ {answer} }} }}"
    await target.query(mutation, i={"items": items, "dryRun": True})


@case
async def hang_ups(target: Target) -> None:
    """100 clients that send a large query and go away."""
    sent = target.request(PAGE % "id lines { name }")
    await together(target.raw(sent, seconds=0.05) for _ in range(100))


@case
async def slow_senders(target: Target) -> None:
    """500 connections that send half of a request."""
    half = target.request(SEARCH, s="x" * 15_000)[:10_000]
    await together(target.raw(half, seconds=UNREAD_SECONDS) for _ in range(500))


@case
async def many_bodies(target: Target) -> None:
    """200 bodies of 900 kB at once."""
    await together(target.query(SEARCH, s="x" * 900_000) for _ in range(200))
