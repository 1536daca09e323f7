"""Search: the customers in whose words all terms of a query are found, the best first.

A page takes a bounded look at how frequent the pieces of the query are, and at how many customers a single
one finds; then it reads the customers found by the rarest. They are ranked here, not in SQL: a customer's
own row says which words are exact, so no word is joined again, and both databases rank alike. Where there
are more than MOST_RANKED, the second statement reads the page of an ordinary connection instead, with the
search as its filter.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from db import errors
from db.models import Customer, customer_words, customers
from db.pagination import cursors, filters, keyset, page_reads
from db.pagination.cursors import Codec, Key
from db.pagination.filters import MATCH_ALL, Compare, Condition, Either, Every, Related
from db.pagination.keyset import ConnectionSpec, Page, Slice, Snapshot
from db.pagination.page_reads import Count
from db.reader import Reader
from db.search import search_index, text_folding
from db.search.text_folding import Term

MAX_RANKED = 1_000
# A walk that began with the best goes on so, although there are more by now, up to this many times more.
MAX_GROWTH = 2
# Words read per ranked customer: some words of one customer have the same prefix, as username and e-mail.
WORDS_PER_CUSTOMER = 10
# A search has at most 127 terms, each of which scores 2 at the most.
SCORE = cursors.integer_codec(1_000)
# How many customers are ranked in a row, which takes up to 200 us each, before others' requests go on.
RANK_BATCH = 100
# In the look at the pieces' sizes, the place of what a query of one piece finds.
MATCHES = -1


@dataclass(frozen=True, slots=True)
class Search(ConnectionSpec):
    """A scope of customers that are found by `terms`; its filter holds them too.

    By itself it has the scope's order, the newest first; `best_first` puts a score before it, and `matches`
    are then how many there are on all pages.
    """

    base: Condition = MATCH_ALL
    terms: tuple[Term, ...] = ()
    best_first: bool = False
    matches: int | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, spec: ConnectionSpec, query: str) -> "Search":
        """The scope, narrowed to what the query finds."""
        terms = text_folding.terms(query)
        where = Every((spec.where, condition(terms)))
        return cls(spec.field, spec.table, spec.sort, where, spec.parent, spec.where, terms)

    def place(self, customer: Customer) -> Key:
        """What customers are compared by; the greatest comes first."""
        key = self.sort.key(customer)
        return (self._score(customer), *key) if self.best_first else key

    def cursor(self, row: Any, moment: datetime | None = None) -> str:
        """The cursor of `row`, with its page's read timestamp if that is pinned."""
        return cursors.encode(self.fingerprint, self._codecs(), self.place(row), moment)

    def decode(self, cursor: str) -> tuple[Key, datetime | None]:
        """The sort key and the read timestamp in a cursor, of either order. Raises InvalidCursor."""
        try:
            return cursors.decode(self.fingerprint, self._codecs(), cursor)
        except errors.InvalidCursor:
            if self.best_first:
                raise
        return replace(self, best_first=True).decode(cursor)

    def _codecs(self) -> tuple[Codec, ...]:
        codecs = keyset.codecs(self.table, self.sort)
        return (SCORE, *codecs) if self.best_first else codecs

    def _score(self, customer: Customer) -> int:
        found = search_index.whole_words(customer)
        return sum(term.score(found) for term in self.terms)


def condition(terms: tuple[Term, ...]) -> Condition:
    """All terms are found; nothing is by a query without any."""
    found = [Related("words", Compare("word", "starts_with", each)) for each in text_folding.prefixes(terms)]
    return Every(tuple(found)) if found else Either()


async def read(reader: Reader, search: Search, page: Page) -> Slice[Customer]:
    """A page of the search. Raises InvalidCursor when its two bounds are of different orders."""
    lengths = {len(key) for key in (page.after, page.before) if key is not None}
    if len(lengths) > 1:
        raise errors.InvalidCursor
    ranked = replace(search, best_first=True)
    best_first = lengths == {len(ranked.sort.keys) + 1}
    if not lengths or best_first:
        found = await _matches(reader, search, MAX_RANKED * (MAX_GROWTH if best_first else 1))
        if found is not None:
            placed = await _placed(ranked, found)
            return _cut(
                replace(page, spec=ranked), ranked, placed, keyset.snapshot(page, reader.read_timestamp)
            )
        if best_first:
            raise errors.InvalidCursor
    (slice_,) = await page_reads.read(reader, page, [None])
    return slice_


async def count(reader: Reader, search: Search, limit: int) -> Count:
    """How many customers the search finds, counted no further than `limit`; one that was ranked knows it."""
    if search.matches is None:
        (counted,) = await page_reads.count(reader, search, [None], limit)
        return counted
    return Count(min(search.matches, limit), search.matches <= limit)


async def _matches(reader: Reader, search: Search, most: int) -> list[Customer] | None:
    """All customers that the search finds, None when they are more than `most`, or too many words away."""
    pieces = text_folding.prefixes(search.terms)
    if not pieces:
        return []
    look = [_size(place, piece, most * WORDS_PER_CUSTOMER) for place, piece in enumerate(pieces)]
    if len(pieces) == 1:
        look.append(_matching(search, pieces[0], most))
    sizes = {row.place: row.size for row in await reader.fetch(sa.union_all(*look))}
    matching = sizes.pop(MATCHES, 0)
    if not all(sizes.values()):
        return []
    if len(pieces) == 1 and (matching > most or sizes[0] >= most * WORDS_PER_CUSTOMER):
        return None
    pieces = tuple(pieces[place] for place in sorted(sizes, key=lambda place: sizes[place]))
    rows = await reader.fetch(_found(search, pieces, most))
    if len(rows) > most or sum(row.words for row in rows) >= most * WORDS_PER_CUSTOMER:
        return None
    return [Customer._make(row[:-1]) for row in rows]


def _size(place: int, piece: str, most: int) -> sa.Select[int, int]:
    """How many words begin with a piece, none counted past `most`."""
    found = sa.select(sa.literal(1).label("one")).where(_begins(customer_words, piece))
    return _counted(place, found.limit(most))


def _matching(search: Search, piece: str, most: int) -> sa.Select[int, int]:
    """How many customers the one piece finds, counted one past `most`; none where it has too many words."""
    words = _size(MATCHES, piece, most * WORDS_PER_CUSTOMER).subquery()
    few = sa.select(words.c.size).scalar_subquery() < most * WORDS_PER_CUSTOMER
    return _counted(MATCHES, _ways(search, [piece], customers.c.id).where(few).distinct().limit(most + 1))


def _counted(place: int, rows: sa.Select[Any]) -> sa.Select[int, int]:
    size = sa.func.count().label("size")
    return sa.select(sa.literal(place).label("place"), size).select_from(rows.subquery())


def _found(search: Search, pieces: Sequence[str], most: int) -> sa.Select[Any]:
    """The customers that have words with all `pieces`, the rarest first, and how many ways that is so."""
    ways = _ways(search, pieces, *customers.c).limit(most * WORDS_PER_CUSTOMER).subquery()
    return sa.select(*ways.c, sa.func.count().label("words")).group_by(*ways.c).limit(most + 1)


def _ways(search: Search, pieces: Sequence[str], *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The customers that have words with all `pieces`, once for each word with the first, the rarest.

    For the others it is enough that there is a word: joining them would give each choice of words.
    """
    word, *others = (customer_words.alias(f"w{place}") for place in range(len(pieces)))
    inner = ", ".join(["customers", *(f"{other.name}@sel_{place}" for place, other in enumerate(others, 3))])
    return (
        sa.select(*columns)
        .select_from(word.join(customers, customers.c.id == word.c.customer_id))
        .where(_begins(word, pieces[0]))
        .where(*(_has(word, other, piece) for other, piece in zip(others, pieces[1:], strict=True)))
        .where(filters.clause(customers, search.base))
        # Without this TiDB may read the words of a frequent piece, or all customers, and compare them.
        .prefix_with(f"/*+ LEADING(w0, customers), INL_JOIN({inner}) */", dialect="mysql")
    )


def _has(word: Any, other: Any, piece: str) -> sa.ColumnElement[bool]:
    """Whether the customer of `word` has another one that begins with the piece."""
    mine = other.c.customer_id == word.c.customer_id
    return sa.exists().where(mine, _begins(other, piece)).correlate(word)


def _begins(table: Any, piece: str) -> sa.ColumnElement[bool]:
    return filters.clause(table, Compare("word", "starts_with", piece))


async def _placed(search: Search, found: list[Customer]) -> list[tuple[Key, Customer]]:
    """The customers with their places, in ascending order."""
    placed: list[tuple[Key, Customer]] = []
    for start in range(0, len(found), RANK_BATCH):
        placed += [(search.place(each), each) for each in found[start : start + RANK_BATCH]]
        await asyncio.sleep(0)
    return sorted(placed)


def _cut(
    page: Page, search: Search, placed: list[tuple[Key, Customer]], snapshot: Snapshot | None
) -> Slice[Customer]:
    """The page out of everything that was found."""
    places = [place for place, _ in placed]
    # Ascending: what comes after a cursor lies below its place.
    end = len(places) if page.after is None else bisect_left(places, page.after)
    start = 0 if page.before is None else bisect_right(places, page.before)
    inside = placed[start:end][::-1]
    shown = inside[-page.size :] if page.backward and page.size else inside[: page.size]
    more = len(inside) > page.size
    return Slice(
        replace(search, matches=len(placed)),
        None,
        [customer for _, customer in shown],
        has_next=start > 0 or (more and not page.backward),
        has_previous=end < len(places) or (more and page.backward),
        snapshot=snapshot,
    )
