"""Payload types of batch mutations: a result per item, and all user errors together."""

from typing import Any

import strawberry

from graph.mutations.batches import ItemOutcome
from graph.mutations.payloads import PayloadRow
from graph.mutations.user_errors import UserError
from graph.types.fields import column, computed
from graph.types.objects import Customer, Order


def results() -> Any:
    return computed(
        lambda answer: answer.row or [],
        description="One for each item, in their order; none where the batch itself was refused.",
    )


def every_error(answer: PayloadRow) -> list[UserError]:
    return [*answer.user_errors, *(error for result in answer.row or () for error in result.user_errors)]


def user_errors() -> Any:
    return computed(every_error, description="All that is wrong with the batch and with its items.")


def object_of_item(kind: str) -> Any:
    description = f"The {kind} as it is now; null if it has mistakes, or if nothing was stored."
    return computed(lambda result: result.row, description=description)


def outcome() -> Any:
    return column("What was done; null if nothing was.")


def errors_of_item() -> Any:
    return column("What is wrong with this item, with its place in the path.")


@strawberry.type(description="What became of one item.")
class CustomerResult:
    customer: Customer | None = object_of_item("customer")
    outcome: ItemOutcome | None = outcome()
    user_errors: list[UserError] = errors_of_item()


@strawberry.type(description="What became of one item.")
class OrderResult:
    order: Order | None = object_of_item("order")
    outcome: ItemOutcome | None = outcome()
    user_errors: list[UserError] = errors_of_item()


@strawberry.type(description="What upsertCustomers did.")
class UpsertCustomersPayload:
    results: list[CustomerResult] = results()
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What upsertOrders did.")
class UpsertOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What createOrders did.")
class CreateOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="What transitionOrders did.")
class TransitionOrdersPayload:
    results: list[OrderResult] = results()
    user_errors: list[UserError] = user_errors()
