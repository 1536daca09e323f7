"""The audit log: what each change did to an object, by whom and when. It outlives the object."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import orjson
import sqlalchemy as sa

from db import money
from db.column_types import Amount
from db.domain_errors import DomainError, VersionConflict
from db.models import Change, Customer, Order, OrderLine, columns_with, customers, history, orders
from db.money import LineInput, Money
from db.reader import Reader, Transaction
from db.response_budget import STREAMED

CREATED, UPDATED, DELETED, ERASED = "CREATED", "UPDATED", "DELETED", "ERASED"
# By row class: the columns that are recorded. Amounts come last, with the lines.
AUDITED = {
    Customer: columns_with(customers, "audited"),
    Order: tuple(
        sorted(columns_with(orders, "audited"), key=lambda name: isinstance(orders.c[name].type, Amount))
    ),
}
# How many of the changes since the expected version a version conflict contains.
MAX_CHANGES_SINCE = 20
PAGE_SIZE = 500

AuditedValues: TypeAlias = Mapping[str, Any]


class AuditEntry(NamedTuple):
    """A change to be recorded: the row after it, the action, and the audited values before and after."""

    row: Customer | Order
    action: str
    at: datetime
    before: AuditedValues
    after: AuditedValues


def audited_values(row: Customer | Order, lines: Sequence[LineInput | OrderLine] = ()) -> AuditedValues:
    """The audited columns of a row as plain JSON, with an order's lines; null and the empty list left out."""
    found = {name: _as_json(row, name) for name in AUDITED[type(row)]}
    found["lines"] = [_line(line) for line in lines]
    return {name: value for name, value in found.items() if value is not None and value != []}


def _as_json(row: Customer | Order, column: str) -> Any:
    value = row.shown(column) if isinstance(row, Customer) else getattr(row, column)
    match value:
        case datetime():
            return _format_datetime(value)
        case Decimal():
            return _money(Money(value, row.currency))  # type: ignore[union-attr]
        case _:
            return value


async def record(transaction: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Store entries with this transaction's author, in one statement."""
    author = _author(transaction)
    rows = [
        Change(
            object_id=entry.row.id,
            kind=type(entry.row).__name__,
            version=entry.row.version,
            action=entry.action,
            at=entry.at,
            fields=orjson.dumps(_diff(entry.before, entry.after)).decode(),
            customer_id=_owner(entry.row),
            **author,
        )._asdict()
        for entry in entries
    ]
    if rows:
        await transaction.execute(history.insert(), rows)


async def record_for_deleted(transaction: Transaction, last: Change, action: str, at: datetime) -> None:
    """Store a change of an object that has been deleted, with this transaction's author.

    `last` is its newest change, locked.
    """
    version, author = last.version + 1, _author(transaction)
    change = last._replace(version=version, action=action, at=at, fields="{}", **author)
    await transaction.execute(history.insert(), [change._asdict()])


async def lock_latest_change(transaction: Transaction, kind: str, object_id: int) -> Change | None:
    """The newest change of an object, locked until the transaction ends; of an owner's own object only."""
    newest = sa.select(*history.c).where(_after(kind, object_id, 0)).order_by(history.c.version.desc())
    rows = await transaction.fetch_for_update(newest.limit(1))
    return Change._make(rows[0]) if rows else None


def _author(transaction: Transaction) -> dict[str, Any]:
    author = transaction.author
    who = {"principal": author.principal, "request_id": author.request_id}
    return {**who, "idempotency_key": author.key}


async def load_changes_since(reader: Reader, refusals: Sequence[DomainError | None]) -> None:
    """Set `since` of each VersionConflict: the changes after its version, the oldest MAX_CHANGES_SINCE.

    One statement for all of them, and none without any.
    """
    conflicts = [each for each in refusals if isinstance(each, VersionConflict)]
    if not conflicts:
        return
    found: dict[tuple[str, int], list[Change]] = defaultdict(list)
    for row in await reader.fetch(_oldest([_newer(each.current, each.expected) for each in conflicts])):
        change = Change._make(row)
        found[change.kind, change.object_id].append(change)
    for each in conflicts:
        each.since = tuple(found[type(each.current).__name__, each.current.id])


async def changes_after(
    reader: Reader, kind: str, versions: Mapping[int, int]
) -> AsyncIterator[list[Change]]:
    """The changes of objects of one kind after a version of each, by its id; those of each oldest first.

    They come in pages of one statement each, none of them empty.
    """
    left = dict(versions)
    while left:
        newer = [_after(kind, each, version) for each, version in left.items()]
        statement = (
            sa.select(*history.c).where(sa.or_(*newer)).order_by(history.c.object_id, history.c.version)
        )
        page = [Change._make(row) for row in await reader.fetch(statement.limit(PAGE_SIZE))]
        if page:
            yield page
        if len(page) < PAGE_SIZE:
            return
        last = page[-1]
        left = {each: version for each, version in left.items() if each > last.object_id}
        left[last.object_id] = last.version


def _oldest(newer: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    """The first MOST_SINCE changes of each object: one with a long history takes no place of another's."""
    of_one = sa.func.row_number().over(
        partition_by=[history.c.kind, history.c.object_id], order_by=history.c.version
    )
    numbered = sa.select(*history.c, of_one.label("place")).where(sa.or_(*newer)).subquery()
    columns = [numbered.c[name] for name in Change._fields]
    oldest = sa.select(*columns).where(numbered.c.place <= MAX_CHANGES_SINCE).order_by(numbered.c.version)
    return oldest.execution_options(**{STREAMED: True})


def _newer(row: Customer | Order, version: int) -> sa.ColumnElement[bool]:
    # A replayed conflict shows the changes up to the version that it was raised at.
    return sa.and_(_after(type(row).__name__, row.id, version), history.c.version <= row.version)


def _after(kind: str, object_id: int, version: int) -> sa.ColumnElement[bool]:
    mine = history.c.object_id == object_id, history.c.kind == kind
    return sa.and_(*mine, history.c.version > version)


def changed_fields(change: Change) -> dict[str, tuple[Any, Any]]:
    """By field what it was before and after; what was not there is None."""
    found: dict[str, tuple[Any, Any]] = orjson.loads(change.fields)
    return found


def _diff(before: AuditedValues, after: AuditedValues) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys((*before, *after))
    sides = {name: (before.get(name), after.get(name)) for name in names}
    return {name: side for name, side in sides.items() if side[0] != side[1]}


def _owner(row: Customer | Order) -> int:
    return row.id if isinstance(row, Customer) else row.customer_id


def _format_datetime(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _money(amount: Money) -> dict[str, str]:
    return {"amount": money.as_text(amount.amount), "currency": amount.currency}


def _line(line: LineInput | OrderLine) -> dict[str, Any]:
    price = line.unit_price
    unit_price = price if isinstance(price, Money) else Money(price, line.currency)  # type: ignore[union-attr]
    shown = {"sku": line.sku, "name": line.name, "quantity": line.quantity}
    return {**shown, "unit_price": _money(unit_price)}
