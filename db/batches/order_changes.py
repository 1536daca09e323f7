"""What is to become of each order of a batch, told by the rows as they are, before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from db import domain_errors, money, order_lines
from db.audit import changes
from db.audit.changes import Lines
from db.batches import item_results
from db.batches.item_results import CREATED, UNCHANGED, UPDATED, Item
from db.models import Customer, Order, OrderLine
from db.money import Line, Money
from db.orders import PENDING


class New(NamedTuple):
    """An order as it is sent: its columns without total and status, and a total or lines."""

    values: dict[str, Any]
    total: Money | None
    lines: Sequence[Line]
    expected: int | None = None

    @property
    def reference(self) -> str | None:
        return self.values.get("reference")


class Stored(NamedTuple):
    """An order that is there, with its lines."""

    order: Order
    lines: list[OrderLine]


@dataclass
class Plan:
    """An Item for each order that is added; `lines` has those to be written, by the item's place.

    `stored` has the orders that are there by their reference, `owners` the customers of the others by id.
    Orders that are there are changed only with `changes_stored`, and with an `owner` only that customer's.
    """

    changes_stored: bool = False
    owner: int | None = None
    stored: dict[str, Stored] = field(default_factory=dict)
    owners: dict[int, Customer] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    lines: dict[int, Lines] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def add(self, each: New) -> None:
        self.items.append(item_results.attempt(self._item, each))

    def _item(self, each: New) -> Item:
        reference = each.reference
        if reference is not None and reference in self._seen:
            raise domain_errors.Repeated("reference")
        item = self._of(each, self.stored.get(reference) if reference is not None else None)
        # Only now: an item that is refused stands in no other's way.
        if reference is not None:
            self._seen.add(reference)
        return item

    def _of(self, each: New, stored: Stored | None) -> Item:
        total = each.total or money.total_of(each.lines)
        if stored is None:
            return self._created(each, total)
        if not self.changes_stored or self.owner not in (None, stored.order.customer_id):
            raise domain_errors.Taken("reference")
        return self._changed(each, total, stored)

    def _created(self, each: New, total: Money) -> Item:
        if each.expected is not None:
            raise domain_errors.NothingExpected
        owner = each.values["customer_id"]
        if owner not in self.owners:
            raise domain_errors.NotFound("Customer", owner, "customer_id")
        if self.owners[owner].archived_at:
            raise domain_errors.CustomerArchived
        moment = changes.now()
        columns = {"reference": None, "placed_at": moment, **each.values, **_columns(total)}
        columns |= {"status": PENDING, "version": 1, "created_at": moment, "updated_at": moment}
        if each.lines:
            self.lines[len(self.items)] = Lines((), each.lines)
        return Item(Order(id=0, **columns), CREATED)

    def _changed(self, each: New, total: Money, stored: Stored) -> Item:
        order = stored.order
        if each.values["customer_id"] != order.customer_id:
            raise domain_errors.OtherCustomer
        changes.require_version(order, each.expected)
        if each.total and stored.lines:
            raise domain_errors.HasLines
        touched = bool(each.lines) and not order_lines.are(stored.lines, each.lines)
        differs = touched or total != (order.total, order.currency)
        if differs and order.status != PENDING:
            raise domain_errors.NotEditable(order.status, "lines" if each.lines else "total")
        if touched:
            self.lines[len(self.items)] = Lines(stored.lines, each.lines)
        changed = changes.changed_row(order, {**each.values, **_columns(total)}, touched=touched)
        return Item(changed, UNCHANGED if changed is order else UPDATED)


def _columns(total: Money) -> dict[str, Any]:
    return {"total": total.amount, "currency": total.currency}
