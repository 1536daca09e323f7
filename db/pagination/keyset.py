"""Keyset pages: which rows of which parents, in which order, between which keys, and what is around them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from db import models, row_level_security
from db.models import Change, Customer, Order
from db.pagination import cursors
from db.pagination.cursors import Codec, Key
from db.pagination.filters import EVERYTHING, Condition, Every
from db.pagination.sorts import Sort

RowT = TypeVar("RowT", Customer, Order, Change)


@dataclass(frozen=True, slots=True)
class Scope:
    """A connection without its page: the field, its table, the parent's column, the sort and the filter.

    A cursor is bound to it, and so holds for every parent, and whoever asks: a `narrowed` one is of a Reader
    that shows one customer's rows, whosever they are, so that statements serve all such Readers.
    """

    field: str
    table: str
    sort: Sort
    where: Condition = EVERYTHING
    parent: str | None = None
    narrowed: bool = dataclasses.field(default=False, kw_only=True, repr=False)
    mark: str = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mark", cursors.fingerprint(self))

    @property
    def rows_of(self) -> sa.Table:
        return models.metadata.tables[self.table]

    @property
    def sought(self) -> Condition:
        """What the rows have in common, the filter and the owner: by it an index is chosen."""
        return Every((self.where, row_level_security.condition(self.table))) if self.narrowed else self.where

    @property
    def parent_column(self) -> sa.Column[int]:
        """The column that says whose child a row is, where the scope has a parent."""
        return self.rows_of.c[str(self.parent)]

    def cursor(self, row: Any, moment: datetime | None = None) -> str:
        """The opaque place of `row`, as of a `moment` where its page is pinned to one."""
        return cursors.encode(self.mark, codecs(self.table, self.sort), self.sort.key(row), moment)

    def key(self, cursor: str) -> Key:
        """The sort key that a cursor of this scope holds. Raises BadCursor."""
        return self.decode(cursor)[0]

    def moment(self, cursor: str) -> datetime | None:
        """The moment that a cursor of this scope is pinned to. Raises BadCursor."""
        return self.decode(cursor)[1]

    def decode(self, cursor: str) -> tuple[Key, datetime | None]:
        """Both. Raises BadCursor."""
        return cursors.decode(self.mark, codecs(self.table, self.sort), cursor)


@lru_cache
def codecs(table: str, sort: Sort) -> tuple[Codec, ...]:
    """How the keys of a sort stand in a cursor."""
    return tuple(cursors.codec(models.metadata.tables[table].c[name]) for name in sort.keys)


@dataclass(frozen=True, slots=True)
class Page:
    """`size` rows of a scope after and before two keys, counted from the front or from the back.

    A `pinned` one says as of when it was read, and its cursors hold that moment.
    """

    scope: Scope
    size: int
    backward: bool = False
    after: Key | None = None
    before: Key | None = None
    pinned: bool = False


class Snapshot(NamedTuple):
    """As of when a page was read that was to be pinned: the present, if that could not be."""

    at: datetime | None
    pinned: bool


def snapshot(page: Page, moment: datetime | None) -> Snapshot | None:
    """What a page that was read as of `moment` says of it."""
    return Snapshot(moment, pinned=moment is not None) if page.pinned else None


@dataclass(frozen=True, slots=True)
class Slice(Generic[RowT]):
    """The rows of one page in the scope's order, and whether there are others around them."""

    scope: Scope
    parent: int | None
    rows: Sequence[RowT]
    has_next: bool
    has_previous: bool
    snapshot: Snapshot | None = None

    def cursor(self, row: RowT) -> str:
        """The opaque place of `row`."""
        return self.scope.cursor(row, self.snapshot.at if self.snapshot else None)
