"""A shop's order desk: pages, filters, lookups, an order, and errors. It prints what it saw as JSON."""

import json
import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

from build.desk import (
    Client,
    CreateOrderInput,
    CustomerBy,
    DateTimeFilter,
    DeleteCustomerInput,
    GraphQLClientGraphQLMultiError,
    GraphQLClientHttpError,
    MoneyInput,
    OrderStatus,
    OrderStatusFilter,
    OrderWhere,
)
from build.desk.create_order import CreateOrderCreateOrderUserErrorsValueTakenError as ValueTakenError

PAGE = 2


def code_of(send: Any, *arguments: Any, **variables: Any) -> Any:
    """The code of the error that a request ends with, also when the server answers 401 or 429."""
    try:
        send(*arguments, **variables)
    except GraphQLClientGraphQLMultiError as failed:
        return failed.errors[0].extensions["code"]
    except GraphQLClientHttpError as failed:
        return failed.response.json()["errors"][0]["extensions"]["code"]


def all_customers(client: Client) -> list[tuple[str, str, list[str]]]:
    """The id and username of every customer, and the ids of all their orders."""
    found, after, more = [], None, True
    while more:
        page = client.customers(first=PAGE, orders=PAGE, after=after).customers
        for customer in page.nodes:
            orders, ids = customer.orders, [order.id for order in customer.orders.nodes]
            while orders.page_info.has_next_page:
                cursor = orders.page_info.end_cursor
                by = CustomerBy(id=customer.id)
                orders = client.orders_of_customer(by, first=PAGE, after=cursor).customer.orders
                ids += [order.id for order in orders.nodes]
            found.append((customer.id, customer.username, ids))
        after, more = page.page_info.end_cursor, page.page_info.has_next_page
    return found


def main(url: str, key: str, reference: str) -> None:
    client = Client(url, headers={"Authorization": f"Bearer {key}"})
    customers = all_customers(client)
    customer, username, _ = customers[0]
    found = client.orders_of_customer(CustomerBy(username=username), first=PAGE).customer

    placed = datetime.fromisoformat("2026-02-28T10:30:00.000001+01:00")
    where = OrderWhere(
        status=OrderStatusFilter(in_=[OrderStatus.PENDING, OrderStatus.PAID]),
        placed_at=DateTimeFilter(gte=placed),
    )
    filtered = client.filtered_orders(where).orders.nodes

    order_input = CreateOrderInput(
        customer_id=customer,
        reference=reference,
        placed_at=placed,
        total=MoneyInput(amount=Decimal("0.1"), currency="EUR"),
    )
    order = client.create_order(order_input).create_order.order
    refused = client.create_order(order_input).create_order.user_errors

    report = {
        "shop": [[username, ids] for _, username, ids in customers],
        "found": found.username,
        "filtered": [order.id for order in filtered],
        "created": order.id,
        "placed": order.placed_at == placed,
        "sum": str(order.total.amount + Decimal("0.2")),
        "taken": [
            [error.code, error.path, error.value] for error in refused if isinstance(error, ValueTakenError)
        ],
        "codes": [
            code_of(client.delete_customer, DeleteCustomerInput(id=customer)),
            code_of(Client(url).customers, first=1, orders=1),
        ],
    }
    print(json.dumps(report))


main(*sys.argv[1:])
