"""Keyset pagination: a connection's spec, its pages between two keys, and the slices of rows they return."""

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
from db.pagination.filters import MATCH_ALL, Condition, Every
from db.pagination.sorts import Sort

RowT = TypeVar("RowT", Customer, Order, Change)


class TableRows:
    """Rows of one table, perhaps of parents; shared by connections and by the SQL of their pages."""

    __slots__ = ()
    table: str
    where: Condition
    parent: str | None
    restricted: bool

    @property
    def rows_from(self) -> sa.Table:
        return models.metadata.tables[self.table]

    @property
    def effective_filter(self) -> Condition:
        """What the rows have in common, the filter and the owner: by it an index is chosen."""
        return (
            Every((self.where, row_level_security.condition(self.table))) if self.restricted else self.where
        )

    @property
    def parent_column(self) -> sa.Column[int]:
        """The column that says whose child a row is, where there is a parent."""
        return self.rows_from.c[str(self.parent)]


@dataclass(frozen=True, slots=True)
class ConnectionSpec(TableRows):
    """A connection without its page: the field, its table, the parent's column, the sort and the filter.

    A cursor is bound to it, but not to a parent or a caller. `restricted`: the Reader shows one customer's
    rows; the customer's id is no part of it, so that one statement serves all such Readers.
    """

    field: str
    table: str
    sort: Sort
    where: Condition = MATCH_ALL
    parent: str | None = None
    restricted: bool = dataclasses.field(default=False, kw_only=True, repr=False)
    fingerprint: str = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Cursors are bound to this text. It begins with the class's first name, so that earlier cursors hold.
        name = "Scope" if type(self) is ConnectionSpec else type(self).__name__
        text = name + repr(self).removeprefix(type(self).__name__)
        object.__setattr__(self, "fingerprint", cursors.fingerprint(text))

    def cursor(self, row: Any, moment: datetime | None = None) -> str:
        """The cursor of `row`, with its page's read timestamp if that is pinned."""
        return cursors.encode(self.fingerprint, codecs(self.table, self.sort), self.sort.key(row), moment)

    def key(self, cursor: str) -> Key:
        """The sort key in a cursor of this connection. Raises InvalidCursor."""
        return self.decode(cursor)[0]

    def moment(self, cursor: str) -> datetime | None:
        """The read timestamp that a cursor is pinned to. Raises InvalidCursor."""
        return self.decode(cursor)[1]

    def decode(self, cursor: str) -> tuple[Key, datetime | None]:
        """Both. Raises InvalidCursor."""
        return cursors.decode(self.fingerprint, codecs(self.table, self.sort), cursor)


@lru_cache
def codecs(table: str, sort: Sort) -> tuple[Codec, ...]:
    """How the keys of a sort stand in a cursor."""
    return tuple(cursors.codec_for(models.metadata.tables[table].c[name]) for name in sort.keys)


class CountedParent(NamedTuple):
    """A parent's ID, and how many children it had when its row was read."""

    id: int
    children: int


Parent = int | CountedParent | None


@dataclass(frozen=True, slots=True)
class Page:
    """`size` rows of a scope after and before two keys, counted from the front or from the back.

    A `pinned` one says as of when it was read, and its cursors hold that moment. `has_next` and
    `has_previous` say whether to look for rows after and before it.
    """

    spec: ConnectionSpec
    size: int
    backward: bool = False
    after: Key | None = None
    before: Key | None = None
    pinned: bool = False
    has_next: bool = True
    has_previous: bool = True

    @property
    def limit(self) -> int:
        """How many rows to read: one more than the page has, if that says whether there are others."""
        return self.size + (self.has_previous if self.backward else self.has_next)

    @property
    def probes_before(self) -> bool:
        """Whether to look for rows on the other side of `after`."""
        return self.has_previous and self.after is not None

    @property
    def probes_after(self) -> bool:
        """Whether to look for rows on the other side of `before`."""
        return self.has_next and self.before is not None


class Snapshot(NamedTuple):
    """As of when a page was read that was to be pinned: the present, if that could not be."""

    at: datetime | None
    pinned: bool


def snapshot(page: Page, moment: datetime | None) -> Snapshot | None:
    """The snapshot that a page reports, if it is to be pinned."""
    return Snapshot(moment, pinned=moment is not None) if page.pinned else None


@dataclass(frozen=True, slots=True)
class Slice(Generic[RowT]):
    """The rows of one page in the scope's order, and whether there are others around them.

    What the page was not asked for is None.
    """

    spec: ConnectionSpec
    parent: Parent
    rows: Sequence[RowT]
    has_next: bool | None
    has_previous: bool | None
    snapshot: Snapshot | None = None

    def cursor(self, row: RowT) -> str:
        """The opaque place of `row`."""
        return self.spec.cursor(row, self.snapshot.at if self.snapshot else None)
