"""Cursors: what is encoded comes back, and nothing else is taken."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from db import errors
from db.models import Order
from db.pagination.filters import Compare, Every
from db.pagination.keyset import ConnectionSpec
from db.pagination.sorts import ORDER_SORTS

PLACED, _, TOTAL, STATUS = (ConnectionSpec("Query.orders", "orders", sort) for sort in ORDER_SORTS)
MOMENT = datetime(2026, 2, 28, 9, 30, 0, 123_456, tzinfo=UTC)
ORDER = Order(7, 1, None, "PAID", Decimal("20.5000"), "EUR", MOMENT, 1, MOMENT, MOMENT)
NEARLY = [PLACED.cursor(ORDER) + "=", PLACED.cursor(ORDER)[:-4]]


def made_up(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


@pytest.mark.parametrize("spec", [PLACED, TOTAL, STATUS])
def test_a_key_comes_back_exactly(spec: ConnectionSpec) -> None:
    """With its microseconds and its ten-thousandths."""
    assert spec.sort.key(ORDER) == spec.key(spec.cursor(ORDER))


@pytest.mark.parametrize(
    "other",
    [
        ConnectionSpec("Customer.orders", "orders", ORDER_SORTS[0], parent="customer_id"),
        ConnectionSpec("Query.orders", "orders", ORDER_SORTS[1]),
        ConnectionSpec("Query.orders", "orders", ORDER_SORTS[0].towards(descending=False)),
        ConnectionSpec("Query.orders", "orders", ORDER_SORTS[0], Compare("status", "eq", "PAID")),
    ],
)
def test_another_scopes_cursor_is_refused(other: ConnectionSpec) -> None:
    """Bound to field, sort, direction and filter."""
    with pytest.raises(errors.InvalidCursor):
        other.key(PLACED.cursor(ORDER))


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        (PLACED, []),
        (PLACED, [0]),
        (PLACED, [0, 0]),
        (PLACED, [0, -1]),
        (PLACED, [0, 2**63]),
        (PLACED, [0, 1, 1, 1]),
        (PLACED, [0, True]),
        (PLACED, [0.5, 1]),
        (PLACED, ["0", 1]),
        (PLACED, [None, 1]),
        (PLACED, [2**63 - 1, 1]),
        (PLACED, [-(2**55), 1]),
        (TOTAL, ["NaN", 1]),
        (TOTAL, ["-Infinity", 1]),
        (TOTAL, ["1E+40", 1]),
        (TOTAL, ["-1", 1]),
        (TOTAL, ["100000000000", 1]),
        (TOTAL, ["0.00001", 1]),
        (TOTAL, ["", 1]),
        (TOTAL, [20, 1]),
        (STATUS, [["PAID"], 0, 1]),
        (STATUS, [None, 0, 1]),
    ],
    ids=str,
)
def test_what_no_row_has_is_refused(spec: ConnectionSpec, values: list[Any]) -> None:
    """Whoever knows how cursors are made gets no value past the decoder that a column cannot hold."""
    with pytest.raises(errors.InvalidCursor):
        spec.key(made_up(spec.fingerprint, *values))


@pytest.mark.parametrize(
    "text",
    ["", "x", "%", "é", "e30", "W10", "bnVsbA", "MQ", PLACED.cursor(ORDER) + "=", PLACED.cursor(ORDER)[:-4]],
)
def test_any_other_text_is_refused(text: str) -> None:
    """One spelling for each cursor, and nothing but cursors."""
    with pytest.raises(errors.InvalidCursor):
        PLACED.key(text)


def test_cursors_of_earlier_versions_stay_valid() -> None:
    """The fingerprint does not depend on today's class names."""
    spec = ConnectionSpec("Query.orders", "orders", ORDER_SORTS[0], Every((Compare("status", "eq", "PAID"),)))
    assert (datetime(2026, 1, 5, tzinfo=UTC), 7) == spec.key(
        "WyI4ODYxNWQ0NjRiNGUiLDE3Njc1NzEyMDAwMDAwMDAsN10"
    )
