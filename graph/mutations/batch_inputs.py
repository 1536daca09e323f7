"""Inputs of bulk mutations and of their items."""

from typing import Any

import strawberry

from db.batches.customer_batches import CustomerUpsert
from db.batches.order_batches import OrderTransition
from db.batches.order_changes import OrderInput
from graph.mutations.batches import MOST_ITEMS, MOST_LINES_IN_ALL, BatchInput
from graph.mutations.input_rules import Problems, unset
from graph.mutations.inputs import NewOrder, OrderContent
from graph.types.order_status import OrderStatus

ITEMS = f"What to do, 1 to {MOST_ITEMS} items."
ORDERS = f"The orders, 1 to {MOST_ITEMS} of them, with at most {MOST_LINES_IN_ALL} lines in all."
EXPECTED = "The version that you know; any other is the user error VERSION_CONFLICT of this item."


@strawberry.input
class VersionedItem:
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=EXPECTED)

    def valid_version(self, problems: Problems) -> int | None:
        expected = problems.version(self.expected_version)
        return None if problems.has("expected_version") else expected


@strawberry.input(description="A customer by the handle: created, or changed where there is one.")
class UpsertCustomerItem(VersionedItem):
    username: str = strawberry.field(
        description="The unique handle, 1 to 250 characters in NFC, trimmed, without invisible ones."
    )
    name: str = strawberry.field(description="The name, 1 to 250 characters.")
    email: strawberry.Maybe[str | None] = strawberry.field(
        description="The unique e-mail address; left out it is kept, null clears it."
    )

    def decode(self, problems: Problems) -> CustomerUpsert:
        values: dict[str, Any] = {
            "username": problems.username(self.username),
            "name": problems.name(self.name),
        }
        if self.email:
            values["email"] = problems.email(self.email.value)
        expected = self.valid_version(problems)
        return CustomerUpsert(problems.valid(values), expected, bool(problems.found))


@strawberry.input(description="Customers to create or change, by their handles.")
class UpsertCustomersInput(BatchInput):
    items: list[UpsertCustomerItem] = strawberry.field(description=ITEMS)


@strawberry.input(description="A new order, with either a total or lines.")
class CreateOrderItem(NewOrder):
    reference: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A unique key of your own, 1 to 64 characters in NFC, trimmed, without invisible ones.",
    )

    def decode(self, problems: Problems) -> OrderInput:
        return order_input(problems, self.content(problems, self.reference), self)


def order_input(
    problems: Problems, content: OrderContent, sent: NewOrder, expected: int | None = None
) -> OrderInput:
    """The order, or the valid parts of one that has mistakes."""
    if not problems.found:
        return OrderInput(*content, expected)
    field = "total" if unset(sent.lines) else "lines"
    total = None if problems.has("total") else content.total
    lines = () if problems.has("lines") else content.lines
    invalid_content = field if problems.has(field) and not unset(getattr(sent, field)) else None
    return OrderInput(problems.valid(content.values), total, lines, expected, True, invalid_content)


@strawberry.input(description="Orders to create.")
class CreateOrdersInput(BatchInput):
    items: list[CreateOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(
    description="An order by its reference: created, or changed where there is one, as updateOrder may."
)
class UpsertOrderItem(NewOrder, VersionedItem):
    reference: str = strawberry.field(
        description="The order's unique key, 1 to 64 characters in NFC, trimmed, without invisible ones."
    )

    def decode(self, problems: Problems) -> OrderInput:
        expected = self.valid_version(problems)
        return order_input(problems, self.content(problems, self.reference), self, expected)


@strawberry.input(description="Orders to create or change, by their references.")
class UpsertOrdersInput(BatchInput):
    items: list[UpsertOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(description="An order, and the status to move it to.")
class TransitionOrderItem(VersionedItem):
    id: strawberry.ID = strawberry.field(description="The order's id.")
    to: OrderStatus = strawberry.field(description="The status to move to.")

    def decode(self, problems: Problems) -> OrderTransition:
        row_id, expected = problems.row_id("Order", self.id), self.valid_version(problems)
        order_id = None if problems.has("id") else row_id
        return OrderTransition(order_id, str(self.to.value), expected, bool(problems.found))


@strawberry.input(description="Orders to move to other statuses.")
class TransitionOrdersInput(BatchInput):
    items: list[TransitionOrderItem] = strawberry.field(description=ITEMS)
