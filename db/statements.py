"""The SQL of pages and counts: one statement for all parents, whatever their sizes."""

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from db import filters, indexes
from db.columns import RowId
from db.cursors import Key
from db.kept import Kept
from db.owned import COLUMNS, OWNER
from db.pages import Page, Scope
from db.weights import BRANCH, HEAVIEST, weighed

# What a row of a page's answer is: of the page, or a sign that there are rows on that side of its bounds.
SHOWN, EARLIER, LATER = 0, 1, 2
SIDE, FEW = "side", "few"
# How many are kept, and their weight in all: 40 MB of pages at most.
PAGES: Kept[Any, sa.Executable] = Kept(500, 10_000, HEAVIEST)
COUNTS: Kept[Any, sa.Executable] = Kept(200, 5_000, HEAVIEST)
SIZES: Kept[Any, sa.TextClause] = Kept(200, 10_000, HEAVIEST)

Columns: TypeAlias = tuple[str, ...]


def page(page: Page, columns: Columns, few: bool, many: int) -> sa.Executable:
    """A page of each parent in `columns`, one row longer than it is shown, with the signs of what is around.

    Parents with few children, those of the list FEW, are read together, all their children and a window over
    them; of each one with many, m0, m1 …, only as many as are shown. A scope without a parent has neither.

    Kept, with its parents as parameters, because making it takes SQLAlchemy longer than all else.
    """
    weight = (few + many or 1) * (BRANCH + filters.size(page.scope.where))
    return PAGES.get((page, columns, few, many), lambda key: weighed(_page(*key), weight), weight)


def _page(page: Page, columns: Columns, few: bool, many: int) -> sa.Executable:
    branches = []
    if few:
        shown = _ranked(page, columns)
        branches += [shown, *_signs(page, columns, _together(page.scope), grouped=True)]
    for number in range(many):
        where = [page.scope.parent_column == sa.bindparam(f"m{number}", type_=RowId)]
        branches += [_limited(page, columns, where), *_signs(page, columns, where)]
    if not few and not many:
        branches = [_limited(page, columns, []), *_signs(page, columns, [])]
    return branches[0] if len(branches) == 1 else sa.union_all(*branches)


def parameters(few: Sequence[int], many: Sequence[int]) -> dict[str, Any]:
    """The parents of a page's statement."""
    return {**({FEW: few} if few else {}), **{f"m{number}": parent for number, parent in enumerate(many)}}


def places(parents: Sequence[int | None]) -> dict[str, Any]:
    """The parents p0, p1, … of a count's or a look's statement."""
    return {f"p{place}": parent for place, parent in enumerate(parents)}


def counts(scope: Scope, count: int, limit: int) -> sa.Executable:
    """How many rows each of the parents p0, p1, … has, none counted further than one past `limit`.

    (The parent's place, the number) a row; a scope without a parent has the one place 0. Kept, as pages are.
    """
    weight = count * (BRANCH + filters.size(scope.where))
    return COUNTS.get((scope, count, limit), lambda key: weighed(_counts(*key), weight), weight)


def _counts(scope: Scope, count: int, limit: int) -> sa.Executable:
    branches = []
    for place in range(count):
        where = [scope.parent_column == sa.bindparam(f"p{place}", type_=RowId)] if scope.parent else []
        found = (
            _from(scope, sa.select(sa.literal(1).label("one")))
            .where(*where, filters.clause(scope.rows_of, scope.where))
            .limit(limit + 1)
            .subquery()
        )
        branches.append(sa.select(sa.literal(place), sa.func.count()).select_from(found))
    return branches[0] if len(branches) == 1 else sa.union_all(*branches)


def sizes(table: str, parent: str, count: int, *, owned: bool = False) -> sa.TextClause:
    """How many children each of `count` parents p0, p1, … has, none of them counted past :most.

    With `owned` those of the customer :owner alone.

    As text, because it differs only in its length: SQLAlchemy would take longer than the database.
    """
    key = (table, parent, count, owned)
    return SIZES.get(key, lambda key: weighed(_sizes(*key), count), count)


def _sizes(table: str, parent: str, count: int, owned: bool) -> sa.TextClause:
    mine = f" AND {COLUMNS[table]} = :{OWNER}" if owned else ""
    one = (
        "SELECT {p} AS parent, COUNT(*) AS size FROM (SELECT 1 FROM {t} WHERE {c} = {p}{mine} LIMIT :most) s"
    )
    text = " UNION ALL ".join(one.format(p=f":p{n}", t=table, c=parent, mine=mine) for n in range(count))
    return sa.text(text)


def _limited(page: Page, columns: Columns, where: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    """The first rows in order, read by an index that has the order."""
    scope = page.scope
    found = (
        _from(scope, sa.select(*(scope.rows_of.c[name] for name in columns)))
        .where(*where, filters.clause(scope.rows_of, scope.where), *_bounds(page))
        .order_by(*_order(page))
        .limit(page.size + 1)
        .subquery()
    )
    return sa.select(*found.c, sa.literal(SHOWN).label(SIDE))


def _ranked(page: Page, columns: Columns) -> sa.Select[Any]:
    """The same for many parents at once; the window reads every child of theirs."""
    scope = page.scope
    table = scope.rows_of
    rank = sa.func.row_number().over(partition_by=scope.parent_column, order_by=_order(page))
    ranked = (
        _in_order(scope, sa.select(*(table.c[name] for name in columns), rank.label("rank_")))
        .where(*_together(scope), filters.clause(table, scope.where), *_bounds(page))
        .subquery()
    )
    shown = [ranked.c[name] for name in columns]
    return sa.select(*shown, sa.literal(SHOWN).label(SIDE)).where(ranked.c.rank_ <= page.size + 1)


def _signs(
    page: Page, columns: Columns, where: Sequence[sa.ColumnElement[bool]], *, grouped: bool = False
) -> list[sa.Select[Any]]:
    """A row for each side on which the filter finds rows beyond a bound of the page."""
    bounds = ((page.after, EARLIER), (page.before, LATER))
    return [_sign(page.scope, columns, where, key, side, grouped) for key, side in bounds if key is not None]


def _sign(
    scope: Scope,
    columns: Columns,
    where: Sequence[sa.ColumnElement[bool]],
    key: Key,
    side: int,
    grouped: bool,
) -> sa.Select[Any]:
    table = scope.rows_of
    parent = scope.parent_column if scope.parent else sa.literal(None).label("parent")
    beyond = _past(scope, key, later=side == LATER, inclusive=True)
    choose = _in_order if grouped else _from
    found = choose(scope, sa.select(parent)).where(*where, filters.clause(table, scope.where), beyond)
    rows = (found.distinct() if grouped else found.limit(1)).subquery()
    shown = [rows.c[0].label(name) if name == scope.parent else sa.null().label(name) for name in columns]
    return sa.select(*shown, sa.literal(side).label(SIDE)).select_from(rows)


def _from(scope: Scope, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Name the indexes that TiDB may choose among: it scans a table where statistics mislead it."""
    return _hinted(scope, statement, indexes.usable(scope.table, scope.sort, scope.sought, scope.parent))


def _in_order(scope: Scope, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Name the index that begins with the parent: TiDB reads the whole table for a window otherwise."""
    serving = indexes.serving(scope.table, scope.sort, scope.sought, scope.parent)
    return _hinted(scope, statement, [index.name for index in serving])


def _hinted(scope: Scope, statement: sa.Select[Any], names: Sequence[str]) -> sa.Select[Any]:
    found = statement.select_from(scope.rows_of)
    return found.with_hint(scope.rows_of, f"USE INDEX ({', '.join(names)})", "mysql") if names else found


def _together(scope: Scope) -> list[sa.ColumnElement[bool]]:
    return [scope.parent_column.in_(sa.bindparam(FEW, type_=RowId, expanding=True))]


def _order(page: Page) -> list[sa.ColumnElement[Any]]:
    columns = page.scope.rows_of.c
    descending = page.scope.sort.descending != page.backward
    return [columns[name].desc() if descending else columns[name].asc() for name, _ in _many(page.scope)]


def _bounds(page: Page) -> list[sa.ColumnElement[bool]]:
    keys = ((page.after, True), (page.before, False))
    return [_past(page.scope, key, later=later) for key, later in keys if key is not None]


def _past(scope: Scope, key: Key, *, later: bool, inclusive: bool = False) -> sa.ColumnElement[bool]:
    """Rows later, or earlier, in the scope's order than `key`; `inclusive` takes the key's own, too.

    Written out: TiDB gets no index range from a row value `(a, b) < (x, y)`, nor from a NOT around it.
    """
    smaller = scope.sort.descending == later
    beyond, up_to = (operator.lt, operator.le) if smaller else (operator.gt, operator.ge)
    columns = scope.rows_of.c
    *leading, (last, place) = _many(scope)
    predicate: sa.ColumnElement[bool] = (up_to if inclusive else beyond)(columns[last], key[place])
    for name, place in reversed(leading):
        tied = sa.and_(columns[name] == key[place], predicate)
        predicate = sa.or_(beyond(columns[name], key[place]), tied)
    return predicate


def _many(scope: Scope) -> list[tuple[str, int]]:
    """The sort's columns that can have many values, and their places in its key.

    TiDB gets no index range from `status = 'PAID' AND (status > 'PAID' OR status = 'PAID' AND …)`.
    """
    equal = filters.equal_columns(scope.where)
    keys = [(name, place) for place, name in enumerate(scope.sort.keys)]
    return [each for each in keys if each[0] not in equal] or keys[-1:]
