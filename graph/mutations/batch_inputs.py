"""Inputs of bulk mutations and of their items."""

from typing import Any

import strawberry

from db.batches.customer_batches import CustomerUpsert
from db.batches.order_batches import OrderTransition
from db.batches.order_changes import OrderInput
from graph.mutations.batches import MAX_ITEMS, MAX_TOTAL_LINES, BatchInput
from graph.mutations.input_rules import InputValidator, is_unset
from graph.mutations.inputs import NewOrder, OrderContent
from graph.types.order_status import OrderStatus

ITEMS = f"What to do, 1 to {MAX_ITEMS} items."
ORDERS = f"The orders, 1 to {MAX_ITEMS} of them, with at most {MAX_TOTAL_LINES} lines in all."
EXPECTED = "The version that you know; any other is the user error VERSION_CONFLICT of this item."


@strawberry.input
class VersionedItem:
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=EXPECTED)

    def valid_version(self, validator: InputValidator) -> int | None:
        expected = validator.version(self.expected_version)
        return None if validator.has_error("expected_version") else expected


@strawberry.input(description="A customer by the handle: created, or changed where there is one.")
class UpsertCustomerItem(VersionedItem):
    username: str = strawberry.field(
        description="The unique handle, 1 to 250 characters in NFC, trimmed, without invisible ones."
    )
    name: str = strawberry.field(description="The name, 1 to 250 characters.")
    email: strawberry.Maybe[str | None] = strawberry.field(
        description="The unique e-mail address; left out it is kept, null clears it."
    )

    def decode(self, validator: InputValidator) -> CustomerUpsert:
        values: dict[str, Any] = {
            "username": validator.username(self.username),
            "name": validator.name(self.name),
        }
        if self.email:
            values["email"] = validator.email(self.email.value)
        expected = self.valid_version(validator)
        return CustomerUpsert(validator.valid_values(values), expected, bool(validator.errors))


@strawberry.input(description="Customers to create or change, by their handles.")
class UpsertCustomersInput(BatchInput):
    items: list[UpsertCustomerItem] = strawberry.field(description=ITEMS)


@strawberry.input(description="A new order, with either a total or lines.")
class CreateOrderItem(NewOrder):
    reference: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A unique key of your own, 1 to 64 characters in NFC, trimmed, without invisible ones.",
    )

    def decode(self, validator: InputValidator) -> OrderInput:
        return order_input(validator, self.content(validator, self.reference), self)


def order_input(
    validator: InputValidator, content: OrderContent, sent: NewOrder, expected: int | None = None
) -> OrderInput:
    """The order, or the valid parts of one that has mistakes."""
    if not validator.errors:
        return OrderInput(*content, expected)
    field = "total" if is_unset(sent.lines) else "lines"
    total = None if validator.has_error("total") else content.total
    lines = () if validator.has_error("lines") else content.lines
    invalid_content = field if validator.has_error(field) and not is_unset(getattr(sent, field)) else None
    return OrderInput(validator.valid_values(content.values), total, lines, expected, True, invalid_content)


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

    def decode(self, validator: InputValidator) -> OrderInput:
        expected = self.valid_version(validator)
        return order_input(validator, self.content(validator, self.reference), self, expected)


@strawberry.input(description="Orders to create or change, by their references.")
class UpsertOrdersInput(BatchInput):
    items: list[UpsertOrderItem] = strawberry.field(description=ORDERS)


@strawberry.input(description="An order, and the status to move it to.")
class TransitionOrderItem(VersionedItem):
    id: strawberry.ID = strawberry.field(description="The order's id.")
    to: OrderStatus = strawberry.field(description="The status to move to.")

    def decode(self, validator: InputValidator) -> OrderTransition:
        row_id, expected = validator.row_id("Order", self.id), self.valid_version(validator)
        order_id = None if validator.has_error("id") else row_id
        return OrderTransition(order_id, str(self.to.value), expected, bool(validator.errors))


@strawberry.input(description="Orders to move to other statuses.")
class TransitionOrdersInput(BatchInput):
    items: list[TransitionOrderItem] = strawberry.field(description=ITEMS)
