"""SQL that both databases write differently: IN lists, exact sums, and the time bucket of a timestamp."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from db.aggregation.time_buckets import Bucket
from db.column_types import Amount


class IsIn(FunctionElement[Any]):
    """Whether a column has one of the values of a parameter of the type ValueList, which is not empty."""

    name = "is_in"
    # Of a Boolean SQLAlchemy would write `(…) = 1`, for which there is no index.
    type = sa.types.NULLTYPE
    inherit_cache = True


@compiles(IsIn)
def is_in(element: IsIn, compiler: Any, **options: Any) -> str:
    column, values = element.clauses
    return f"({compiler.process(column, **options)} IN {compiler.process(values, **options)})"


@compiles(IsIn, "sqlite")
def is_in_json(element: IsIn, compiler: Any, **options: Any) -> str:
    column, values = element.clauses
    array = compiler.process(values, **options)
    return f"({compiler.process(column, **options)} IN (SELECT value FROM json_each({array})))"  # noqa: S608


class ExactSum(FunctionElement[Any]):
    """The sum of an Amount, of any size, exact, and sortable."""

    name = "exact_sum"
    type = Amount()
    inherit_cache = True


@compiles(ExactSum)
def exact_sum(element: ExactSum, compiler: Any, **options: Any) -> str:
    return f"SUM({compiler.process(element.clauses, **options)})"


@compiles(ExactSum, "sqlite")
def exact_sum_in_halves(element: ExactSum, compiler: Any, **options: Any) -> str:
    """SQLite's SUM of integers fails past 2^63: two sums, put together as digits of a fixed width."""
    amount = compiler.process(element.clauses, **options)
    high, low = f"SUM({amount} / 100000000)", f"SUM({amount} % 100000000)"
    return f"printf('%019d%08d', {high} + {low} / 100000000, {low} % 100000000)"


class BucketNumber(sa.ColumnElement[int]):
    """The index in `buckets`, which has no gaps, of the bucket that contains the column's timestamp.

    The boundaries are literals in the SQL. It is not cached: it compiles quickly and rarely repeats.
    """

    inherit_cache = False
    type = sa.Integer()

    def __init__(self, column: sa.ColumnElement[Any], buckets: Sequence[Bucket]) -> None:
        self.column = column
        self.boundaries = [f"'{each.start:%Y-%m-%d %H:%M:%S.%f}'" for each in buckets]


@compiles(BucketNumber)
def bucket_number(element: BucketNumber, compiler: Any, **options: Any) -> str:
    """A tree of comparisons, nine deep for a year of days; TiKV computes it, where a join would not be."""
    column = compiler.process(element.column, **options)

    def tree(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high + 1) // 2
        earlier, later = tree(low, middle - 1), tree(middle, high)
        return f"CASE WHEN {column} < {element.boundaries[middle]} THEN {earlier} ELSE {later} END"

    return tree(0, len(element.boundaries) - 1)
