"""A reference implementation of connections: plain loops over rows that are dictionaries.

Rows and arguments are as GraphQL has them: a row has its fields by their names, `customer` or `orders` for
its relation, and `row` for the number that breaks ties.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from db import unique_text

Row = dict[str, Any]
Where = dict[str, Any]

FIELDS = {
    "CREATED_AT": "createdAt",
    "PLACED_AT": "placedAt",
    "USERNAME": "username",
    "NAME": "name",
    "STATUS": "status",
}

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, sent: bool(value == sent),
    "ne": lambda value, sent: bool(value != sent),
    "in": lambda value, sent: value in sent,
    "notIn": lambda value, sent: value not in sent,
    "gt": lambda value, sent: bool(value > sent),
    "gte": lambda value, sent: bool(value >= sent),
    "lt": lambda value, sent: bool(value < sent),
    "lte": lambda value, sent: bool(value <= sent),
    "startsWith": lambda value, sent: bool(value.startswith(sent)),
    "contains": lambda value, sent: sent in value,
}


def meets(row: Row, where: Where | None) -> bool:
    """Whether all conditions hold; a null instead of one asks for nothing."""
    return all(_meets(row, name, sent) for name, sent in (where or {}).items() if sent is not None)


def _meets(row: Row, name: str, sent: Any) -> bool:
    match name:
        case "and":
            return all(meets(row, each) for each in sent)
        case "or":
            return any(meets(row, each) for each in sent)
        case "not":
            return not meets(row, sent)
        case "customer":
            return meets(row["customer"], sent)
        case "orders":
            some, none = sent.get("some"), sent.get("none")
            found_some = some is None or any(meets(each, some) for each in row["orders"])
            return found_some and (none is None or not any(meets(each, none) for each in row["orders"]))
        case "total":
            amount = {key: _decimal(value) for key, value in (sent.get("amount") or {}).items()}
            currency = sent.get("currency") or {}
            return compare(Decimal(row["amount"]), amount) and compare(row["currency"], currency)
        case "username" | "email" | "reference":
            return compare(row[name], {key: _normal(name, key, value) for key, value in sent.items()})
        case _:
            return compare(row[name], sent)


def _normal(column: str, operator: str, sent: Any) -> Any:
    """What is compared with unique text: a value in its normal form, or a part of one."""
    form = (
        unique_text.PART_NORMALIZERS[column]
        if operator in {"startsWith", "contains"}
        else unique_text.NORMALIZERS[column]
    )
    if isinstance(sent, list):
        return [form(each) for each in sent]
    return form(sent) if isinstance(sent, str) else sent


def _decimal(value: Any) -> Any:
    return [Decimal(each) for each in value] if isinstance(value, list) else Decimal(value)


def compare(value: Any, operators: Where) -> bool:
    """A comparison with a null is false, whatever it is; `notIn` of an empty list is none."""
    for name, sent in operators.items():
        if name == "isNull":
            held = (value is None) == sent
        elif name == "notIn" and not sent:
            held = True
        else:
            held = value is not None and OPERATORS[name](value, sent)
        if not held:
            return False
    return True


def key(row: Row, order_by: list[dict[str, str]]) -> tuple[Any, ...]:
    """What rows are compared by, ascending."""
    values = [
        Decimal(row["amount"]) if part["field"] == "TOTAL" else row[FIELDS[part["field"]]]
        for part in order_by
    ]
    return (*values, row["row"])


def ordered(rows: list[Row], where: Where, order_by: list[dict[str, str]]) -> list[Row]:
    """All rows of the connection."""
    found = [row for row in rows if meets(row, where)]
    descending = order_by[0]["direction"] == "DESC"
    return sorted(found, key=lambda row: key(row, order_by), reverse=descending)


def page(
    rows: list[Row],
    order_by: list[dict[str, str]],
    *,
    first: int | None = None,
    last: int | None = None,
    after: Row | None = None,
    before: Row | None = None,
) -> tuple[list[Row], bool, bool]:
    """The rows of one page of ordered `rows`, and whether there are others after and before it.

    `after` and `before` are the rows of the cursors, which need not be among `rows`.
    """
    descending = order_by[0]["direction"] == "DESC"

    def place(row: Row) -> Any:
        return key(row, order_by)

    def later(row: Row, than: Row) -> bool:
        return place(row) < place(than) if descending else place(row) > place(than)

    between = [
        row for row in rows if (after is None or later(row, after)) and (before is None or later(before, row))
    ]
    if last is None:
        shown = between[: 20 if first is None else first]
        cut_before, cut_after = False, len(shown) < len(between)
    else:
        shown = between[max(0, len(between) - last) :]
        cut_before, cut_after = len(shown) < len(between), False
    is_before = after is not None and any(not later(row, after) for row in rows)
    is_after = before is not None and any(not later(before, row) for row in rows)
    return shown, cut_after or is_after, cut_before or is_before
