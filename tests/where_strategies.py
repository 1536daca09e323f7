"""Hypothesis strategies for the arguments of connections, as GraphQL variables."""

from typing import Any

from hypothesis import strategies as st

from graph.types.scalars import serialize_date_time
from tests.shop import AMOUNTS, CURRENCIES, MOMENTS, STATUSES, TEXTS

Strategy = st.SearchStrategy[Any]

texts = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS).map(lambda text: text[:1]),
    st.sampled_from(["", "%", "_", "\\", "'", '"', "0", "z", "\U0010ffff\U0010ffff"]),
)
moments = st.sampled_from(MOMENTS).map(serialize_date_time)
amounts = st.sampled_from([*AMOUNTS, "-1", "20.0", "100000000000", "9" * 40])
numbers = st.sampled_from([-1, 0, 1, 2, 2**31 - 1])
EQUAL = ("eq", "ne")
RANGES = ("gt", "gte", "lt", "lte")


def compared(values: Strategy, *single: str, nullable: bool = False) -> Strategy:
    """One or two of the operators of a filter's input."""
    parts = dict.fromkeys((*EQUAL, *single), values)
    parts |= {name: st.lists(values, max_size=3) for name in ("in", "notIn")}
    if nullable:
        parts["isNull"] = st.booleans()
    one = st.sampled_from(sorted(parts)).flatmap(lambda name: st.fixed_dictionaries({name: parts[name]}))
    return st.one_of(one, one, st.builds(lambda a, b: {**a, **b}, one, one), st.just({}))


strings = compared(texts, *RANGES, "startsWith", "contains", nullable=True)
times = compared(moments, *RANGES, nullable=True)
versions = compared(numbers, *RANGES)
totals = st.fixed_dictionaries(
    {}, optional={"amount": compared(amounts, *RANGES), "currency": compared(st.sampled_from(CURRENCIES))}
)


def leaves(fields: dict[str, Strategy]) -> Strategy:
    """A condition on one field or two; a null asks for nothing."""
    one = st.sampled_from(sorted(fields)).flatmap(
        lambda name: st.fixed_dictionaries({name: st.one_of(fields[name], fields[name], st.none())})
    )
    return st.one_of(one, one, st.builds(lambda a, b: {**a, **b}, one, one), st.just({}))


def combined(leaf: Strategy) -> Strategy:
    """The leaf, or an `and`, `or` or `not` over a few."""
    lists = st.lists(leaf, max_size=2)
    return st.one_of(
        leaf,
        st.fixed_dictionaries({"and": lists}),
        st.fixed_dictionaries({"or": lists}),
        st.fixed_dictionaries({"not": leaf}),
    )


def ids(kind: str) -> Strategy:
    """Names of rows, which `Shop.named` turns into their ids, and ids of nothing."""
    return compared(st.sampled_from([f"{kind}:{place}" for place in range(4)] + ["Q3VzdG9tZXI6MA", "none"]))


CUSTOMER_FIELDS = {"username": strings, "name": strings, "email": strings, "version": versions}
CUSTOMER_FIELDS |= {"id": ids("customer"), "createdAt": times, "updatedAt": times, "archivedAt": times}
ORDER_FIELDS = {"reference": strings, "total": totals, "status": compared(st.sampled_from(STATUSES))}
ORDER_FIELDS |= {"id": ids("order"), "version": versions, "placedAt": times, "createdAt": times}

of_customer, of_order = leaves(CUSTOMER_FIELDS), leaves(ORDER_FIELDS)
related = st.fixed_dictionaries({}, optional={"some": of_order, "none": of_order})
customers = st.one_of(of_customer, st.fixed_dictionaries({"orders": related}))
orders = st.one_of(of_order, st.fixed_dictionaries({"customer": customers}))
# Nested, negated, and across the relation, 4 levels deep at most.
WHERES = {"customers": combined(combined(customers)), "orders": combined(orders)}

SORTS = {
    "customers": [["CREATED_AT"], ["USERNAME"], ["NAME"]],
    "orders": [["PLACED_AT"], ["CREATED_AT"], ["STATUS", "PLACED_AT"], ["TOTAL"]],
}


def sorts(table: str) -> Strategy:
    """`orderBy` in both directions."""

    def parts(fields: list[str], direction: str) -> list[dict[str, str]]:
        return [{"field": field, "direction": direction} for field in fields]

    return st.builds(parts, st.sampled_from(SORTS[table]), st.sampled_from(["ASC", "DESC"]))


def arguments(table: str) -> Strategy:
    """`where` and `orderBy` that go together."""

    def together(where: Any, order_by: list[dict[str, str]]) -> dict[str, Any]:
        if order_by[0]["field"] == "TOTAL":
            where = {"and": [where, {"total": {"currency": {"eq": "EUR"}}}]}
        return {"where": where, "orderBy": order_by}

    return st.builds(together, WHERES[table], sorts(table))


# A few shops a run are enough: the rows of each are stored anew.
seeds = st.integers(0, 2**16)


def asked(**parts: Strategy) -> Strategy:
    """Some things to ask one shop."""
    return st.lists(st.fixed_dictionaries(parts), min_size=6, max_size=6)


def sizes(largest: int) -> Strategy:
    """`first`, `last` or neither."""
    some = st.integers(0, largest)
    return st.one_of(
        st.fixed_dictionaries({"first": some}), st.fixed_dictionaries({"last": some}), st.just({})
    )


# For each bound either none or a row of the connection, by a number that is taken modulo their count.
bounds = st.fixed_dictionaries({}, optional={name: st.integers(0, 999) for name in ("after", "before")})
