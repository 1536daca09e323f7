"""Bulk upserts of customers, in a number of statements that does not depend on the number of items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import domain_errors, errors
from db.audit import audit_log, changes
from db.audit.audit_log import AuditEntry, audited_values
from db.batches import bulk_write, item_results
from db.batches.item_results import CREATED, UNCHANGED, UPDATED, ItemResult, refused_item
from db.customers import with_email_key
from db.domain_errors import DomainError
from db.models import Customer, customers, nullable_columns, updatable_columns
from db.reader import Transaction
from db.search import search_index

UPDATED_COLUMNS = updatable_columns(customers, "username")
# TiDB would otherwise read, and lock, the whole table for the two keys.
INDEX_MERGE_HINT = "/*+ USE_INDEX_MERGE(customers, uq_customers_username, uq_customers_email) */"


class CustomerUpsert(NamedTuple):
    """A customer by its username: the columns to store, and the expected version.

    An item with `invalid` input has only its valid columns; it is checked and not stored.
    """

    values: dict[str, Any]
    expected: int | None = None
    invalid: bool = False

    @property
    def username(self) -> str | None:
        return self.values.get("username")


async def upsert(
    transaction: Transaction, upserts: Sequence[CustomerUpsert], all_or_nothing: bool
) -> tuple[ItemResult, ...]:
    """Create or change customers by `username`; returns an Item for each, in their order.

    An item fails with Taken, Repeated, ExpectedVersionNotFound or VersionConflict, or a DomainErrorGroup of
    them, without affecting the others; with `all_or_nothing` that raises BatchRejected. Raises
    ConcurrentInsert when a concurrent transaction took a username or an e-mail address, and
    RowLevelSecurityViolation.
    """
    upserts = [each._replace(values=with_email_key(each.values)) for each in upserts]
    batch = CustomerBatch(await _existing(transaction, upserts), transaction.owner)
    for each in upserts:
        batch.add(each)
    await item_results.require_storable(transaction, batch.items, all_or_nothing)
    await _store(transaction, batch)
    return tuple(batch.items)


@dataclass
class CustomerBatch:
    """Computes the Item of each upsert from the existing rows, which are locked; nothing is written yet."""

    existing: Sequence[Customer]
    owner: int | None = None
    items: list[ItemResult] = field(default_factory=list)
    before: dict[int, Customer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name = {row.username: row for row in self.existing}
        self._name_by_email: dict[str, str | None] = {
            row.email: row.username for row in self.existing if row.email
        }
        self._names: set[str] = set()

    def add(self, each: CustomerUpsert) -> None:
        self.items.append(self._item(each))

    def _item(self, each: CustomerUpsert) -> ItemResult:
        row = self._by_name.get(each.username or "")
        if self.owner is not None and (row is None or row.id != self.owner):
            if each.invalid:
                return ItemResult()
            raise errors.RowLevelSecurityViolation(customers.name)
        violations = list(self._violations(each, row))
        if violations or each.invalid:
            return refused_item(violations)
        # Only stored items reserve their unique values: a refused one does not affect the others.
        self._names.add(each.values["username"])
        if email := each.values.get("email"):
            self._name_by_email[email] = each.username
        if row is None:
            return ItemResult(_new(each.values), CREATED)
        changed = changes.with_changes(row, each.values)
        self.before[row.id] = row
        return ItemResult(changed, UNCHANGED if changed is row else UPDATED)

    def _violations(self, each: CustomerUpsert, row: Customer | None) -> Iterator[DomainError]:
        if each.username in self._names:
            yield domain_errors.Repeated("username")
        if row:
            yield from changes.version_conflict(row, each.expected)
        elif each.username is not None and each.expected is not None:
            yield domain_errors.ExpectedVersionNotFound()
        email = each.values.get("email")
        if email and self._name_by_email.get(email, each.username) != each.username:
            yield domain_errors.Taken("email")


def _new(values: dict[str, Any]) -> Customer:
    moment = changes.utc_now()
    columns = {**nullable_columns(customers), **values}
    return Customer(id=0, **columns, version=1, created_at=moment, updated_at=moment)


async def _existing(transaction: Transaction, upserts: Sequence[CustomerUpsert]) -> list[Customer]:
    names = [each.username for each in upserts if each.username is not None]
    emails = [each.values["email"] for each in upserts if each.values.get("email")]
    if not names and not emails:
        return []
    statement = sa.select(*customers.c)
    either: sa.ColumnElement[bool] = customers.c.username.in_(names)
    if emails:
        either |= customers.c.email.in_(emails)
        statement = statement.prefix_with(INDEX_MERGE_HINT, dialect="mysql")
    rows = await transaction.lock_unscoped(statement, either, customers)
    return [Customer._make(row) for row in rows]


async def _store(transaction: Transaction, batch: CustomerBatch) -> None:
    try:
        await _insert(transaction, batch)
        changed = [item.row for item in batch.items if item.result == UPDATED]
        if changed:
            await bulk_write.update(transaction, customers, changed, UPDATED_COLUMNS)
    except errors.DuplicateKey as error:
        raise errors.ConcurrentInsert from error
    await _store_words(transaction, batch, changed)
    await audit_log.record(transaction, list(_entries(batch)))


async def _insert(transaction: Transaction, batch: CustomerBatch) -> None:
    indexes = [index for index, item in enumerate(batch.items) if item.result == CREATED]
    rows = [_columns(batch.items[index].row) for index in indexes]
    if not rows:
        return
    inserted = customers.c.username.in_([row["username"] for row in rows])
    ids = await bulk_write.insert(transaction, customers, rows, inserted)
    for index, row_id in zip(indexes, ids, strict=True):
        item = batch.items[index]
        batch.items[index] = item._replace(row=item.row._replace(id=row_id))


def _columns(row: Customer) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "id"}


async def _store_words(transaction: Transaction, batch: CustomerBatch, changed: Sequence[Customer]) -> None:
    different = [
        row
        for row in changed
        if search_index.index_words(row) != search_index.index_words(batch.before[row.id])
    ]
    if different:
        await search_index.delete(transaction, [row.id for row in different])
    new = [item.row for item in batch.items if item.result == CREATED]
    if new or different:
        await search_index.insert(transaction, [*new, *different])


def _entries(batch: CustomerBatch) -> Iterator[AuditEntry]:
    for item in batch.items:
        if item.result == CREATED:
            yield AuditEntry(item.row, audit_log.CREATED, item.row.created_at, {}, audited_values(item.row))
        elif item.result == UPDATED:
            yield changes.update_entry(batch.before[item.row.id], item.row)
