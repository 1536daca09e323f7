"""Scopes for what is asked by: filters and ids."""

import pytest

from tests.graph.auth.test_scopes import CUSTOMER, CUSTOMERS, HISTORY, ORDER, ORDERS, missing

# What is asked by; it tells about objects that are not shown.
FILTERS = [
    ('{ orders(where: {customer: {email: {eq: "a@b.example"}}}) { nodes { id } } }', {ORDERS, CUSTOMERS}),
    ("{ orders(where: {or: [{not: {customer: {}}}]}) { nodes { id } } }", {ORDERS, CUSTOMERS}),
    ("{ orders(where: {customer: null, status: {eq: PAID}}) { nodes { id } } }", {ORDERS}),
    ("{ orderSummary(where: {customer: {orders: {some: {}}}}) { count } }", {ORDERS, CUSTOMERS}),
    ("{ customers(where: {orders: {none: {}}}) { totalCount { value } } }", {CUSTOMERS, ORDERS}),
    ("query ($w: CustomerWhere) { customers(where: $w) { nodes { id } } }", {CUSTOMERS, ORDERS}),
    ("query ($o: OrdersFilter) { customers(where: {orders: $o}) { nodes { id } } }", {CUSTOMERS, ORDERS}),
]
IDS = [
    (f'{{ node(id: "{CUSTOMER}") {{ id }} }}', {CUSTOMERS}),
    (f'{{ node(id: "{ORDER}") {{ id }} }}', {ORDERS}),
    (f'{{ node(id: "{ORDER}") {{ ... on Order {{ status }} }} }}', {ORDERS}),
    (f'{{ node(id: "{ORDER}") {{ ... on Customer {{ name }} }} }}', {ORDERS, CUSTOMERS}),
    ('{ node(id: "nothing") { id } }', set()),
    (f'{{ nodes(ids: ["{CUSTOMER}", "nothing", "{ORDER}"]) {{ id }} }}', {CUSTOMERS, ORDERS}),
    (f'{{ nodes(ids: "{ORDER}") {{ id }} }}', {ORDERS}),
    (f'{{ history(node: "{ORDER}") {{ nodes {{ version }} }} }}', {HISTORY, ORDERS}),
    ('{ history(node: "nothing") { nodes { version } } }', {HISTORY}),
]


@pytest.mark.parametrize(("query", "needed"), [*FILTERS, *IDS])
def test_what_is_asked_by_needs_scopes(query: str, needed: set[str]) -> None:
    """A filter tells about what it compares with; an id says of which type its object is."""
    assert needed == missing(query)
    assert set() == missing(query, *needed)
