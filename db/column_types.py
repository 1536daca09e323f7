"""Column types and DDL that behave the same on TiDB and on SQLite."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, CreateTable
from sqlalchemy.types import TypeDecorator, TypeEngine

AMOUNT_UNITS = 10_000
COLLATION = "utf8mb4_0900_bin"
TABLE_OPTIONS: dict[str, Any] = {
    "mysql_default_charset": "utf8mb4",
    "mysql_collate": COLLATION,
    "sqlite_autoincrement": True,
}
# Of tables that have no id of their own: their rows lie in the order of their key.
KEYED_OPTIONS = {**TABLE_OPTIONS, "sqlite_autoincrement": False, "sqlite_with_rowid": False}
# For how long TiDB keeps a row past its `expires_at`.
EXPIRY = "`expires_at` + INTERVAL 1 HOUR"
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class IsoDateTime(sqlite.DATETIME):
    """ISO text, as SQLAlchemy's own, but written several times as fast."""

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], str | None]:
        return lambda value: None if value is None else value.isoformat(" ", "microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, to the microsecond: DATETIME(6), on SQLite ISO text that sorts by time."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(IsoDateTime())  # type: ignore[no-untyped-call]

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """One function for both steps: it runs for every timestamp of every row."""
        return _aware_from_datetime if dialect.name == "mysql" else _aware_from_text


def _aware_from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")


def _aware_from_datetime(value: datetime | None) -> datetime | None:
    # `replace` takes five times as long.
    return None if value is None else datetime.combine(value, value.time(), UTC)


class Amount(TypeDecorator[Decimal]):
    """An exact amount of money: DECIMAL(19,4), on SQLite an integer of ten-thousandths.

    SQLite has no decimal type, and its REAL is not exact, neither in sums nor in comparisons.
    """

    impl = sa.Numeric(19, 4)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            return dialect.type_descriptor(sa.Numeric(19, 4))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name == "mysql":
            return value
        return int(value * AMOUNT_UNITS)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> Decimal | None:
        if value is None or dialect.name == "mysql":
            return value
        return Decimal(value).scaleb(-4)


class ValueList(TypeDecorator[Sequence[Any]]):
    """A list of values as one parameter of `IsIn`.

    SQLite gets a JSON array: it takes 32,766 parameters in a statement. TiDB's drivers write a tuple as
    `('a', 'b')` into the statement.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any]:
        convert = self.item.dialect_impl(dialect).bind_processor(dialect)
        pack: Callable[[Any], Any] = tuple
        if dialect.name == "sqlite":
            pack = lambda values: orjson.dumps(list(values)).decode()  # noqa: E731
        return lambda values: pack(values if convert is None else [convert(each) for each in values])


def auto_random_id() -> sa.Column[int]:
    """A key that scatters writes over TiKV's regions and stays below 2^53, as JavaScript needs."""
    return sa.Column("id", RowId, primary_key=True, info={"auto_random": True})


def index(name: str, *columns: str) -> sa.Index:
    """An index that TiDB makes together with its table (see `create_table` below)."""
    return sa.Index(name, *columns).ddl_if(dialect="sqlite")


@compiles(CreateColumn, "mysql")
def create_column(element: CreateColumn, compiler: Any, **options: Any) -> str:
    """SQLAlchemy writes AUTO_INCREMENT, whose ascending ids make one region take every insert."""
    text: str = compiler.visit_create_column(element, **options)
    if element.element.info.get("auto_random"):
        text = text.replace("AUTO_INCREMENT", "AUTO_RANDOM(5, 54)")
    return text


@compiles(sa.PrimaryKeyConstraint, "mysql")
def primary_key(element: sa.PrimaryKeyConstraint, compiler: Any, **options: Any) -> str:
    """Say CLUSTERED aloud: whether it is TiDB's default depends on a setting of the server."""
    text: str = compiler.visit_primary_key_constraint(element, **options)
    return text + " /*T![clustered_index] CLUSTERED */"


@compiles(CreateTable, "mysql")
def create_table(element: CreateTable, compiler: Any, **options: Any) -> str:
    """Write the indexes into CREATE TABLE.

    TiDB's DDL is not transactional, so a table with its indexes is one statement; and a foreign key
    that finds no index under it makes one of its own.
    """
    text: str = compiler.visit_create_table(element, **options)
    keys = [
        f"KEY {each.name} ({', '.join(column.name for column in each.columns)})"
        for each in sorted(element.element.indexes, key=lambda each: str(each.name))
        if not each.unique
    ]
    body, closing, table_options = text.rpartition("\n)")
    return body + "".join(f", \n\t{key}" for key in keys) + closing + table_options
