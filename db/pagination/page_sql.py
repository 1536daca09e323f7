"""The SQL of pages and counts: compiled once for one parent, and repeated for each of many."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from db import models, row_level_security
from db.aggregation.sql_functions import IsIn
from db.column_types import RowId, ValueList
from db.engine.compiled_sql import SQL, BoundStatement, LRUCache, compile_select, length, result_processors
from db.pagination import filters, index_usage
from db.pagination.filters import MATCH_ALL, Condition
from db.pagination.keyset import ConnectionSpec, Page, TableRows
from db.pagination.sorts import Sort
from db.response_budget import STREAMED
from db.row_level_security import OWNER

# What a row of a page's result is: of the page, or a sign that there are rows on that side of its bounds.
SHOWN, EARLIER, LATER = 0, 1, 2
SIDE = "side"
# Parameters: the parents of a list, one parent, a page's size or a count's limit, the keys of the bounds.
PARENTS, PARENT, LIMIT, AFTER, BEFORE = "few", "parent", "most", "after", "before"
# The largest statement, unless one parent takes more. SQLite takes 500 parts of a UNION ALL and 32,766
# parameters; TiDB has to parse every value, and takes packets of 64 MB.
MAX_SELECTS, MAX_VALUES, MAX_CHARACTERS = 400, 20_000, 4_000_000

Columns: TypeAlias = tuple[str, ...]
# SQL, and the values of its placeholders.
Part: TypeAlias = tuple[SQL, Sequence[Any]]
# By Shape; no entry holds a value of a filter, and none is part of a reference cycle.
CACHE: LRUCache[Any, SQL] = LRUCache(4_000_000, lambda sql: sql.size)


@dataclass(frozen=True, slots=True)
class StatementShape(TableRows):
    """What the SQL of a page or a count depends on: all but its values.

    Without a `sort` no index is named. `after` and `before` say whether there are such bounds, and
    `probes_before` and `probes_after` whether to look for rows beyond them; `restricted` is for a Reader that
    shows one customer's rows.
    """

    dialect: str
    table: str
    where: Condition = MATCH_ALL
    sort: Sort | None = None
    parent: str | None = None
    restricted: bool = False
    columns: Columns = ()
    backward: bool = False
    after: bool = False
    before: bool = False
    probes_before: bool = False
    probes_after: bool = False


def page_statements(
    page: Page, columns: Columns, few: Sequence[int], many: Sequence[int], target: "CompileTarget"
) -> Iterator[BoundStatement]:
    """Statements for the `limit` rows of a page of each parent, with its probes.

    The parents of `few` are read together, all their children and a window over them; of each of `many`
    only as many children as are shown. A scope without a parent has neither. They are one statement, unless
    that would be larger than a database takes.
    """
    where, values = filters.template(page.spec.where)
    values = {**values, LIMIT: page.limit, PARENTS: few, **_keys(page)}
    spec = page.spec
    shape = StatementShape(
        target.dialect.name,
        spec.table,
        where,
        spec.sort,
        spec.parent,
        target.owner is not None,
        columns,
        page.backward,
        page.after is not None,
        page.before is not None,
        page.probes_before,
        page.probes_after,
    )
    processors = result_processors((shape.rows_from.c[name] for name in columns), target.dialect)
    parents_in = [target.sql(_parents_in, shape)] if few else []
    each = target.sql(_one_parent, shape) if many or not few else None
    for statement in target.bind(parents_in, each, values, many or [None] * (not few), processors):
        # A change may hold all lines of an order, twice.
        large = spec.table == models.history.name
        yield statement.execution_options(**{STREAMED: True}) if large else statement


def count_statements(
    spec: ConnectionSpec, parents: Sequence[int | None], limit: int, target: "CompileTarget"
) -> Iterator[BoundStatement]:
    """Statements that count the rows of each parent, none further than one past `limit`.

    (The parent, the number) a row; the parent of a scope without one is None.
    """
    where, values = filters.template(spec.where)
    restricted = target.owner is not None
    shape = StatementShape(target.dialect.name, spec.table, where, spec.sort, spec.parent, restricted)
    yield from target.bind([], target.sql(_count, shape), {**values, LIMIT: limit + 1}, parents)


def parent_size_statements(
    spec: ConnectionSpec, parents: Sequence[int], most: int, target: "CompileTarget"
) -> Iterator[BoundStatement]:
    """Statements that count the children of each parent, whatever the filter, none further than `most`."""
    restricted = target.owner is not None
    shape = StatementShape(target.dialect.name, spec.table, parent=spec.parent, restricted=restricted)
    yield from target.bind([], target.sql(_count, shape), {LIMIT: most}, parents)


@dataclass(frozen=True, slots=True)
class CompileTarget:
    """What statements are compiled for: a database, and the customer whose rows alone they read."""

    dialect: sa.Dialect
    owner: int | None = None

    def sql(self, make: Any, shape: StatementShape) -> SQL:
        """The SQL of `make(shape)`, from the cache if it is there."""
        return CACHE.get_or_make((make, shape), lambda: self._compiled(make(shape)))

    def _compiled(self, statement: Any) -> SQL:
        if self.owner is not None:
            statement = row_level_security.restrict_to_parameter(statement)
        return compile_select(statement, self.dialect)

    def bind(
        self,
        parents_in: Sequence[SQL],
        each: SQL | None,
        values: Mapping[str, Any],
        parents: Sequence[int | None],
        processors: Any = (),
    ) -> Iterator[BoundStatement]:
        """`parents_in`, and `each` for each of the parents, in as few statements as the limits allow."""
        values = {**values, OWNER: self.owner}
        parts = [(sql, sql.row(sql.bind(values))) for sql in parents_in]
        if each is not None:
            bound = each.bind(values)
            for parent in parents:
                bound[PARENT] = parent
                parts.append((each, each.row(bound)))
        parent_size_statements = {
            sql: StatementSize.of(sql, values) for sql in (*parents_in, *([each] if each else []))
        }
        for group in _grouped(parts, parent_size_statements):
            text = " UNION ALL ".join([sql.text for sql, _ in group])
            flat = tuple([value for _, row in group for value in row])
            yield BoundStatement(text, flat, processors, self.owner)


class StatementSize(NamedTuple):
    """What is limited of a statement."""

    selects: int = 0
    values: int = 0
    characters: int = 0

    @classmethod
    def of(cls, sql: SQL, values: Mapping[str, Any]) -> "StatementSize":
        held = [values.get(name) for name in sql.names]
        count = sum([len(value) if isinstance(value, tuple | list) else 1 for value in held])
        return cls(1 + sql.text.count(" UNION ALL "), count, len(sql.text) + length(held))

    def plus(self, other: "StatementSize") -> "StatementSize":
        return StatementSize(*map(operator.add, self, other))

    @property
    def is_allowed(self) -> bool:
        return self.selects <= MAX_SELECTS and self.values <= MAX_VALUES and self.characters <= MAX_CHARACTERS


def _grouped(
    parts: Sequence[Part], parent_size_statements: Mapping[SQL, StatementSize]
) -> Iterator[list[Part]]:
    """The parts in groups of an allowed size, or of one part."""
    group: list[Part] = []
    size = StatementSize()
    for part in parts:
        size = size.plus(parent_size_statements[part[0]])
        if group and not size.is_allowed:
            yield group
            group, size = [], parent_size_statements[part[0]]
        group.append(part)
    if group:
        yield group


def _keys(page: Page) -> dict[str, Any]:
    """The values of the page's bounds by parameter."""
    bounds = ((AFTER, page.after), (BEFORE, page.before))
    return {f"{name}{place}": value for name, key in bounds for place, value in enumerate(key or ())}


def _union(selects: Sequence[sa.Select[Any]]) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    return selects[0] if len(selects) == 1 else sa.union_all(*selects)


def _parents_in(shape: StatementShape) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """The pages of the parents of the list FEW, with their signs; the window reads every child of theirs."""
    table = shape.rows_from
    parents = IsIn(shape.parent_column, sa.bindparam(PARENTS, type_=ValueList(RowId)))
    rank = sa.func.row_number().over(partition_by=shape.parent_column, order_by=_order(shape))
    ranked = (
        _with_order_index(shape, sa.select(*(table.c[name] for name in shape.columns), rank.label("rank_")))
        .where(parents, filters.clause(table, shape.where), *_bounds(shape))
        .subquery()
    )
    shown = [ranked.c[name] for name in shape.columns]
    most = sa.bindparam(LIMIT, type_=sa.Integer)
    page = sa.select(*shown, sa.literal(SHOWN).label(SIDE)).where(ranked.c.rank_ <= most)
    return _union([page, *_has_more_probes(shape, parents, grouped=True)])


def _one_parent(shape: StatementShape) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """The page of one parent, or of a scope without any, with its signs; read by an index in its order."""
    table = shape.rows_from
    parent = _is_parent(shape)
    found = (
        _with_index_hint(shape, sa.select(*(table.c[name] for name in shape.columns)))
        .where(*parent, filters.clause(table, shape.where), *_bounds(shape))
        .order_by(*_order(shape))
        .limit(sa.bindparam(LIMIT, type_=sa.Integer))
        .subquery()
    )
    page = sa.select(*found.c, sa.literal(SHOWN).label(SIDE))
    return _union([page, *_has_more_probes(shape, *parent)])


def _count(shape: StatementShape) -> sa.Select[int, int]:
    """How many rows one parent has, counted up to MOST."""
    found = (
        _with_index_hint(shape, sa.select(sa.literal(1).label("one")))
        .where(*_is_parent(shape), filters.clause(shape.rows_from, shape.where))
        .limit(sa.bindparam(LIMIT, type_=sa.Integer))
        .subquery()
    )
    return sa.select(_parent(), sa.func.count()).select_from(found)


def _parent() -> sa.BindParameter[int]:
    return sa.bindparam(PARENT, type_=RowId)


def _is_parent(shape: StatementShape) -> list[sa.ColumnElement[bool]]:
    return [shape.parent_column == _parent()] if shape.parent else []


def _has_more_probes(
    shape: StatementShape, *where: sa.ColumnElement[bool], grouped: bool = False
) -> list[sa.Select[Any]]:
    """A row for each side on which the filter finds rows beyond a bound of the page."""
    bounds = ((shape.probes_before, AFTER, EARLIER), (shape.probes_after, BEFORE, LATER))
    return [_has_more_probe(shape, where, name, side, grouped) for there, name, side in bounds if there]


def _has_more_probe(
    shape: StatementShape, where: Sequence[sa.ColumnElement[bool]], name: str, side: int, grouped: bool
) -> sa.Select[Any]:
    table = shape.rows_from
    parent = shape.parent_column if shape.parent else sa.literal(None).label("parent")
    beyond = _beyond_bound(shape, name, later=side == LATER, inclusive=True)
    choose = _with_order_index if grouped else _with_index_hint
    found = choose(shape, sa.select(parent)).where(*where, filters.clause(table, shape.where), beyond)
    rows = (found.distinct() if grouped else found.limit(1)).subquery()
    shown = [
        rows.c[0].label(each) if each == shape.parent else sa.null().label(each) for each in shape.columns
    ]
    return sa.select(*shown, sa.literal(side).label(SIDE)).select_from(rows)


def _with_index_hint(shape: StatementShape, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Name the indexes that TiDB may choose among: it scans a table where statistics mislead it."""
    if shape.sort is None:
        return statement.select_from(shape.rows_from)
    return _hinted(
        shape,
        statement,
        index_usage.index_hint_names(shape.table, shape.sort, shape.effective_filter, shape.parent),
    )


def _with_order_index(shape: StatementShape, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Name the index that begins with the parent: TiDB reads the whole table for a window otherwise."""
    serving = index_usage.indexes_in_order(shape.table, _sort(shape), shape.effective_filter, shape.parent)
    return _hinted(shape, statement, [index.name for index in serving])


def _hinted(shape: StatementShape, statement: sa.Select[Any], names: Sequence[str]) -> sa.Select[Any]:
    found = statement.select_from(shape.rows_from)
    return found.with_hint(shape.rows_from, f"USE INDEX ({', '.join(names)})", "mysql") if names else found


def _sort(shape: StatementShape) -> Sort:
    assert shape.sort is not None  # noqa: S101
    return shape.sort


def _order(shape: StatementShape) -> list[sa.ColumnElement[Any]]:
    columns = shape.rows_from.c
    descending = _sort(shape).descending != shape.backward
    return [
        columns[name].desc() if descending else columns[name].asc() for name, _ in _multi_valued_keys(shape)
    ]


def _bounds(shape: StatementShape) -> list[sa.ColumnElement[bool]]:
    bounds = ((shape.after, AFTER, True), (shape.before, BEFORE, False))
    return [_beyond_bound(shape, name, later=later) for there, name, later in bounds if there]


def _beyond_bound(
    shape: StatementShape, name: str, *, later: bool, inclusive: bool = False
) -> sa.ColumnElement[bool]:
    """Rows later, or earlier, in the scope's order than a bound; `inclusive` takes the bound's own, too.

    SQLite seeks its index for a row value, `(a, b) < (x, y)`, and scans it for an OR. TiDB is the other way
    round.
    """
    smaller = _sort(shape).descending == later
    beyond, up_to = (operator.lt, operator.le) if smaller else (operator.gt, operator.ge)
    last_beyond = up_to if inclusive else beyond
    keys = [
        (column, sa.bindparam(f"{name}{place}", type_=column.type))
        for column, place in ((shape.rows_from.c[key], place) for key, place in _multi_valued_keys(shape))
    ]
    *leading, (column, value) = keys
    if leading and shape.dialect == "sqlite":
        columns, values = zip(*keys, strict=True)
        rows_beyond: sa.ColumnElement[bool] = last_beyond(sa.tuple_(*columns), sa.tuple_(*values))
        return rows_beyond
    predicate: sa.ColumnElement[bool] = last_beyond(column, value)
    for column, value in reversed(leading):
        predicate = sa.or_(beyond(column, value), sa.and_(column == value, predicate))
    return predicate


def _multi_valued_keys(shape: StatementShape) -> list[tuple[str, int]]:
    """The sort's columns that can have many values, and their places in its key.

    TiDB gets no index range from `status = 'PAID' AND (status > 'PAID' OR status = 'PAID' AND …)`.
    """
    equal = filters.columns_compared_by_eq(shape.where)
    keys = [(name, place) for place, name in enumerate(_sort(shape).keys)]
    return [each for each in keys if each[0] not in equal] or keys[-1:]
