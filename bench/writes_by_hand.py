"""The bar for writing: the statements of Tidegraph's transactions, written by hand with the driver alone.

No rule is checked, and nothing is run again. What follows from what is stored is asked of the same
statements: which customers are new, what was there before a change, and the ids of new rows.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from bench.meter import Meter
from db.money import as_text
from db.search import text_folding
from graph.global_ids import GlobalId

Row = Sequence[Any]

ONE_ORDER_MORE = "UPDATE customers SET orders_count = orders_count + 1 WHERE id = %s AND archived_at IS NULL"
NEW_ORDER = (
    "INSERT INTO orders (customer_id, status, total, currency, placed_at, version, created_at, updated_at)"
    " VALUES (%s, 'PENDING', %s, %s, %s, 1, %s, %s)"
)
NEW_LINES = (
    "INSERT INTO order_lines (order_id, position, sku, name, quantity, unit_price, currency)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
FOUND = (
    "SELECT /*+ USE_INDEX_MERGE(customers, uq_customers_username, uq_customers_email) */"
    " id, username, name, email, version FROM customers WHERE username IN ({0}) OR email IN ({0}) FOR UPDATE"
)
NEW_CUSTOMERS = (
    "INSERT INTO customers (username, name, email, version, created_at, updated_at)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
THEIR_IDS = "SELECT id, username FROM customers WHERE username IN ({})"
CHANGED = (
    "UPDATE customers SET name = CASE id {0} END, email = CASE id {0} END, version = version + 1,"
    " updated_at = %s WHERE id IN ({1})"
)
OLD_WORDS = "DELETE FROM customer_words WHERE customer_id IN ({})"
NEW_WORDS = "INSERT INTO customer_words (word, customer_id) VALUES (%s, %s)"
HISTORY = (
    "INSERT INTO history (object_id, kind, version, action, at, principal, request_id, idempotency_key,"
    " fields) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
KEY = (
    "INSERT INTO idempotency_keys (principal, idempotency_key, mutation, input_hash, outcome, created_at,"
    " expires_at) VALUES ('anonymous', %s, %s, %s, %s, %s, %s)"
)


class Writing:
    """One transaction of one request."""

    def __init__(self, cursor: Any, meter: Meter, request_id: str) -> None:
        self._cursor = cursor
        self._meter = meter
        self._request_id = request_id
        self._moment = datetime.now(UTC).replace(tzinfo=None)

    async def _execute(self, statement: str, *parameters: Any) -> Any:
        await self._cursor.execute(statement, parameters)
        self._meter.count(self._cursor.rowcount)
        return self._cursor

    async def _many(self, statement: str, rows: Iterable[Row]) -> Any:
        """The drivers make one INSERT of it, if its VALUES are placeholders only."""
        await self._cursor.executemany(statement, list(rows))
        self._meter.count(self._cursor.rowcount)
        return self._cursor

    async def create(self, sent: dict[str, Any]) -> Any:
        """createOrder, with lines."""
        owner, now = GlobalId.decode(sent["customerId"]), self._moment
        prices = [Decimal(line["unitPrice"]["amount"]) for line in sent["lines"]]
        currency = sent["lines"][0]["unitPrice"]["currency"]
        total = sum((p * line["quantity"] for p, line in zip(prices, sent["lines"], strict=True)), Decimal(0))
        customer_id = owner.row_id if owner else 0
        await self._execute(ONE_ORDER_MORE, customer_id)
        inserted = await self._execute(NEW_ORDER, customer_id, total, currency, now, now, now)
        order_id = inserted.lastrowid
        lines = [
            (order_id, place + 1, line["sku"], line["name"], line["quantity"], price, currency)
            for place, (line, price) in enumerate(zip(sent["lines"], prices, strict=True))
        ]
        await self._many(NEW_LINES, lines)
        amount = {"amount": as_text(total), "currency": currency}
        fields = {"customer_id": customer_id, "total": amount, "lines": sent["lines"], "status": "PENDING"}
        created = {name: (None, value) for name, value in fields.items()}
        await self._record([self._change("Order", order_id, 1, "CREATED", created, sent)])
        order = {"reference": None, "status": "PENDING", "version": 1, "total": amount}
        return await self._answer("createOrder", {"order": order, "userErrors": []}, sent)

    async def upsert(self, sent: dict[str, Any]) -> Any:
        """upsertCustomers, of new ones and others whose names change."""
        items = sent["items"]
        names, emails = [each["username"] for each in items], [each["email"] for each in items]
        found = await self._execute(FOUND.format(places(items)), *names, *emails)
        before = {row[1]: row for row in await found.fetchall()}
        new = [each for each in items if each["username"] not in before]
        changed = [each for each in items if each["username"] in before]
        ids = {name: row[0] for name, row in before.items()} | await self._insert(new)
        await self._update(changed, ids)
        words = [(word, ids[each["username"]]) for each in [*new, *changed] for word in words_of(each)]
        await self._many(NEW_WORDS, words)
        await self._record(self._customer(each, ids, before, sent) for each in items)
        results = [
            {
                "outcome": "UPDATED" if each["username"] in before else "CREATED",
                "customer": {"username": each["username"], "name": each["name"]},
            }
            for each in items
        ]
        return await self._answer("upsertCustomers", {"results": results, "userErrors": []}, sent)

    async def _insert(self, new: Sequence[dict[str, Any]]) -> dict[str, int]:
        now = self._moment
        rows = [(each["username"], each["name"], each["email"], 1, now, now) for each in new]
        await self._many(NEW_CUSTOMERS, rows)
        found = await self._execute(THEIR_IDS.format(places(rows)), *(row[0] for row in rows))
        return {username: row_id for row_id, username in await found.fetchall()}

    async def _update(self, changed: Sequence[dict[str, Any]], ids: dict[str, int]) -> None:
        mine = [ids[each["username"]] for each in changed]
        columns = [(ids[each["username"]], each[name]) for name in ("name", "email") for each in changed]
        choices = " ".join(["WHEN %s THEN %s"] * len(changed))
        statement = CHANGED.format(choices, places(mine))
        await self._execute(statement, *(value for pair in columns for value in pair), self._moment, *mine)
        await self._execute(OLD_WORDS.format(places(mine)), *mine)

    def _customer(
        self, each: dict[str, Any], ids: dict[str, int], before: dict[str, Row], sent: dict[str, Any]
    ) -> Row:
        row = before.get(each["username"], (0, None, None, None, 0))
        sides = zip(("username", "name", "email"), row[1:4], strict=True)
        fields = {name: (old, each[name]) for name, old in sides if old != each[name]}
        action = "UPDATED" if row[0] else "CREATED"
        return self._change("Customer", ids[each["username"]], row[4] + 1, action, fields, sent)

    def _change(
        self, kind: str, row_id: int, version: int, action: str, fields: Any, sent: dict[str, Any]
    ) -> Row:
        key, text = sent["idempotencyKey"], orjson.dumps(fields).decode()
        return row_id, kind, version, action, self._moment, "anonymous", self._request_id, key, text

    async def _record(self, changes: Iterable[Row]) -> None:
        await self._many(HISTORY, changes)

    async def _answer(self, mutation: str, payload: Any, sent: dict[str, Any]) -> Any:
        """Keep the payload under its key, and give it."""
        content = {name: value for name, value in sent.items() if name != "idempotencyKey"}
        digest = hashlib.blake2b(orjson.dumps(content), digest_size=32).hexdigest()
        outcome, now = orjson.dumps(payload).decode(), self._moment
        expiry = now + timedelta(hours=24)
        await self._execute(KEY, sent["idempotencyKey"], mutation, digest, outcome, now, expiry)
        return {mutation: payload}


def places(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def words_of(customer: dict[str, Any]) -> list[str]:
    return sorted(text_folding.words((customer["username"], customer["email"]), (customer["name"],)))
