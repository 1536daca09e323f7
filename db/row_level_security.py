"""Row-level security: restricts a statement to the rows of one customer, the owner.

Every SELECT, UPDATE and DELETE in it, at any depth, gets a condition for each table that it names. What is
not known here is refused: a table that was forgotten shows nothing, and fails.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from db import errors, models
from db.column_types import RowId
from db.pagination.filters import Compare, Condition

# The parameter that has the owner's id.
OWNER = "owner"
# By table the column that says whose a row is.
OWNER_COLUMNS = {
    "customers": "id",
    "orders": "customer_id",
    "customer_words": "customer_id",
    "history": "customer_id",
}
TABLES = re.compile("|".join(("from", *models.metadata.tables)), re.IGNORECASE)
TABLES_WITHOUT_OWNER = {models.idempotency_keys.name}

SelectT = TypeVar("SelectT", bound=sa.Executable)


class Named(NamedTuple):
    """A table as a statement names it, or an alias of it; `optional` where an outer join may lack its row."""

    source: sa.FromClause
    table: str
    optional: bool = False


def condition(table: str) -> Condition:
    """What an owner's rows have in common; for the choice of an index, not for secrecy."""
    return Compare(OWNER_COLUMNS[table], "eq", OWNER)


def require_unlocked(statement: sa.Executable) -> None:
    """Raises StatementFailed for a locking read at any depth.

    A condition on the owner is too late for it: TiDB locks rows that it reads by key before it evaluates
    other conditions.
    """
    visitors.traverse(statement, {}, {"select": _require_unlocked})  # type: ignore[call-overload]


def _require_unlocked(part: sa.Select[Any]) -> None:
    if part._for_update_arg is not None:
        raise errors.StatementFailed("a locking read of an owner may lock others' rows: use Transaction.lock")


def restrict(statement: sa.Executable, parameters: Any, owner: int) -> tuple[sa.Executable, Any]:
    """The statement over the owner's rows, with its parameters.

    Raises RowLevelSecurityViolation for an INSERT of another customer's row, and StatementFailed for a kind
    of statement that is not known here.
    """
    if isinstance(statement, sa.TextClause):
        _require_owner(statement, parameters, owner)
        return statement, parameters
    if isinstance(statement, sa.Select | sa.CompoundSelect) and parameters is not None:
        return _restrict_cached(statement), {**parameters, OWNER: owner}
    if isinstance(statement, sa.Insert):
        _require_own(statement, parameters, owner)
    elif not isinstance(statement, sa.Select | sa.CompoundSelect | sa.Update | sa.Delete):
        raise _unknown(statement)
    return _restrict(statement, sa.literal(owner)), parameters


def restrict_to_parameter(statement: SelectT) -> SelectT:
    """The statement over the rows of the customer in the parameter OWNER."""
    return cast(SelectT, _restrict(statement, sa.bindparam(OWNER, type_=RowId)))


@lru_cache(200)
def _restrict_cached(statement: Any) -> Any:
    """Of the few statements that are sent again with other parameters: this takes longer than to run them."""
    return restrict_to_parameter(statement)


def _restrict(statement: sa.Executable, owner: sa.ColumnElement[int]) -> sa.Executable:
    def narrow(part: Any) -> None:
        for named in _named(_sources(part)):
            type(part).where.non_generative(part, _is_owned(named, owner))

    visits = dict.fromkeys(("select", "update", "delete"), narrow)
    texts = dict.fromkeys(("textclause", "column"), _require_known)
    visitors.traverse(statement, {}, texts)  # type: ignore[call-overload]
    whole: sa.Executable = visitors.cloned_traverse(statement, {}, visits)  # type: ignore[call-overload]
    return whole


def _sources(part: sa.Select[Any] | sa.Update | sa.Delete) -> Sequence[sa.FromClause]:
    """What a part of a statement reads from; UPDATE and DELETE also what their condition names."""
    if isinstance(part, sa.Select):
        return part.get_final_froms()
    condition = part.whereclause
    return list(dict.fromkeys([part.table, *(() if condition is None else condition._from_objects)]))


def _require_known(part: sa.TextClause | sa.ColumnClause[Any]) -> None:
    """Text may read anything, or have an OR that takes in what was narrowed; `*` is what COUNT counts."""
    if isinstance(part, sa.TextClause) or (part.is_literal and part.name != "*"):
        raise _unknown(part)


def _unknown(part: object) -> errors.StatementFailed:
    return errors.StatementFailed(f"whose rows are in {part!r} is not known")


def _named(sources: Sequence[sa.FromClause], *, optional: bool = False) -> Iterator[Named]:
    """The tables among what a statement reads from; a subquery is narrowed by itself."""
    for source in sources:
        match source:
            case sa.Table():
                yield Named(source, source.name, optional)
            case sa.Alias(element=sa.Table(name=name)):
                yield Named(source, name, optional)
            case sa.Join():
                yield from _named([source.left], optional=optional or source.full)
                yield from _named([source.right], optional=optional or source.isouter or source.full)
            case sa.Subquery():
                pass
            case _:
                raise _unknown(source)


def _is_owned(named: Named, owner: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    columns = named.source.c
    if named.table in TABLES_WITHOUT_OWNER:
        return sa.true()
    if named.table == models.order_lines.name:
        column = columns.order_id
        owned: sa.ColumnElement[bool] = column.in_(
            sa.select(models.orders.c.id).where(models.orders.c.customer_id == owner)
        )
    else:
        column = columns[OWNER_COLUMNS[named.table]]
        owned = column == owner
    return sa.or_(column.is_(None), owned) if named.optional else owned


def _require_owner(statement: sa.TextClause, parameters: Any, owner: int) -> None:
    """Text that reads tables must name its parameter OWNER, and be sent with it."""
    text = statement.text
    if TABLES.search(text) and not (f":{OWNER}" in text and (parameters or {}).get(OWNER) == owner):
        raise errors.StatementFailed("a statement that is text does not say whose rows it reads")


def _require_own(statement: sa.Insert, parameters: Any, owner: int) -> None:
    """Rows that a SELECT gives are those that it may see, and lines are of an order that was seen."""
    table = str(statement.table)
    if statement.select is not None or table in {models.order_lines.name, *TABLES_WITHOUT_OWNER}:
        return
    rows = parameters or _values(statement.compile().params, OWNER_COLUMNS[table])
    if {row.get(OWNER_COLUMNS[table]) for row in ([rows] if isinstance(rows, Mapping) else rows)} != {owner}:
        raise errors.RowLevelSecurityViolation(table)


def _values(params: Mapping[str, Any], column: str) -> list[dict[str, Any]]:
    """A column's values in an INSERT: of one row they have its name, of many its name and a number."""
    found = [value for name, value in params.items() if re.fullmatch(rf"{column}(_m\d+)?", name)]
    return [{column: value} for value in found]
