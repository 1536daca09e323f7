"""Many customers in one transaction: the number of statements does not depend on how many they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import domain_errors, errors
from db.audit import audit_log, changes
from db.audit.audit_log import Entry, content
from db.batches import bulk_write, item_results
from db.batches.item_results import CREATED, UNCHANGED, UPDATED, Item
from db.customers import with_email_key
from db.models import Customer, customers
from db.reader import Transaction
from db.search import search_index

CHANGED = ("name", "email", "entered_email", "version", "updated_at")
# TiDB would otherwise read, and lock, the whole table for the two keys.
BOTH_KEYS = "/*+ USE_INDEX_MERGE(customers, uq_customers_username, uq_customers_email) */"


class Upsert(NamedTuple):
    """A customer by its handle: the columns to store, and the version that it is expected to have."""

    values: dict[str, Any]
    expected: int | None = None


async def upsert(transaction: Transaction, sent: Sequence[Upsert], all_or_nothing: bool) -> tuple[Item, ...]:
    """Create or change customers by `username`; an item a customer, in their order.

    An item is refused with Taken, Repeated or VersionConflict, and spoils no other; with `all_or_nothing` it
    raises BatchRefused. Raises Overtaken when others took a handle or an e-mail address meanwhile, and
    NotOwned.
    """
    sent = [each._replace(values=with_email_key(each.values)) for each in sent]
    plan = Plan(await _found(transaction, sent), transaction.owner)
    for each in sent:
        plan.add(each)
    await item_results.settle(transaction, plan.items, all_or_nothing)
    await _store(transaction, plan)
    return tuple(plan.items)


@dataclass
class Plan:
    """What is to become of each item, told by the rows as they are, which are locked."""

    stored: Sequence[Customer]
    owner: int | None = None
    items: list[Item] = field(default_factory=list)
    before: dict[int, Customer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name = {row.username: row for row in self.stored}
        self._by_email = {row.email: row.username for row in self.stored if row.email}
        self._names: set[str] = set()

    def add(self, each: Upsert) -> None:
        self.items.append(item_results.attempt(self._item, each))

    def _item(self, each: Upsert) -> Item:
        name, email = each.values["username"], each.values.get("email")
        row = self._by_name.get(name)
        if name in self._names:
            raise domain_errors.Repeated("username")
        if self.owner is not None and (row is None or row.id != self.owner):
            raise errors.NotOwned(customers.name)
        if row:
            changes.require_version(row, each.expected)
        elif each.expected is not None:
            raise domain_errors.NothingExpected
        if email and self._by_email.setdefault(email, name) != name:
            raise domain_errors.Taken("email")
        # Only now: an item that is refused stands in no other's way.
        self._names.add(name)
        if row is None:
            return Item(_new(each.values), CREATED)
        changed = changes.changed_row(row, each.values)
        self.before[row.id] = row
        return Item(changed, UNCHANGED if changed is row else UPDATED)


def _new(values: dict[str, Any]) -> Customer:
    moment = changes.now()
    columns = {"email": None, "archived_at": None, "entered_email": None, **values}
    return Customer(id=0, **columns, version=1, created_at=moment, updated_at=moment)


async def _found(transaction: Transaction, sent: Sequence[Upsert]) -> list[Customer]:
    names = [each.values["username"] for each in sent]
    emails = [each.values["email"] for each in sent if each.values.get("email")]
    statement = sa.select(*customers.c)
    either: sa.ColumnElement[bool] = customers.c.username.in_(names)
    if emails:
        either |= customers.c.email.in_(emails)
        statement = statement.prefix_with(BOTH_KEYS, dialect="mysql")
    rows = await transaction.lock_anybodys(statement, either, customers)
    return [Customer._make(row) for row in rows]


async def _store(transaction: Transaction, plan: Plan) -> None:
    try:
        await _insert(transaction, plan)
        changed = [item.row for item in plan.items if item.done == UPDATED]
        if changed:
            await bulk_write.update(transaction, customers, changed, CHANGED)
    except errors.DuplicateKey as error:
        raise errors.Overtaken from error
    await _store_words(transaction, plan, changed)
    await audit_log.record(transaction, list(_entries(plan)))


async def _insert(transaction: Transaction, plan: Plan) -> None:
    places = [place for place, item in enumerate(plan.items) if item.done == CREATED]
    rows = [_columns(plan.items[place].row) for place in places]
    if not rows:
        return
    mine = customers.c.username.in_([row["username"] for row in rows])
    ids = await bulk_write.insert(transaction, customers, rows, mine)
    for place, row_id in zip(places, ids, strict=True):
        item = plan.items[place]
        plan.items[place] = item._replace(row=item.row._replace(id=row_id))


def _columns(row: Customer) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "id"}


async def _store_words(transaction: Transaction, plan: Plan, changed: Sequence[Customer]) -> None:
    different = [row for row in changed if search_index.of(row) != search_index.of(plan.before[row.id])]
    if different:
        await search_index.delete(transaction, [row.id for row in different])
    new = [item.row for item in plan.items if item.done == CREATED]
    if new or different:
        await search_index.insert(transaction, [*new, *different])


def _entries(plan: Plan) -> Any:
    for item in plan.items:
        if item.done == CREATED:
            yield Entry(item.row, audit_log.CREATED, item.row.created_at, {}, content(item.row))
        elif item.done == UPDATED:
            yield changes.updated(plan.before[item.row.id], item.row)
